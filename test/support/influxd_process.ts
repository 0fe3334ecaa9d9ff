/** Runs an influxd for tests that compare with it: found by INFLUXD_BIN or on PATH, on ports of its own. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestDirectory, until } from "./daemon_process.ts";
import { freePort } from "./prometheus_process.ts";

/** The executable; undefined where there is none. */
export const INFLUXD: string | undefined = process.env["INFLUXD_BIN"] ||
  (Bun.which("influxd") ?? undefined);

if (INFLUXD === undefined) {
  console.warn("Skipped comparisons with InfluxDB: no `influxd` on PATH, no INFLUXD_BIN");
}

const START_PATIENCE_MS = 30_000;

export interface InfluxdProcess extends AsyncDisposable {
  readonly url: string;
  output(): string;
}

/** What differs from the defaults: ports and folders of its own, and no database but the tests'. */
function configuration(home: string, ports: { readonly http: number; readonly backup: number }) {
  return [
    "reporting-enabled = false",
    `bind-address = "127.0.0.1:${ports.backup}"`,
    "[meta]",
    `  dir = "${join(home, "meta")}"`,
    "[data]",
    `  dir = "${join(home, "data")}"`,
    `  wal-dir = "${join(home, "wal")}"`,
    '  wal-fsync-delay = "0s"',
    "  query-log-enabled = false",
    "[monitor]",
    "  store-enabled = false",
    "[http]",
    `  bind-address = "127.0.0.1:${ports.http}"`,
    "  log-enabled = false",
    "",
  ].join("\n");
}

/** Starts a server; resolves once it answers. */
export async function startInfluxd(directory: TestDirectory): Promise<InfluxdProcess> {
  const home = join(directory.path, "influxd");
  mkdirSync(home);
  const ports = { http: await freePort(), backup: await freePort() };
  const file = join(home, "influxdb.conf");
  writeFileSync(file, configuration(home, ports));
  const child = spawn(INFLUXD!, ["-config", file], {
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (bytes) => text += String(bytes));
  child.stderr.on("data", (bytes) => text += String(bytes));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let ended = false;
  void exited.then(() => ended = true);
  const url = `http://127.0.0.1:${ports.http}`;
  const ready = async () => {
    if (ended) throw new Error(`influxd did not start:\n${text}`);
    return await fetch(`${url}/ping`).then((response) => response.ok, () => false);
  };
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  try {
    await until(ready, "influxd to answer", START_PATIENCE_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, output: () => text, [Symbol.asyncDispose]: stop };
}
