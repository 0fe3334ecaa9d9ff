/**
 * One simulated life of a database, told by a seed: sessions of random work, each ended by a crash, a failing disk or a
 * close; after each the database is opened again and must hold what the model says.
 */
import { TIME_MIN } from "../../engine/base/time.ts";
import type { Database } from "../../engine/database.ts";
import { isEngineError } from "../../engine/errors.ts";
import {
  type Cutoffs,
  difference,
  Model,
  type ModelOperation,
  type State,
  type WrittenPoint,
} from "./model.ts";
import { Evictions } from "./evictions.ts";
import { FileDamage } from "./file_damage.ts";
import { HeldViews } from "./held_views.ts";
import { chooseStep, type Life, lifeOf, type Step, WHILE_COPYING } from "./life.ts";
import { checkLiveCopy, DELETIONS_MAX } from "./live_copy.ts";
import { ALL_TIME, countPoints } from "./reading.ts";
import { isDocumented, PowerCut, World } from "./world.ts";
import { Workload } from "./workload.ts";

export interface SimulationResult {
  readonly seed: number;
  readonly sessions: number;
  readonly crashes: number;
  readonly writes: number;
  readonly points: number;
  readonly operations: number;
  /** Segments that a disk limit took. */
  readonly evicted: number;
  /** The file that was damaged. */
  readonly damaged: string | undefined;
}

const SESSIONS = 6;
const STEPS_MAX = 60;
/** Timers that may wait at once, however long the life. */
const TIMERS_MAX = 12;

/** Runs one life. Throws what is wrong, with the seed. */
export async function simulate(seed: number): Promise<SimulationResult> {
  const simulation = new Simulation(seed);
  try {
    return await simulation.run();
  } catch (error) {
    const history = simulation.world.disk.history.slice(-8).join("\n  ");
    const steps = simulation.steps.slice(-12).join(", ");
    const said = simulation.world.complaints.slice(-5).join("\n  ");
    throw new Error(
      `Seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n` +
        `repeat with: npm run prove -- --seed ${seed}\n` +
        `steps: ${steps}\ndisk:\n  ${history}\nsaid:\n  ${said}`,
      { cause: error },
    );
  }
}

