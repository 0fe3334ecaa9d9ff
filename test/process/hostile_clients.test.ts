/**
 * Clients that mean harm or are broken: the daemon answers others meanwhile, its memory stays bounded, and it lets go of
 * them. One daemon bears them all, one after the other.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import {
  type DaemonProcess,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";
import { metricValue, openDescriptors, residentBytes } from "../support/process_figures.ts";

/** Longest that somebody else waits for an answer to a health check. */
const HEALTH_MS_MAX = 2_000;
/** Memory that hostile clients may add to an idle daemon while they are at it, garbage included. */
const GROWTH_BYTES_MAX = 320e6;
/** What may be left of that some seconds later. */
const GROWTH_KEPT_BYTES_MAX = 180e6;
const CONNECTIONS = 1_000;
const STOP_MS_MAX = 3_000;
const FLAGS = [
  "--memory-limit",
  "64M",
  "--body-bytes-in-flight",
  "16M",
  "--query-timeout",
  "5s",
];

setDefaultTimeout(20_000);

let directory: TestDirectory;
let daemon: DaemonProcess;
let port = 0;
let residentBefore = 0;
let descriptorsBefore = 0;

beforeAll(async () => {
  directory = new TestDirectory();
  daemon = await startDaemon(directory.path, FLAGS, { BUN_ENABLE_CRASH_REPORTING: "0" });
  port = Number(new URL(daemon.url).port);
  await write(Array.from({ length: 200 }, (_, i) => `hostile,n=${i} value=${i}`).join("\n"));
  await checkOthers();
  residentBefore = residentBytes(daemon.process.pid!);
  descriptorsBefore = openDescriptors(daemon.process.pid!);
});

afterAll(async () => {
  await checkAfterwards();
  expect(await stopDaemon(daemon)).toBe(0);
  directory[Symbol.dispose]();
});

async function write(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const response = await fetch(`${daemon.url}/write?db=b`, { method: "POST", body, headers });
  await response.arrayBuffer();
  return response.status;
}

/** A well-behaved client is served: health, a write, a query. */
async function checkOthers(): Promise<void> {
  const began = performance.now();
  const health = await fetch(`${daemon.url}/health`);
  await health.arrayBuffer();
  expect(health.status).toBe(200);
  expect(performance.now() - began).toBeLessThan(HEALTH_MS_MAX);
  expect(await write("polite value=1")).toBe(204);
  expect(await querySum(daemon.url, "polite")).toBe(1);
}

/** Memory and descriptors come back to what they were, but for what caches keep. */
async function checkCalm(): Promise<void> {
  await checkOthers();
  expect(residentBytes(daemon.process.pid!) - residentBefore).toBeLessThan(GROWTH_BYTES_MAX);
  await until(
    () => openDescriptors(daemon.process.pid!) <= descriptorsBefore + 20,
    "descriptors to be closed",
  );
}

