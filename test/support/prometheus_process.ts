/** Runs a Prometheus server for tests that compare with it: found by PROMETHEUS_BIN or on PATH, on a port of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { encodeSnappy } from "../../src/ingest/snappy.ts";
import { until } from "./daemon_process.ts";
import type { TestDirectory } from "./daemon_process.ts";
import { message1, type MessageSeries } from "./remote_messages.ts";

/** The executable; undefined where there is none. */
export const PROMETHEUS: string | undefined = process.env["PROMETHEUS_BIN"] ||
  (Bun.which("prometheus") ?? undefined);

if (PROMETHEUS === undefined) {
  console.warn("Skipped comparisons with Prometheus: no `prometheus` on PATH, no PROMETHEUS_BIN");
}

const START_PATIENCE_MS = 30_000;

export interface PrometheusProcess extends AsyncDisposable {
  readonly url: string;
  output(): string;
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port");
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

/** Starts a server; `configuration` gets its own address. Resolves once it is ready. */
export async function startPrometheus(
  directory: TestDirectory,
  name: string,
  configuration: (address: string) => string,
  flags: readonly string[] = [],
): Promise<PrometheusProcess> {
  const address = `127.0.0.1:${await freePort()}`;
  const home = join(directory.path, name);
  mkdirSync(home);
  const file = join(home, "prometheus.yml");
  writeFileSync(file, configuration(address));
  const child: ChildProcess = spawn(PROMETHEUS!, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(home, "data")}`,
    "--storage.tsdb.retention.time=100y",
    `--web.listen-address=${address}`,
    "--web.enable-remote-write-receiver",
    "--enable-feature=native-histograms",
    ...flags,
  ], { cwd: home, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout?.on("data", (bytes) => text += String(bytes));
  child.stderr?.on("data", (bytes) => text += String(bytes));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let ended = false;
  void exited.then(() => ended = true);
  const url = `http://${address}`;
  const ready = async () => {
    if (ended) throw new Error(`Prometheus did not start:\n${text}`);
    return await fetch(`${url}/-/ready`).then((response) => response.ok, () => false);
  };
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  try {
    await until(ready, "Prometheus to be ready", START_PATIENCE_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, output: () => text, [Symbol.asyncDispose]: stop };
}

/** Sends series to a server as remote write 1.0. */
export async function remoteWrite(url: string, series: readonly MessageSeries[]): Promise<void> {
  const response = await fetch(`${url}/api/v1/write`, {
    method: "POST",
    headers: {
      "Content-Encoding": "snappy",
      "Content-Type": "application/x-protobuf",
      "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    body: encodeSnappy(message1(series)),
  });
  if (!response.ok) throw new Error(`${url} ${response.status}: ${await response.text()}`);
}
