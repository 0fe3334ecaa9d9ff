/** What is there after a machine or a process stopped, and after files were damaged. */
import { describe, expect, test } from "bun:test";
import type { Value } from "../../engine/query/block.ts";
import { type Row, Storage } from "../../engine/storage.ts";
import type { Settings } from "../../engine/settings.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";

const SECOND = 1_000_000_000n;
const FIELD: readonly [string, string] = ["tag", "a"];

/** Storage on a simulated disk that is opened, loses its power and is opened again. */
class Machine {
  readonly disk = new SimulatedDisk();
  readonly #settings: Partial<Settings>;
  storage!: Storage;

  private constructor(settings: Partial<Settings>) {
    this.#settings = settings;
  }

  static async start(settings: Partial<Settings> = {}): Promise<Machine> {
    const machine = new Machine(settings);
    await machine.open();
    return machine;
  }

  async open(settings: Partial<Settings> = {}): Promise<void> {
    this.storage = await Storage.open({
      path: "/data",
      settings: { ...this.#settings, ...settings },
      components: { fileSystem: this.disk },
    });
  }

  async powerCut(outcome: "lost" | "kept" = "lost"): Promise<void> {
    this.disk.turnOff();
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.disk.crash(outcome);
    await this.open();
  }

  write(times: readonly bigint[], value = 1): Promise<unknown> {
    return this.storage.insertRows(times.map((time) => row(time, value)));
  }

  /** Seconds at which the series has points. */
  get seconds(): number[] {
    return this.storage.select("m", [FIELD], 0n, 1_000_000n * SECOND)
      .map(({ timestamp }) => Number(timestamp / SECOND));
  }
}

function row(second: bigint, value: number): Row {
  const point = { timestamp: second * SECOND, value: { kind: "f64", value } satisfies Value };
  return { metric: "m", labels: [FIELD], point };
}

describe("recovery after a power cut", () => {
  test("what was acknowledged is there, before and after a flush", async () => {
    const machine = await Machine.start();
    await machine.write([1n, 2n]);
    await machine.powerCut();
    expect(machine.seconds).toEqual([1, 2]);
    await machine.storage.database.flush();
    await machine.write([3n]);
    await machine.powerCut();
    expect(machine.seconds).toEqual([1, 2, 3]);
    await machine.storage.close();
  });

  test("a deletion made in a log file that was lost hides nothing of the next file", async () => {
    const machine = await Machine.start({ logSyncMode: "periodic", logSyncIntervalMs: 3_600_000 });
    await machine.storage.insertRows([row(1n, 1)], "appended");
    await machine.storage.database.flush();
    // The file of this row has never been synced; the deletion is in the manifest.
    await machine.storage.insertRows([row(2n, 1), row(3n, 1)], "appended");
    await machine.storage.deleteSeries({ metric: "m", start: 0n, end: 9n * SECOND });
    await machine.powerCut();
    expect(machine.seconds).toEqual([]);
    await machine.storage.insertRows([row(4n, 1)], "appended");
    expect(machine.seconds).toEqual([4]);
    await machine.storage.close();
    await machine.open();
    expect(machine.seconds).toEqual([4]);
    await machine.storage.close();
  });
});
