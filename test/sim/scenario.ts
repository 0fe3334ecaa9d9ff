/**
 * A short life without dice: every operation of the disk in it can be made to fail in turn. What the callers are told is
 * kept in a model, against which the database is checked afterwards on a healthy disk.
 */
import type { Database, WriteResult } from "../../engine/database.ts";
import { EngineError, isEngineError } from "../../engine/errors.ts";
import type { Settings } from "../../engine/settings.ts";
import type { CrashOutcome } from "../support/simulated_media.ts";
import type { Fault } from "../support/simulated_disk.ts";
import { difference, Model, type ModelOperation, NO_CUTOFFS, type WrittenPoint } from "./model.ts";
import { readDatabase, seriesText, textOfDouble } from "./reading.ts";
import { isDocumented, PowerCut, World } from "./world.ts";

const SNAPSHOT = "/snapshot/a";
const MINUTE_MS = 60_000;

export class Scenario {
  readonly world: World;
  readonly #model = new Model();
  readonly #start: number;

  constructor(settings: Partial<Settings> = {}) {
    this.world = new World({ seed: 7, settings: { compactionEnabled: false, ...settings } });
    this.#start = this.world.clock.wallMs - 30 * MINUTE_MS;
  }

  /** Runs all of it with a fault; true when the fault was met. Throws what is wrong. */
  async run(
    fault: Omit<Fault, "at"> | undefined,
    at: number,
    outcome: CrashOutcome,
  ): Promise<boolean> {
    const { disk } = this.world;
    if (fault !== undefined) disk.inject({ at, ...fault });
    try {
      await this.#steps();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    const isMet = disk.faultsMet > 0;
    await this.world.crash(outcome);
    await this.#check();
    return isMet;
  }

  /** On a healthy disk the database holds what it must, works, and holds it after another start. */
  async #check(): Promise<void> {
    const { world } = this;
    const database = await world.open();
    this.#settle(database);
    await this.#write(20, 3);
    await world.finish(database.flush());
    await world.finish(database.compact());
    this.#compare("after compaction");
    await world.close();
    await world.open();
    this.#compare("after closing and opening");
    await this.#checkSnapshot();
    await world.close();
    const { openPaths } = world.disk;
    if (openPaths.length > 0) throw new Error(`Left open: ${openPaths.join(", ")}`);
    if (world.disk.memory.list("/data/staging").length > 0) throw new Error("Staging is not empty");
  }

  async #steps(): Promise<void> {
    await this.#try(() => this.world.open());
    await this.#write(0, 1);
    await this.#write(1, 2);
    await this.#do((database) => database.flush());
    await this.#write(1, 5);
    await this.#do((database) => database.flush());
    await this.#delete(1, 2);
    await this.#write(2, 1);
    await this.#do((database) => database.compact());
    await this.#delete(0, 1);
    await this.#write(0, 1);
    await this.#do((database) => database.snapshot(SNAPSHOT));
    await this.#write(3, 2);
    if (this.world.isOpen) await this.#try(() => this.world.close());
    this.#model.noteRestart();
    await this.#try(() => this.world.open());
    await this.#write(4, 1);
  }

  /** Writes a minute's rows of three sources, two fields each; `round` tells their values apart. */
  async #write(minute: number, round: number): Promise<void> {
    await this.#do(async (database) => {
      const points = this.#fill(database, minute, round);
      let result: WriteResult;
      try {
        result = database.write();
      } catch (error) {
        if (this.world.disk.isOff) this.#model.write(points);
        throw error;
      }
      await this.#await(this.#model.write(points), result.done);
    });
  }

  #fill(database: Database, minute: number, round: number): WrittenPoint[] {
    const { batch, registry } = database;
    const points: WrittenPoint[] = [];
    batch.begin();
    for (const host of ["a", "b", "c"]) {
      const source = registry.sourceOf("cpu", [["host", host]]);
      const slots = ["user", "idle"].map((field) => registry.slotOf(source, field, "f64"));
      for (let i = 0; i < 4; i++) {
        const time = BigInt(this.#start + minute * MINUTE_MS + i * 1_000);
        batch.row(source, time);
        slots.forEach((slot, f) => {
          if (f === 1 && i % 2 === 1) return;
          const value = round * 100 + i + f / 2;
          batch.float64(slot, value);
          const series = seriesText(`cpu_${f === 0 ? "user" : "idle"}`, [["host", host]]);
          points.push({ series, time, value: textOfDouble(value) });
        });
      }
    }
    return points;
  }

  /** Deletes one field of one host over whole minutes. */
  async #delete(from: number, until: number): Promise<void> {
    await this.#do(async (database) => {
      const range = {
        start: BigInt(this.#start + from * MINUTE_MS),
        end: BigInt(this.#start + until * MINUTE_MS),
      };
      const matchers = [
        { name: "__name__", operator: "=", value: "cpu_user" },
        { name: "host", operator: "=", value: "b" },
      ] as const;
      const matches = (series: string) => series === "cpu_user{host=b}";
      const operation = this.#model.delete(matches, range);
      await this.#await(operation, database.delete({ matchers, range }).then(() => {}));
    });
  }

  async #await(operation: ModelOperation, done: Promise<void> | undefined): Promise<void> {
    try {
      if (done !== undefined) await this.world.finish(done);
      this.#model.confirm(operation);
    } catch (error) {
      if (isEngineError(error, "io") && operation.kind === "delete") this.#model.drop(operation);
      throw error;
    }
  }

  /** Does something with the database where it is open; an error of the disk is what its callers expect. */
  async #do(step: (database: Database) => Promise<void>): Promise<void> {
    if (!this.world.isOpen) return;
    await this.#try(() => this.world.finish(step(this.world.database)));
  }

  async #try(step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (error instanceof PowerCut) throw error;
      if (this.world.disk.isOff) throw new PowerCut("The machine is off", { cause: error });
      if (!isDocumented(error) || !(error instanceof EngineError)) throw error;
      if (error.code === "corrupt") throw error;
    }
  }

  #settle(database: Database): void {
    const found = readDatabase(database);
    let wrong: string | undefined;
    for (const state of this.#model.possible()) {
      const each = difference(state, found, NO_CUTOFFS);
      if (each === undefined) return this.#model.settle(state);
      wrong = wrong === undefined ? each : `${wrong}; or ${each}`;
    }
    throw new Error(`After the restart: ${wrong}`);
  }

  #compare(when: string): void {
    const wrong = difference(this.#model.visible(), readDatabase(this.world.database), NO_CUTOFFS);
    if (wrong !== undefined) throw new Error(`${when}: ${wrong}`);
  }

  /** A snapshot is complete or not there. */
  async #checkSnapshot(): Promise<void> {
    const { world } = this;
    if (!world.disk.memory.exists(SNAPSHOT)) return;
    const copy = await world.open(SNAPSHOT);
    const points = readDatabase(copy).get("cpu_user{host=a}")?.size ?? 0;
    await world.finish(copy.close());
    if (points < 4) throw new Error(`The snapshot holds ${points} points`);
  }
}
