/**
 * A sync that fails is final: what was waiting for it is not acknowledged, the process says so and ends with 1, and the
 * next start has all that was acknowledged before.
 */
import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDaemon, stopDaemon, TestDirectory } from "../support/daemon_process.ts";
import { buildLibrary } from "../support/failing_disk/build.ts";
import { accountForAll, LineLoad } from "../support/line_load.ts";

const EXIT_MS_MAX = 5_000;

test("a failed sync ends the process, and no acknowledgement was wrong", async () => {
  using directory = new TestDirectory();
  const library = buildLibrary("failing_sync", directory.path);
  if ("reason" in library) {
    console.log(`Skipped: ${library.reason}`);
    return;
  }
  const flag = join(directory.path, "syncs-fail");
  const environment = { LD_PRELOAD: library.path, FAILING_SYNC_WHILE: flag };
  const loads: LineLoad[] = [];
  for (let round = 0; round < 3; round++) {
    const daemon = await startDaemon(directory.path, [], environment);
    const added = (["v1", "v2", "gzip", "tcp"] as const).map((protocol) =>
      new LineLoad({
        protocol,
        writer: `${round}_${protocol}`,
        linesPerBatch: 20,
        startMs: 1_760_000_000_000,
        pauseMs: 1,
      })
    );
    loads.push(...added);
    const running = Promise.all(added.map((load) => load.run(daemon)));
    await new Promise((resolve) => setTimeout(resolve, 300));
    writeFileSync(flag, "");
    const late = new Promise((resolve) => setTimeout(() => resolve("still running"), EXIT_MS_MAX));
    const code = await Promise.race([daemon.exited, late]);
    for (const load of added) load.stop();
    await running;
    expect(daemon.output()).toContain("restart to recover");
    expect(code).toBe(1);
    for (const load of added) {
      for (const status of load.refusals.keys()) expect(status).toBe(503);
    }
    rmSync(flag);
  }
  const again = await startDaemon(directory.path, [], environment);
  expect(await accountForAll(again.url, loads)).toBeGreaterThan(0);
  expect(await stopDaemon(again)).toBe(0);
}, 40_000);
