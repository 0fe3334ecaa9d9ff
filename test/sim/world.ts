/**
 * A database on a simulated disk under a simulated clock, which can lose its power and be started again. Nothing in it
 * depends on the real time: a turn lets all that can go on go on, then syncs end and timers run as the seed says.
 */
import { setImmediate } from "node:timers";
import type { Logger } from "../../engine/components.ts";
import type { Database } from "../../engine/database.ts";
import { isEngineError } from "../../engine/errors.ts";
import type { FileSystem } from "../../engine/fs/file_system.ts";
import { openDatabase } from "../../engine/open.ts";
import type { Settings } from "../../engine/settings.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import type { CrashOutcome } from "../support/simulated_media.ts";

export const DATA = "/data";
/** Turns after which something that was waited for will never come. */
const TURNS_MAX = 1_500;

/** A clock on which work takes time: each look at it is a little later. */
class WorkingClock extends ManualClock {
  #worked = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + (this.#worked += 0.2);
  }
}

/** Small bounds, so that little data makes many files. */
export const SMALL_SETTINGS: Partial<Settings> = {
  timeUnit: "ms",
  partitionMs: 60_000,
  memoryLimitBytes: 16 << 20,
  blockCacheBytes: 1 << 20,
  queryScratchBytes: 8 << 20,
  openFilesMax: 4,
  logFileBytes: 64 << 10,
  logBytesMax: 1 << 20,
  flushPointsMax: 20_000,
  segmentBytesMax: 1 << 20,
  logSyncIntervalMs: 50,
};

export interface WorldOptions {
  readonly seed: number;
  readonly settings?: Partial<Settings>;
}

export interface OtherOptions {
  readonly settings?: Partial<Settings>;
  readonly fileSystem?: FileSystem;
}

/** Thrown when the simulated machine stopped while something was waited for. */
export class PowerCut extends Error {}

export class World {
  readonly disk: SimulatedDisk;
  readonly random: SeededRandom;
  readonly settings: Partial<Settings>;
  clock: ManualClock = new WorkingClock();
  /** Called whenever time has gone on. */
  onTurn: () => void = () => {};
  /** What the database said at the levels warn and error. */
  readonly complaints: string[] = [];
  #database: Database | undefined;

  constructor(options: WorldOptions) {
    this.random = new SeededRandom(options.seed);
    this.disk = new SimulatedDisk({ seed: options.seed ^ 0x5eed });
    this.settings = { ...SMALL_SETTINGS, ...options.settings };
  }

  get database(): Database {
    if (this.#database === undefined) throw new Error("The database is not open");
    return this.#database;
  }

  get isOpen(): boolean {
    return this.#database !== undefined;
  }

  /** Opens the database, or another one in `path`, perhaps of another file system, with no ties to this world's. */
  async open(path: string = DATA, given: OtherOptions = {}): Promise<Database> {
    const { clock, random } = this;
    const { settings, fileSystem = this.disk } = given;
    const logger: Logger = {
      log: (level, message, fields) => {
        if (level !== "warn" && level !== "error") return;
        this.complaints.push(
          fields === undefined ? message : `${message} ${JSON.stringify(fields)}`,
        );
      },
    };
    const components = { fileSystem, clock, random, logger };
    const opening = openDatabase({ path, components, settings: { ...this.settings, ...settings } });
    const database = await this.finish(opening);
    if (path === DATA && fileSystem === this.disk) this.#database = database;
    return database;
  }

  async close(): Promise<void> {
    try {
      await this.finish(this.database.close());
    } finally {
      this.#database = undefined;
    }
  }

  /** Cuts the power and starts the machine again; the database is to be opened anew. */
  async crash(outcome: CrashOutcome): Promise<void> {
    this.disk.turnOff();
    this.disk.failSyncs();
    // Whatever still runs meets a dead machine before the new one is there.
    await idle();
    this.disk.clearFaults();
    this.disk.crash(outcome);
    this.disk.releaseSyncs();
    this.#database = undefined;
    const { wallMs } = this.clock;
    this.clock = new WorkingClock(wallMs);
  }

  /** Waits for a promise while the simulated world goes on. Throws PowerCut when the machine stops meanwhile. */
  async finish<T>(promise: Promise<T>, what = "an operation"): Promise<T> {
    let isDone = false;
    const end = () => void (isDone = true);
    promise.then(end, end);
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      await idle();
      if (isDone) {
        try {
          return await promise;
        } catch (error) {
          if (this.disk.isOff) throw new PowerCut("The machine is off", { cause: error });
          throw error;
        }
      }
      if (this.disk.isOff) throw new PowerCut("The machine is off");
      this.#goOn(turns);
    }
    throw new Error(`Waited in vain for ${what}`);
  }

  /** Lets the world go on a little. */
  async turn(): Promise<void> {
    await idle();
    if (!this.disk.isOff) this.#goOn(0);
    await idle();
  }

  #goOn(turns: number): void {
    if (this.disk.heldSyncs > 0 && this.random.next() < 0.4) this.disk.finishSyncs();
    // Whoever waits for long waits for a timer of long.
    this.clock.advance(turns < 50 ? this.random.below(3) : 2 ** Math.min(12, turns / 50));
    this.onTurn();
  }
}

/** Everything that can go on without clock and disk has gone on. */
export function idle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Whether an error is one that the engine documents. */
export function isDocumented(error: unknown): boolean {
  return ["invalid", "limit", "closed", "corrupt", "io", "failed"].some((code) =>
    isEngineError(error, code as "io")
  );
}
