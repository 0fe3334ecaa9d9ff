/** The one file that is damaged in a simulated life, and what follows from that for what the database shows. */
import type { Database } from "../../engine/database.ts";
import {
  damageAtRest,
  doubtSegment,
  isDamageOf,
  namesFile,
  namesRegistry,
  pickFile,
  readWhatIsLeft,
  segmentPaths,
  withoutLog,
} from "./damage.ts";
import { fileNameOf } from "../../engine/fs/paths.ts";
import { differences } from "./doubts.ts";
import type { Model, State } from "./model.ts";
import { readDatabase } from "./reading.ts";
import type { World } from "./world.ts";

export class FileDamage {
  readonly #world: World;
  readonly #model: Model;
  #path: string | undefined;

  constructor(world: World, model: Model) {
    this.#world = world;
    this.#model = model;
  }

  /** The damaged file; undefined while there is none. */
  get path(): string | undefined {
    return this.#path;
  }

  /** Points are missing that should be there: somebody was told which file they were in. Throws where nobody was. */
  checkTold(): void {
    const path = this.#path;
    if (path === undefined) return;
    const { complaints } = this.#world;
    // Where the file was gone, an older version and the log may have made up for it, and that is said instead.
    const isTold = complaints.some((text) =>
      text.includes(fileNameOf(path)) || /newest/.test(text)
    );
    if (!isTold) throw new Error(`Nobody was told of the damage to ${path}`);
  }

  /** Whether an error is what the damage leads to. */
  explains(error: unknown): boolean {
    return this.#path !== undefined && isDamageOf(error, this.#path);
  }

  /** What a database shows after what is damaged has been set aside. */
  async read(database: Database): Promise<State> {
    if (this.#path === undefined) return readDatabase(database);
    return await readWhatIsLeft(this.#world, database, this.#path);
  }

  /** Damages a segment of the open database, in which nothing is under way: at rest, or as it is read. Says what it did. */
  async ofSegment(): Promise<string> {
    const { disk, random } = this.#world;
    const paths = segmentPaths(this.#world);
    if (this.#path !== undefined || paths.length === 0) return "nothing to damage";
    const path = random.pick(paths);
    await this.#doubt(path);
    const kind = random.pick(["rest", "flip", "short"] as const);
    if (kind === "rest") damageAtRest(this.#world, path);
    else disk.damageReads(path, { kind, reads: 1 + random.below(3) });
    return `${kind} ${path}`;
  }

  /**
   * Damages a file of the database, which is closed, or removes a segment, and opens it. It refuses and names a file, and is as it was once the
   * damage is undone; or it opens, and shows values that were written and nothing else. Says what it did.
   */
  async ofAnyFile(): Promise<string> {
    const world = this.#world;
    world.disk.clearFaults();
    const file = pickFile(world, world.random);
    if (file === undefined) {
      await world.open();
      return "nothing to damage";
    }
    const { kind, path } = file;
    const isMadeUpFor = kind === "registry" || kind === "segments";
    if (kind === "segments") await this.#doubt(path);
    const inSegments = kind === "wal" ? await withoutLog(world) : undefined;
    const isGone = kind === "segments" && world.random.next() < 0.3;
    if (isGone) world.disk.memory.remove(path);
    const damage = isGone ? undefined : damageAtRest(world, path);
    this.#path = path;
    try {
      await world.open();
    } catch (error) {
      const mayRefuse = kind === "registry" ? namesRegistry(error) : !isMadeUpFor;
      if (!mayRefuse || !namesFile(error)) throw error;
      damage?.undo();
      await world.open();
      return `refused with damage to ${path}`;
    }
    if (damage?.isProven === true) throw new Error(`It was opened with damage to ${path}`);
    if (isMadeUpFor) return `opened with damage to ${path}`;
    const found = await this.read(world.database);
    this.#checkWritten(found, path);
    if (inSegments !== undefined) this.#checkBeginning(found, inSegments, path);
    this.#model.settle(found);
    return `opened with damage to ${path}, which may have taken the last changes`;
  }

  /** Nothing is shown but what was written at some time. */
  #checkWritten(found: State, path: string): void {
    for (const [series, values] of found) {
      for (const [time, value] of values) {
        if (this.#model.writesOf(series, time, value) !== undefined) continue;
        throw new Error(`With ${path} damaged, ${series} at ${time} is ${value}`);
      }
    }
  }

  /** Of what only the log held, a beginning is there: no write is lost before one that is kept. */
  #checkBeginning(found: State, inSegments: State, path: string): void {
    const { highestCutoff } = this.#model;
    const expected = this.#model.visible();
    let firstLost = Infinity;
    let lastKept = 0;
    for (const { series, time, inA: right } of differences(expected, inSegments)) {
      if (right === undefined || (highestCutoff !== undefined && time < highestCutoff)) continue;
      const { first, last } = this.#model.writesOf(series, time, right)!;
      // What is there may be of any write that gave this value, what is not there would be of the last.
      if (found.get(series)?.get(time) === right) lastKept = Math.max(lastKept, first);
      else firstLost = Math.min(firstLost, last);
    }
    if (lastKept < firstLost) return;
    throw new Error(`With ${path} damaged, write ${firstLost} is lost and ${lastKept} is there`);
  }

  async #doubt(path: string): Promise<void> {
    const visible = this.#model.visible();
    this.#model.beginDoubts();
    const { doubts, highestCutoff } = this.#model;
    await doubtSegment(this.#world, path, { visible, cutoff: highestCutoff, doubts });
    // What the copy has said does not count.
    this.#world.complaints.length = 0;
    this.#path = path;
  }
}
