/** Storage on a simulated disk that is opened, loses its power and is opened again: one series, or a few, of doubles. */
import { setImmediate } from "node:timers";
import type { Clock, Logger } from "../../engine/components.ts";
import type { Settings } from "../../engine/settings.ts";
import { type Row, Storage } from "../../engine/storage.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

export const SECOND = 1_000_000_000n;
const EVER = 9_000_000_000n * SECOND;

/** A row of the metric `m` with the tag `tag`, at a whole second. */
export function rowAt(second: bigint | number, value = 1, tag = "a"): Row {
  const point = { timestamp: BigInt(second) * SECOND, value: { kind: "f64", value } } as const;
  return { metric: "m", labels: [["tag", tag]], point };
}

export class Machine {
  readonly disk: SimulatedDisk;
  /** What was logged at the levels warn and error. */
  readonly complaints: string[] = [];
  readonly #settings: Partial<Settings>;
  storage!: Storage;

  readonly #path: string;
  /** Where it stands in for the machine's own. */
  clock: Clock | undefined;

  private constructor(settings: Partial<Settings>, disk: SimulatedDisk, path: string) {
    this.#settings = settings;
    this.disk = disk;
    this.#path = path;
  }

  static async start(
    settings: Partial<Settings> = {},
    disk: SimulatedDisk = new SimulatedDisk(),
    path = "/data",
    clock?: Clock,
  ): Promise<Machine> {
    const machine = new Machine(settings, disk, path);
    machine.clock = clock;
    await machine.open();
    return machine;
  }

  async open(settings: Partial<Settings> = {}): Promise<void> {
    const logger: Logger = {
      log: (level, message) => {
        if (level === "warn" || level === "error") this.complaints.push(message);
      },
    };
    this.storage = await Storage.open({
      path: this.#path,
      settings: { ...this.#settings, ...settings },
      components: {
        fileSystem: this.disk,
        logger,
        ...(this.clock === undefined ? {} : { clock: this.clock }),
      },
    });
  }

  async reopen(settings: Partial<Settings> = {}): Promise<void> {
    await this.storage.close();
    await this.open(settings);
  }

  /** Cuts the power; everything that was not synced is lost, or kept. */
  async cut(outcome: "lost" | "kept" = "lost"): Promise<void> {
    this.disk.turnOff();
    this.disk.failSyncs();
    await new Promise((resolve) => void setImmediate(resolve));
    this.disk.crash(outcome);
    this.disk.releaseSyncs();
  }

  async powerCut(outcome: "lost" | "kept" = "lost"): Promise<void> {
    await this.cut(outcome);
    await this.open();
  }

  async write(...rows: readonly Row[]): Promise<void> {
    await this.storage.insertRows(rows);
  }

  flush(): Promise<void> {
    return this.storage.database.flush();
  }

  compact(): Promise<void> {
    return this.storage.database.compact();
  }

  /** Seconds at which the series has points. */
  seconds(tag = "a"): number[] {
    return this.storage.select("m", [["tag", tag]], -EVER, EVER)
      .map(({ timestamp }) => Number(timestamp / SECOND));
  }

  /** Values of the series in order of time. */
  values(tag = "a"): number[] {
    return this.storage.select("m", [["tag", tag]], -EVER, EVER)
      .map(({ value }) => value.kind === "f64" ? value.value : NaN);
  }

  /** Paths of files in a directory of the database. */
  files(name: "segments" | "wal" | "registry" | "staging"): string[] {
    const path = `${this.#path}/${name}`;
    return this.disk.memory.list(path).map((entry) => `${path}/${entry.name}`)
      .sort();
  }
}