class Simulation {
  readonly world: World;
  readonly steps: string[] = [];
  readonly #seed: number;
  readonly #plannedLife: Life;
  readonly #evictions: Evictions;
  readonly #damage: FileDamage;
  readonly #model = new Model();
  readonly #workload: Workload;
  readonly #views = new HeldViews();
  /** Operations whose outcome is not known yet. */
  readonly #pending = new Map<Promise<void>, string>();
  /** Counts starts: what a machine that lost its power still says is of no interest. */
  #life = 0;
  #snapshots = 0;
  #crashes = 0;
  #writes = 0;
  /** Whether the database stopped writing, or its disk fails. */
  #isHurt = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#plannedLife = lifeOf(seed);
    this.world = new World({ seed, settings: this.#plannedLife.settings });
    this.#evictions = new Evictions(this.world.disk.memory);
    this.#damage = new FileDamage(this.world, this.#model);
    this.#model.remembers = this.#plannedLife.trouble === "damage";
    this.#workload = new Workload(this.world.random);
    // Background work goes by the cutoff of its moment, which may be behind the next start's.
    this.world.onTurn = () => {
      if (this.world.isOpen) this.#cutoffs(this.world.database);
    };
  }

  async run(): Promise<SimulationResult> {
    const { disk } = this.world;
    for (let session = 0; session < SESSIONS; session++) {
      this.steps.push(`session ${session}`);
      await this.#session(session);
    }
    if (!this.world.isOpen) await this.#openAndSettle();
    await this.world.finish(
      this.world.database.compact().catch((error: unknown) => {
        if (!this.#damage.explains(error)) throw error;
      }),
    );
    this.#model.confirmWrites();
    this.#verify(await this.#read());
    const points = countPoints(this.#model.visible());
    await this.world.close();
    if (disk.openPaths.length > 0) throw new Error(`Left open: ${disk.openPaths.join(", ")}`);
    if (this.world.clock.timers > 0) throw new Error(`${this.world.clock.timers} timers are left`);
    return {
      seed: this.#seed,
      sessions: SESSIONS,
      crashes: this.#crashes,
      writes: this.#writes,
      points,
      operations: disk.operations,
      evicted: this.#evictions.count,
      damaged: this.#damage.path,
    };
  }

  /** Opens where it is closed, works until something ends it, and checks what is there afterwards. */
  async #session(session: number): Promise<void> {
    const isLast = session === SESSIONS - 1;
    const { world } = this;
    const { disk, random } = world;
    this.#isHurt = false;
    if (random.next() < 0.5) disk.holdSyncs();
    if (isLast) {
      // What an earlier session planned and did not come to is not to happen any more.
      disk.clearFaults();
      disk.capacityBytes = Infinity;
    } else this.#plan(session);
    let isCut = false;
    try {
      if (!world.isOpen) await this.#openAndSettle();
      await this.#damageAtRest();
      const steps = 5 + random.below(STEPS_MAX);
      for (let i = 0; i < steps && !this.#isHurt; i++) await this.#step();
      if (isLast || random.next() < 0.3) await this.#close();
    } catch (error) {
      if (!(error instanceof PowerCut) && !disk.isOff && !this.#endsSession(error)) throw error;
      isCut = true;
    }
    if (!world.isOpen && !disk.isOff && !isCut) return;
    this.#views.forget();
    this.#crashes++;
    this.steps.push("crash");
    if (world.isOpen) this.#cutoffs(world.database);
    this.#evictions.forget();
    await world.crash(random.pick(["random", "random", "random", "lost", "kept"] as const));
    this.#life++;
    this.#pending.clear();
    await this.#openAndSettle();
  }

  /** Chooses what goes wrong in this session. */
  #plan(session: number): void {
    const { disk, random } = this.world;
    const { trouble } = this.#plannedLife;
    // Without room there can be no new database.
    if (trouble === "full disk" && session > 0 && random.next() < 0.7) {
      return disk.limitRoom(random.pick([0, 5_000, 50_000, 200_000]));
    }
    const fate = random.next();
    const at = disk.operations + 1 + random.below(random.pick([20, 100, 600]));
    const when = random.pick(["before", "during", "after"] as const);
    if (fate < 0.6) disk.inject({ at, kind: "crash", when });
    else if (trouble === "damage") return;
    else if (fate < 0.75) {
      // A disk without room takes it from what is kept for copies.
      const code = random.pick(trouble === "copies" ? ["EIO"] : ["EIO", "ENOSPC"]);
      disk.inject({ at, kind: "error", when, code });
    } else if (fate < 0.85) {
      for (let i = 0; i < 12; i++) disk.inject({ at: at + i, kind: "error", when: "before" });
    }
  }

  /** An error that may end a session: of a disk that was told to fail. */
  #endsSession(error: unknown): boolean {
    const { faultsMet, capacityBytes } = this.world.disk;
    return (faultsMet > 0 || capacityBytes < Infinity) &&
      (isEngineError(error, "io") || isEngineError(error, "failed"));
  }

  async #openAndSettle(): Promise<void> {
    const { world } = this;
    await this.world.open();
    const found = await this.#read();
    const cutoffs = this.#cutoffs(world.database);
    let first: string | undefined;
    let last: string | undefined;
    for (const state of this.#model.possible()) {
      const wrong = difference(state, found, cutoffs);
      if (wrong === undefined) {
        this.#model.settle(state);
        return;
      }
      first ??= wrong;
      last = wrong;
    }
    const there = countPoints(found);
    throw new Error(`After the restart, with ${there} points: ${first}; at least: ${last}`);
  }

  async #close(): Promise<void> {
    this.#views.close();
    this.steps.push("close");
    await this.world.close();
    await this.#calm();
    this.#model.confirmWrites();
  }

