/**
 * Requests of one line over keep-alive connections: what a request costs beside its line. Runs the daemon from source or a
 * given executable as a process of its own, as a server would be, and speaks HTTP over plain sockets.
 * Usage: bun test/bench/http_small.ts [REQUESTS] [CONNECTIONS] [EXECUTABLE]; prints requests/s, latencies and syncs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const [requestsText = "100000", connectionsText = "64", executable] = process.argv.slice(2);
const requests = Number(requestsText);
const connections = Number(connectionsText);
const encoder = new TextEncoder();
const directory = mkdtempSync(join(tmpdir(), "tsinkd-http-"));
const port = await freePort();
const daemon = start();
try {
  await untilReady();
  await send(Math.min(10_000, requests));
  const syncsBefore = await counter("tsinkd_wal_syncs_total");
  const started = performance.now();
  const latencies = await send(requests);
  const seconds = (performance.now() - started) / 1e3;
  const syncs = await counter("tsinkd_wal_syncs_total") - syncsBefore;
  latencies.sort();
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)]!.toFixed(2);
  console.log(
    `${Math.round(requests / seconds)} requests/s of one line over ${connections} connections, ` +
      `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${(requests / syncs).toFixed(1)} requests a sync`,
  );
} finally {
  daemon.kill("SIGTERM");
  await new Promise((resolve) => daemon.once("exit", resolve));
  rmSync(directory, { recursive: true, force: true });
}

function start(): ChildProcess {
  const serve = ["serve", "--listen", `127.0.0.1:${port}`, "--tcp-listen", ""];
  const options = [...serve, "--data-path", join(directory, "data")];
  return executable === undefined
    ? spawn(process.execPath, ["cli/main.ts", ...options], { stdio: "ignore" })
    : spawn(executable, options, { stdio: "ignore" });
}

async function untilReady(): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("Cannot measure: the daemon did not become ready");
}

async function counter(name: string): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(page)?.[1] ?? NaN);
}

/** Sends requests, one at a time on each connection; returns the milliseconds that each took. */
async function send(count: number): Promise<Float64Array> {
  const latencies = new Float64Array(count);
  let next = 0;
  const connection = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      let number = -1;
      let began = 0;
      let answer = "";
      const request = () => {
        if (next === count) {
          socket.end();
          resolve();
          return;
        }
        number = next++;
        began = performance.now();
        socket.write(requestOf(number));
      };
      socket.once("connect", request);
      socket.once("error", reject);
      socket.on("data", (bytes: Uint8Array) => {
        answer += String.fromCharCode(...bytes);
        if (!answer.endsWith("\r\n\r\n")) return;
        if (!answer.startsWith("HTTP/1.1 204")) {
          reject(new Error(`Cannot measure: the daemon answered ${answer}`));
          return;
        }
        answer = "";
        latencies[number] = performance.now() - began;
        request();
      });
    });
  await Promise.all(Array.from({ length: connections }, connection));
  return latencies;
}

function requestOf(number: number): Uint8Array {
  const time = 1_700_000_000_000_000_000n + BigInt(number) * 1_000_000n;
  const line = `sensor,device=d${number % 500},site=s${number % 7} value=${
    number % 100
  }.5 ${time}\n`;
  return encoder.encode(
    `POST /write?db=bench HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${line.length}\r\n\r\n${line}`,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