async function open(where: number): Promise<Socket> {
  const socket = connect(where, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return socket;
}

/** Writes as the peer takes it; resolves when the peer closes, or after `bytes`. */
async function pour(socket: Socket, piece: Uint8Array | string, bytes: number): Promise<number> {
  let sent = 0;
  let closed = socket.destroyed;
  const ended = new Promise<void>((resolve) =>
    socket.once("close", () => {
      closed = true;
      resolve();
    })
  );
  while (!closed && sent < bytes) {
    sent += piece.length;
    if (!socket.write(piece)) {
      await Promise.race([ended, new Promise((resolve) => socket.once("drain", resolve))]);
    }
  }
  return sent;
}

async function query(text: string, path = "query"): Promise<number> {
  const body = new URLSearchParams({ query: text });
  const response = await fetch(`${daemon.url}/api/v1/${path}`, { method: "POST", body });
  await response.arrayBuffer();
  return response.status;
}

test("bodies that arrive byte by byte hold nobody up", async () => {
  const sockets = await Promise.all(Array.from({ length: 50 }, () => open(port)));
  for (const socket of sockets) {
    socket.write("POST /write?db=b HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
  }
  for (let round = 0; round < 10; round++) {
    for (const socket of sockets) socket.write("s");
    await checkOthers();
  }
  for (const socket of sockets) socket.destroy();
  await checkCalm();
});

test("bodies that are announced and never come take no room from others", async () => {
  const paths = ["/write?db=b", "/api/v2/write?bucket=b&org=o", "/api/v1/write"];
  const sockets = await Promise.all(Array.from({ length: 600 }, () => open(port)));
  for (const [index, socket] of sockets.entries()) {
    const length = index % 2 === 0 ? 4_000_000 : 20_000_000;
    const path = paths[index % paths.length];
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\nm`);
  }
  await Bun.sleep(100);
  const lines = "polite_bulk value=1\n".repeat(40_000);
  for (let round = 0; round < 5; round++) {
    await checkOthers();
    expect(await write(lines)).toBe(204);
  }
  for (const socket of sockets) socket.destroy();
  await checkCalm();
});

test("connections that say nothing, half a request, or only end hold nobody up", async () => {
  const words = ["", "G", "GET /he", "POST /write?db=b HTTP/1.1\r\nHost: x\r\nContent-Le"];
  const sockets = await Promise.all(Array.from({ length: 80 }, () => open(port)));
  for (const [index, socket] of sockets.entries()) {
    socket.write(words[index % words.length]!);
    if (index % 5 === 0) socket.end();
  }
  await checkOthers();
  for (const socket of sockets) socket.destroy();
  await checkCalm();
});

test("a thousand connections at once, to both listeners", async () => {
  const sockets: Socket[] = [];
  for (let made = 0; made < CONNECTIONS; made += 100) {
    sockets.push(
      ...await Promise.all(
        Array.from({ length: 100 }, (_, i) => open(i % 2 === 0 ? port : daemon.tcpPort)),
      ),
    );
  }
  await checkOthers();
  for (const socket of sockets) socket.destroy();
  await checkCalm();
});

test("floods of headers end with the connection, not with memory", async () => {
  const socket = await open(port);
  socket.write("GET /health HTTP/1.1\r\nHost: x\r\n");
  const sent = await pour(socket, `X-Flood: ${"f".repeat(1_000)}\r\n`, 50e6);
  expect(sent).toBeLessThan(50e6);
  const long = await open(port);
  long.write("GET /");
  expect(await pour(long, "a".repeat(65_536), 50e6)).toBeLessThan(50e6);
  socket.destroy();
  long.destroy();
  await checkCalm();
});

test("a line that never ends is not kept", async () => {
  const piece = new Uint8Array(65_536).fill(0x61);
  const socket = await open(daemon.tcpPort);
  socket.write("endless,tag=");
  await pour(socket, piece, 100e6);
  socket.end("\nendless value=1\n");
  await checkCalm();
  const body = await open(port);
  body.write("POST /write?db=b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const chunk = Buffer.concat([Buffer.from("10000\r\n"), piece, Buffer.from("\r\n")]);
  await pour(body, chunk, 300e6);
  body.destroy();
  await checkCalm();
});

test("a gzip bomb stops at the limit", async () => {
  const bomb = gzipSync(new Uint8Array(200e6).fill(0x61), { level: 9 });
  const headers = { "Content-Encoding": "gzip" };
  const statuses = await Promise.all(Array.from({ length: 8 }, () => write(bomb, headers)));
  for (const status of statuses) expect([400, 413, 503]).toContain(status);
  const nested = gzipSync(bomb);
  expect([400, 413]).toContain(await write(nested, headers));
  await checkCalm();
});

test.each([
  { name: "deep parentheses", text: "(".repeat(100_000) + "1" + ")".repeat(100_000) },
  { name: "deep unary", text: "-".repeat(200_000) + "1" },
  { name: "deep operators", text: "1" + "+1".repeat(100_000) },
  { name: "deep power", text: "1" + "^1".repeat(100_000) },
  { name: "deep functions", text: "abs(".repeat(50_000) + "hostile" + ")".repeat(50_000) },
  { name: "deep subqueries", text: "hostile" + "[1h:1m]".repeat(10_000) },
  { name: "unclosed string", text: `hostile{a="${"x".repeat(1_000_000)}` },
  { name: "many matchers", text: `hostile{${'a=~"x",'.repeat(50_000)}}` },
  { name: "nested repetitions", text: 'hostile{n=~"(((a{1,100}){1,100}){1,100}){1,100}"}' },
  { name: "catastrophic regex", text: 'hostile{n=~"(a+)+(a+)+(a+)+$"}' },
  { name: "long regex", text: `hostile{n=~"${"(a|b)?".repeat(20_000)}"}` },
  { name: "regex of dots", text: `hostile{n=~"${".*".repeat(5_000)}x"}` },
  {
    name: "regex replace",
    text: `label_replace(hostile, "a", "$1", "n", "${"(.*)".repeat(900)}")`,
  },
  { name: "huge subquery", text: "sum_over_time(hostile[10y:1ms])" },
  { name: "huge range", text: "count_over_time(hostile[200y])" },
  { name: "cartesian", text: "count(hostile * on() group_left hostile)" },
  { name: "invalid UTF-8", text: "\udfff\udfff{}" },
])("query: $name", async ({ text }) => {
  const began = performance.now();
  let status: number | undefined;
  const answer = query(text).then((result) => status = result);
  for (;;) {
    await checkOthers();
    if (status !== undefined) break;
    await Bun.sleep(10);
  }
  await answer;
  expect([200, 400, 413, 422, 503]).toContain(status);
  expect(performance.now() - began).toBeLessThan(8_000);
  await checkCalm();
}, 20_000);

test("bytes that are no text are refused as such or stored, and nothing else happens", async () => {
  const noise = new Uint8Array(200_000);
  for (let i = 0; i < noise.length; i++) noise[i] = (i * 2_654_435_761) >>> 24;
  expect([204, 400]).toContain(await write(noise));
  const invalid = Buffer.concat([
    Buffer.from("m\xff\xfe,t=\xc3\x28 value=1\n", "latin1"),
    Buffer.from("after_noise value=1\n"),
  ]);
  expect([204, 400]).toContain(await write(new Uint8Array(invalid)));
  const socket = await open(daemon.tcpPort);
  socket.end(noise);
  await new Promise((resolve) => socket.once("close", resolve));
  await checkCalm();
});

test("requests without end of pipelining are answered in turn", async () => {
  const socket = await open(port);
  let text = "";
  socket.on("data", (bytes) => text += String(bytes));
  socket.write("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2_000));
  await checkOthers();
  await until(() => text.split("HTTP/1.1 204").length > 2_000, "answers");
  socket.destroy();
  await checkCalm();
});

test("a client that does not read its answer does not hold up others", async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, () => open(port)));
  for (const socket of sockets) {
    socket.pause();
    socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50));
  }
  await Bun.sleep(200);
  await checkOthers();
  for (const socket of sockets) socket.destroy();
  await checkCalm();
});