  async #step(step: Step = chooseStep(this.#plannedLife, this.world.random)): Promise<void> {
    this.steps.push(step);
    this.#cutoffs(this.world.database);
    try {
      await this.#do(step);
    } catch (error) {
      if (error instanceof PowerCut || this.world.disk.isOff) throw error;
      if (!isDocumented(error)) throw error;
      const isExpected = this.#endsSession(error) || isEngineError(error, "limit") ||
        this.#damage.explains(error);
      if (!isExpected) throw error;
      if (isEngineError(error, "failed")) this.#isHurt = true;
    }
    if (this.world.disk.isOff) throw new PowerCut("The machine is off");
    const { timers } = this.world.clock;
    if (timers > TIMERS_MAX) throw new Error(`${timers} timers wait`);
    if (this.#unexpected !== undefined) throw this.#unexpected;
  }

  async #do(step: Step): Promise<void> {
    const { world } = this;
    const { database, disk, random } = world;
    switch (step) {
      case "write":
        return await this.#write();
      case "delete":
        return await this.#delete();
      case "flush": {
        const flush = this.#track(database.flush());
        if (random.next() < 0.5) await world.finish(flush);
        return;
      }
      case "compact": {
        const compact = this.#track(database.compact());
        if (random.next() < 0.5) await world.finish(compact);
        return;
      }
      case "snapshot":
        return await this.#snapshot();
      case "view":
        return this.#views.hold(database, {
          selects: random.next() < 0.5,
          cutoff: () => this.#cutoffs(database).highest ?? TIME_MIN,
        });
      case "look":
        return this.#views.look(database, this.#cutoffs(database).highest ?? TIME_MIN);
      case "wait":
        for (let turns = random.below(6); turns >= 0; turns--) await world.turn();
        world.clock.advance(random.pick([1, 10, 1_000, 100_000]));
        if (disk.capacityBytes < Infinity && random.next() < 0.2) disk.capacityBytes = Infinity;
        return await world.turn();
      case "verify":
        if (!this.#model.hasUnsureDeletions) this.#verify(await this.#read());
        return;
      case "damage":
        return await this.#damageSegment();
      case "copy":
        return await this.#copy();
    }
  }

  async #write(): Promise<void> {
    const { world } = this;
    const { database, random, clock } = world;
    const admission = database.admit();
    if (admission !== undefined) await world.finish(admission);
    const points = this.#workload.fill(database, clock.wallMs);
    const acknowledgement = random.next() < 0.8 ? "durable" : "appended";
    const cutoff = database.stats().retention.cutoff;
    const accepted = cutoff === undefined ? points : points.filter(({ time }) => time >= cutoff);
    const result = this.#apply(accepted, () => database.write(acknowledgement));
    if (result.points !== accepted.length) {
      throw new Error(`${result.points} points were written, ${accepted.length} should be`);
    }
    this.#writes++;
    const operation = this.#model.write(accepted);
    if (result.done === undefined) return;
    const done = this.#settleBy(result.done, operation);
    if (random.next() < 0.5) await world.finish(done);
  }

  /** A write that a power cut interrupts may be in the log. */
  #apply<T>(points: readonly WrittenPoint[], write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (this.world.disk.isOff) this.#model.write(points);
      throw error;
    }
  }

  async #delete(): Promise<void> {
    const { world } = this;
    const { database, random, clock } = world;
    const metric = random.pick(this.#workload.metrics);
    const host = this.#workload.host;
    const isWide = random.next() < 0.3;
    const range = random.next() < 0.15 ? ALL_TIME : this.#workload.range(clock.wallMs);
    const matchers = [{ name: "__name__", operator: "=", value: metric } as const];
    const matchHost = { name: "host", operator: "=", value: host } as const;
    const matches = (series: string) =>
      series.startsWith(`${metric}{`) && (isWide || series === `${metric}{host=${host}}`);
    const deletion = database.delete({
      matchers: isWide ? matchers : [...matchers, matchHost],
      range,
    });
    const operation = this.#model.delete(matches, range);
    const done = this.#settleBy(deletion.then(() => {}), operation);
    if (random.next() < 0.5) await world.finish(done);
  }

  async #snapshot(): Promise<void> {
    const { world } = this;
    await this.#calm();
    const path = `/snapshots/${++this.#snapshots}`;
    const expected = this.#model.visible();
    this.#cutoffs(world.database);
    await world.finish(world.database.snapshot(path));
    const copy = await world.open(path, { settings: { retentionMs: 0, diskLimitBytes: 0 } });
    let wrong: string | undefined;
    try {
      wrong = difference(expected, await this.#damage.read(copy), this.#cutoffs(copy));
    } finally {
      await world.finish(copy.close());
    }
    if (wrong !== undefined) throw new Error(`In the snapshot: ${wrong}`);
  }

  /** Waits for everything under way. */
  async #calm(): Promise<void> {
    while (this.#pending.size > 0) {
      const names = [...this.#pending.values()].join(", ");
      await this.world.finish(Promise.all(this.#pending.keys()), names);
    }
  }

  #verify(found: State): void {
    const cutoffs = this.#cutoffs(this.world.database);
    const visible = this.#model.visible();
    const wrong = difference(visible, found, cutoffs);
    if (wrong === undefined) {
      const isDoubted = !this.#model.doubts.isEmpty &&
        difference(visible, found, { ...cutoffs, doubts: undefined }) !== undefined;
      return isDoubted ? this.#damage.checkTold() : undefined;
    }
    throw new Error(`While open, with the cutoff ${cutoffs.highest}: ${wrong}`);
  }

  #cutoffs(database: Database): Cutoffs {
    if (this.#plannedLife.trouble === "disk limit") this.#evictions.look();
    const current = database.stats().retention.cutoff;
    const { highestCutoff } = this.#model;
    if (current !== undefined && (highestCutoff === undefined || current > highestCutoff)) {
      this.#model.highestCutoff = current;
    }
    return {
      current,
      highest: this.#model.highestCutoff,
      evicted: this.#evictions.highest,
      doubts: this.#model.doubts,
    };
  }

  /** Copies the directory while more is done. */
  async #copy(): Promise<void> {
    await this.#calm();
    if (this.#model.hasUnsureDeletions) return;
    let deletions = 0;
    await checkLiveCopy({
      world: this.world,
      model: this.#model,
      path: `/copies/${++this.#snapshots}`,
      step: async () => {
        const step = chooseStep({ weights: WHILE_COPYING }, this.world.random);
        if (step !== "delete" || ++deletions <= DELETIONS_MAX) await this.#step(step);
      },
      cutoffs: (database) => this.#cutoffs(database),
    });
  }

  /** Damages a segment of the open database. */
  async #damageSegment(): Promise<void> {
    await this.#calm();
    if (!this.#model.hasUnsureDeletions) this.steps.push(await this.#damage.ofSegment());
  }

  /** Now and then closes the database, damages one of its files and opens it again. */
  async #damageAtRest(): Promise<void> {
    const isDue = this.#plannedLife.trouble === "damage" && this.#damage.path === undefined &&
      this.world.random.next() < 0.3;
    if (!isDue) return;
    await this.#close();
    this.steps.push(await this.#damage.ofAnyFile());
    this.#verify(await this.#read());
  }

  #read(): Promise<State> {
    return this.#damage.read(this.world.database);
  }

  /** Notes the outcome of an operation in the model, whenever it comes. */
  #settleBy(done: Promise<void>, operation: ModelOperation): Promise<void> {
    const life = this.#life;
    return this.#track(done.then(
      () => {
        if (life === this.#life) this.#model.confirm(operation);
      },
      (error: unknown) => {
        // "io" and "limit" say that nothing happened; after anything else nobody knows.
        const isKnown = isEngineError(error, "io") || isEngineError(error, "limit");
        if (
          isKnown && life === this.#life && !this.world.disk.isOff && operation.kind === "delete"
        ) {
          this.#model.drop(operation);
        }
        throw error;
      },
    ));
  }

  /** Keeps count of what is under way. Its failure is met by whoever waits for it; it may be nobody. */
  #track(promise: Promise<void>): Promise<void> {
    const quiet = promise.catch((error: unknown) => {
      if (isEngineError(error, "failed")) this.#isHurt = true;
      else if (!isDocumented(error) && !this.world.disk.isOff) this.#unexpected ??= error;
    });
    this.#pending.set(quiet, this.steps.at(-1) ?? "");
    void quiet.then(() => this.#pending.delete(quiet));
    return promise;
  }

  #unexpected: unknown;
}
