/** Many large answers at once, and clients that do not take theirs: what queries hold together is bounded, and comes back. */
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { startDaemon, stopDaemon, TestDirectory, until } from "../support/daemon_process.ts";
import { metricValue, residentBytesMax } from "../support/process_figures.ts";

const START_MS = 1_700_000_000_000;
const BATCHES = 40;
const LINES = 10_000;
const SERIES = 500;
const QUERIES = 24;
const QUERY = `bulk[1d] @ ${START_MS / 1_000 + 1_000}`;

function batch(index: number): string {
  let lines = "";
  for (let line = 0; line < LINES; line++) {
    const time = START_MS + index * LINES + line;
    lines += `bulk,n=${line % SERIES} value=${line * 7919 % 1_000} ${time}000000\n`;
  }
  return lines;
}

test("large answers share one budget, and answers that nobody takes are forgotten", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path, ["--memory-limit", "32M"]);
  for (let index = 0; index < BATCHES; index++) {
    const body = batch(index);
    expect((await fetch(`${daemon.url}/write`, { method: "POST", body })).status).toBe(204);
  }
  const path = `/api/v1/query?${new URLSearchParams({ query: QUERY })}`;
  const ask = async () => {
    const response = await fetch(`${daemon.url}${path}`);
    const bytes = (await response.arrayBuffer()).byteLength;
    if (response.status === 200) expect(bytes).toBeGreaterThan(BATCHES * LINES * 10);
    return response.status;
  };
  const statuses = await Promise.all(Array.from({ length: QUERIES }, ask));
  for (const status of statuses) expect([200, 503]).toContain(status);
  expect(statuses).toContain(200);
  // Clients that go before the answer, amid it, and that do not read it.
  const sockets: Socket[] = [];
  for (let made = 0; made < 12; made++) {
    const socket = connect(Number(new URL(daemon.url).port), "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => {});
    if (made % 3 === 1) socket.once("data", () => socket.destroy());
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`, () => {
      if (made % 3 === 0) socket.destroy();
    });
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect((await fetch(`${daemon.url}/health`)).status).toBe(200);
  for (const socket of sockets) socket.destroy();
  await until(async () => {
    const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
    return metricValue(metrics, "tsinkd_query_memory_bytes") === 0;
  }, "memory of answers that nobody takes");
  expect(await ask()).toBe(200);
  const highest = (residentBytesMax(daemon.process.pid!) / 1e6).toFixed(0);
  console.log(
    `${statuses.filter((each) => each === 503).length} of ${QUERIES} refused, ${highest} MB`,
  );
  expect(await stopDaemon(daemon)).toBe(0);
}, 30_000);
