/** The wall clock jumps by years and back: retention believes no jump at once, and nothing is lost. */
import { expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  killDaemon,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
} from "../support/daemon_process.ts";
import { buildLibrary } from "../support/failing_disk/build.ts";
import { accountForAll, LineLoad } from "../support/line_load.ts";

const HOUR_MS = 3_600_000;
const YEAR_SECONDS = 365 * 86_400;
const FAKETIME = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
].find((path) => existsSync(path));

/** A wall clock that a test puts off, by libfaketime where that is installed, else by a library of our own. */
class FalseClock {
  readonly environment: Readonly<Record<string, string>>;
  readonly #file: string;

  private constructor(file: string, environment: Readonly<Record<string, string>>) {
    this.#file = file;
    this.environment = environment;
    this.set(0);
  }

  /** Undefined, with a line that says why, where there is neither libfaketime nor a compiler. */
  static make(directory: string): FalseClock | undefined {
    const file = join(directory, "clock");
    if (FAKETIME !== undefined) {
      return new FalseClock(file, {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      });
    }
    const built = buildLibrary("clock", directory);
    if ("path" in built) {
      return new FalseClock(file, { LD_PRELOAD: built.path, CLOCK_OFFSET: file });
    }
    console.log(`Skipped: libfaketime is not installed, and ${built.reason}`);
    return undefined;
  }

  /** Removes what libfaketime leaves in memory of a process that was killed. */
  forget(pid: number): void {
    for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`]) {
      rmSync(join("/dev/shm", name), { force: true });
    }
  }

  set(years: number): void {
    const seconds = years * YEAR_SECONDS;
    writeFileSync(this.#file, `${seconds < 0 ? "" : "+"}${seconds}`);
  }
}

function sleepMs(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

test("a clock that jumps by years deletes nothing that is not old by the data", async () => {
  using directory = new TestDirectory();
  const clock = FalseClock.make(directory.path);
  if (clock === undefined) return;
  const { environment } = clock;
  const flags = ["--retention", "30d", "--partition", "1h", "--flush-points", "1000"];
  const daemon = await startDaemon(directory.path, flags, environment);
  const load = new LineLoad({
    protocol: "v1",
    writer: "w",
    linesPerBatch: 50,
    startMs: Date.now() - 24 * HOUR_MS,
    stepMs: 5_000,
  });
  for (let batch = 0; batch < 100; batch++) expect(await load.writeBatch(daemon.url)).toBe(204);
  for (const years of [5, -5, 50, 0]) {
    clock.set(years);
    await sleepMs(500);
    const seconds = await querySum(daemon.url, "vector(time())") - Date.now() / 1_000;
    expect(Math.abs(seconds - years * YEAR_SECONDS)).toBeLessThan(60);
    expect(await load.writeBatch(daemon.url)).toBe(204);
    await accountForAll(daemon.url, [load]);
  }
  // A start with a clock that is years ahead, as without a battery after a wrong answer from the network.
  clock.set(5);
  await killDaemon(daemon);
  clock.forget(daemon.process.pid!);
  const again = await startDaemon(directory.path, flags, environment);
  await sleepMs(500);
  clock.set(0);
  await accountForAll(again.url, [load]);
  expect(await stopDaemon(again)).toBe(0);
  clock.forget(again.process.pid!);
}, 60_000);
