/** Memory, descriptors and time to run are short: the daemon stays within its limits and loses nothing. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { isLong } from "../support/chaos_budget.ts";
import {
  killDaemon,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";
import { accountForAll, LineLoad } from "../support/line_load.ts";
import { MemoryCage } from "../support/memory_cage.ts";
import { residentBytes, residentBytesMax } from "../support/process_figures.ts";

setDefaultTimeout(isLong ? 600_000 : 60_000);

const MIB = 1 << 20;
/** What the kernel lets the daemon have where it may be limited: the runtime's own heap, and the engine's. */
const CAGE_BYTES = 288 * MIB;
const START_MS = 1_760_000_000_000;
const HOUR_MS = 3_600_000;

function sleepMs(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Values that do not compress well, made once. */
const NOISE: readonly string[] = Array.from({ length: 4_093 }, () => {
  const value = () => Math.floor(Math.random() * 1e9);
  return `a=${value()},b=${value()},c=${value()},d=${value()}`;
});

/** Lines of many series. */
function noisyLines(batch: number, lines: number): string {
  let text = "";
  for (let line = 0; line < lines; line++) {
    const index = batch * lines + line;
    const host = index % 2_000;
    const time = START_MS + batch * 10_000 + line;
    text += `noise,host=h${host},region=r${host % 10} ${
      NOISE[index % NOISE.length]
    } ${time}000000\n`;
  }
  return text;
}

test("ten times more data than memory: resident memory stays bounded, nothing is lost", async () => {
  using directory = new TestDirectory();
  const memoryBytes = 16 * MIB;
  using cage = MemoryCage.make(CAGE_BYTES);
  const flags = ["--memory-limit", "16M", "--partition", "1h", "--block-cache", "4M"];
  const daemon = await startDaemon(directory.path, flags, {}, cage?.wrapper);
  const { pid } = daemon.process;
  const idleBytes = residentBytes(pid!);
  const lines = 5_000;
  // Four values and a time of eight bytes each are what a line is in memory.
  const batches = Math.ceil(10 * memoryBytes / (lines * 5 * 8)) * (isLong ? 10 : 1);
  let written = 0;
  let refused = 0;
  let highest = 0;
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let batch = writer; batch < batches; batch += 4) {
      const body = noisyLines(batch, lines);
      for (;;) {
        const response = await fetch(`${daemon.url}/write`, { method: "POST", body });
        await response.arrayBuffer();
        if (response.status === 204) break;
        expect(response.status).toBe(503);
        refused++;
        await sleepMs(50);
      }
      written += lines;
      highest = Math.max(highest, residentBytes(pid!));
    }
  });
  await Promise.all(writers);
  const count = (url: string) =>
    querySum(url, `count_over_time(noise_a[100y] @ ${(START_MS + batches * 10_000) / 1_000 + 60})`);
  expect(await count(daemon.url)).toBe(written);
  const peak = residentBytesMax(pid!);
  console.log(
    `${written} rows, ${refused} refusals, resident ${(idleBytes / 1e6).toFixed(0)} MB idle, ` +
      `${(highest / 1e6).toFixed(0)} MB at most, ${(peak / 1e6).toFixed(0)} MB with the query`,
  );
  // The runtime's own garbage and buffers of requests come on top of the limit.
  expect(highest - idleBytes).toBeLessThan(memoryBytes * 3 + 192e6);
  if (cage !== undefined) {
    console.log(`the group at its highest: ${((cage.highestBytes ?? 0) / 1e6).toFixed(0)} MB`);
  }
  await killDaemon(daemon);
  const again = await startDaemon(directory.path, flags, {}, cage?.wrapper);
  expect(await count(again.url)).toBe(written);
  expect(await stopDaemon(again)).toBe(0);
});

test("few descriptors: connections and files share them, nothing is lost", async () => {
  using directory = new TestDirectory();
  const limited = ["/bin/sh", "-c", 'ulimit -n 128; exec "$0" "$@"'];
  const flags = ["--partition", "1h", "--flush-points", "2000", "--wal-file-size", "64K"];
  const daemon = await startDaemon(directory.path, flags, {}, limited);
  // An hour each, so that there are many segments to read.
  const load = new LineLoad({
    protocol: "v1",
    writer: "w",
    linesPerBatch: 20,
    startMs: START_MS,
    stepMs: HOUR_MS / 50,
  });
  for (let batch = 0; batch < 200; batch++) expect(await load.writeBatch(daemon.url)).toBe(204);
  const port = Number(new URL(daemon.url).port);
  const sockets: Socket[] = [];
  for (let made = 0; made < 300; made++) {
    const socket = connect(made % 2 === 0 ? port : daemon.tcpPort, "127.0.0.1");
    socket.on("error", () => {});
    sockets.push(socket);
  }
  await sleepMs(300);
  // Some requests find no descriptor; what is answered is true, and the process lives.
  for (let attempt = 0; attempt < 5; attempt++) {
    const aborted = { signal: AbortSignal.timeout(500) };
    await fetch(`${daemon.url}/health`, aborted).catch(() => undefined);
  }
  for (const socket of sockets) socket.destroy();
  await until(async () => {
    const status = await load.writeBatch(daemon.url);
    return status === 204;
  }, "writes to go on");
  await accountForAll(daemon.url, [load]);
  await killDaemon(daemon);
  const again = await startDaemon(directory.path, flags, {}, limited);
  await accountForAll(again.url, [load]);
  expect(await stopDaemon(again)).toBe(0);
});

test("a process that is stopped and continued goes on where it was", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path);
  const loads = (["v1", "v2", "tcp"] as const).map((protocol) =>
    new LineLoad({ protocol, writer: protocol, linesPerBatch: 20, startMs: START_MS, pauseMs: 2 })
  );
  const running = Promise.all(loads.map((load) => load.run(daemon)));
  for (let round = 0; round < 3; round++) {
    await sleepMs(200);
    daemon.process.kill("SIGSTOP");
    await sleepMs(400);
    daemon.process.kill("SIGCONT");
  }
  await sleepMs(100);
  for (const load of loads) load.stop();
  await running;
  for (const load of loads) expect([...load.refusals]).toEqual([]);
  expect(await accountForAll(daemon.url, loads)).toBeGreaterThan(0);
  expect(await stopDaemon(daemon)).toBe(0);
});