test("a stop does not wait for clients that hang", async () => {
  using other = new TestDirectory();
  const victim = await startDaemon(other.path);
  const httpPort = Number(new URL(victim.url).port);
  const words = [
    "",
    "GET /met",
    "POST /write?db=b HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\nm v=1",
    "POST /write?db=b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nm v=1\r\n",
  ];
  const sockets: Socket[] = [];
  for (let made = 0; made < 80; made++) {
    const socket = await open(made % 2 === 0 ? httpPort : victim.tcpPort);
    socket.write(made % 2 === 0 ? words[(made >> 1) % words.length]! : "half,a=b v");
    sockets.push(socket);
  }
  const began = performance.now();
  expect(await stopDaemon(victim)).toBe(0);
  expect(performance.now() - began).toBeLessThan(STOP_MS_MAX);
  for (const socket of sockets) socket.destroy();
});

/** After all of them the daemon is as it was. */
async function checkAfterwards(): Promise<void> {
  await checkCalm();
  const metrics = await (await fetch(`${daemon.url}/metrics`)).text();
  expect(metricValue(metrics, "tsinkd_listener_open_connections") ?? 0).toBe(0);
  const grownBytes = () => residentBytes(daemon.process.pid!) - residentBefore;
  await until(() => grownBytes() < GROWTH_KEPT_BYTES_MAX, "memory to be given back");
  const grown = grownBytes();
  // What clients do wrong is no trouble of ours.
  expect(daemon.output()).not.toContain(" error ");
  console.log(
    `grown by ${(grown / 1e6).toFixed(1)} MB from ${(residentBefore / 1e6).toFixed(1)} MB`,
  );
  expect(await querySum(daemon.url, "count(hostile)")).toBe(200);
}
