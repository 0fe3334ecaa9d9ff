/** Start, stop, signals, exit codes, time to the first answer, and what an idle process costs. */
import { describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "../support/prometheus_process.ts";
import {
  EXECUTABLE,
  querySum,
  startDaemon,
  stopDaemon,
  TestDirectory,
  until,
} from "../support/daemon_process.ts";

const START_MS_MAX = 100;
const STOP_MS_MAX = 1_000;
/** What the process itself holds; the rest of its resident memory are pages of the executable, see below. */
const IDLE_OWN_BYTES_MAX = 20e6;
/** With the executable's pages, of which the kernel maps more or fewer and takes any back when memory is short. */
const IDLE_RESIDENT_BYTES_MAX = 65e6;
/** Share of a core. */
const IDLE_CPU_MAX = 0.01;
const IDLE_WINDOW_MS = 3_000;

function run(directory: string, words: readonly string[]) {
  const result = spawnSync(EXECUTABLE, words, {
    cwd: directory,
    encoding: "utf8",
    timeout: 10_000,
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr };
}

function portOf(url: string): string {
  return new URL(url).host;
}

describe("start", () => {
  test("one line says addresses, data path and version; the first answer comes soon", async () => {
    using directory = new TestDirectory();
    const times: number[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      const port = await freePort();
      const began = performance.now();
      const flags = ["--listen", `127.0.0.1:${port}`, "--tcp-listen", "off", "--data-path", "d"];
      const child = spawn(EXECUTABLE, ["serve", ...flags], { cwd: directory.path });
      await until(async () => {
        try {
          return (await fetch(`http://127.0.0.1:${port}/health`)).status === 200;
        } catch {
          return false;
        }
      });
      times.push(performance.now() - began);
      child.kill("SIGTERM");
      await new Promise((resolve) => child.once("exit", resolve));
    }
    expect(Math.min(...times)).toBeLessThan(START_MS_MAX);
    const daemon = await startDaemon(directory.path);
    expect(daemon.startLine).toMatch(
      /^\S+ info Serving version=\S+ http=127\.0\.0\.1:\d+ lines=127\.0\.0\.1:\d+ data=\S+ sync=per-append started_ms=\d+$/,
    );
    expect(daemon.output().trim().split("\n")).toHaveLength(1);
    await stopDaemon(daemon);
  });

  test("a taken port is one line and exit code 1; no directory is made", async () => {
    using directory = new TestDirectory();
    const daemon = await startDaemon(directory.path);
    for (const flag of ["--listen", "--tcp-listen"]) {
      const address = flag === "--listen" ? portOf(daemon.url) : `127.0.0.1:${daemon.tcpPort}`;
      const other = flag === "--listen" ? "--tcp-listen" : "--listen";
      const words = ["serve", flag, address, other, "127.0.0.1:0", "--data-path", "untouched"];
      const { code, stdout, stderr } = run(directory.path, words);
      expect(stderr).toBe(`tsinkd: Cannot listen on ${address}: the address is taken\n`);
      expect(stdout).toBe("");
      expect(code).toBe(1);
    }
    expect(existsSync(join(directory.path, "untouched"))).toBe(false);
    await stopDaemon(daemon);
  });

  test("a directory that another process holds is one line and exit code 1", async () => {
    using directory = new TestDirectory();
    const daemon = await startDaemon(directory.path);
    const words = ["serve", "--listen", "127.0.0.1:0", "--tcp-listen", "off"];
    const { code, stderr } = run(directory.path, [...words, "--data-path", "data"]);
    expect(stderr).toStartWith("tsinkd: Cannot open data: ");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(1);
    await stopDaemon(daemon);
  });

  test("a path that is no directory is one line and exit code 1", () => {
    using directory = new TestDirectory();
    writeFileSync(join(directory.path, "file"), "x");
    const words = ["serve", "--listen", "127.0.0.1:0", "--tcp-listen", "off"];
    const { code, stderr } = run(directory.path, [...words, "--data-path", "file"]);
    expect(stderr).toStartWith("tsinkd: Cannot open file: ");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(1);
  });

  test.skipIf(process.getuid?.() === 0)("an unwritable directory is exit code 1", () => {
    using directory = new TestDirectory();
    mkdirSync(join(directory.path, "data"));
    chmodSync(join(directory.path, "data"), 0o500);
    const words = ["serve", "--listen", "127.0.0.1:0", "--tcp-listen", "off"];
    expect(run(directory.path, [...words, "--data-path", "data"]).code).toBe(1);
  });

  test("settings come from a file, the environment and flags", async () => {
    using directory = new TestDirectory();
    const file = join(directory.path, "tsinkd.conf");
    writeFileSync(file, 'influx-version = "9.9.9" # as a test\nlog-format = json\n');
    const daemon = spawn(EXECUTABLE, [
      "serve",
      "--config",
      file,
      "--listen",
      "127.0.0.1:0",
      "--tcp-listen=off",
    ], { cwd: directory.path, env: { TSINKD_DATA_PATH: "elsewhere" } });
    let text = "";
    daemon.stdout.on("data", (bytes) => text += String(bytes));
    await until(() => text.includes("\n"));
    const line = JSON.parse(text.split("\n")[0]!) as Record<string, string>;
    expect(line).toMatchObject({ message: "Serving", data: "elsewhere" });
    const ping = await fetch(`http://${line["http"]}/ping`);
    expect(ping.headers.get("x-influxdb-version")).toBe("9.9.9");
    daemon.kill("SIGTERM");
    await new Promise((resolve) => daemon.once("exit", resolve));
  });
});

describe("stop", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("%s stops within a second", async (signal) => {
    using directory = new TestDirectory();
    const daemon = await startDaemon(directory.path);
    // A keep-alive connection and a line connection stay open.
    await (await fetch(`${daemon.url}/ping`)).text();
    const socket = connect(daemon.tcpPort, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.on("error", () => {});
    socket.write("stopped value=1\nstopped value=2");
    const began = performance.now();
    daemon.process.kill(signal);
    const code = await daemon.exited;
    expect(performance.now() - began).toBeLessThan(STOP_MS_MAX);
    expect(daemon.output().trim().split("\n").at(-1)).toEndWith("info Stopped code=0");
    expect(code).toBe(0);
    const again = await startDaemon(directory.path);
    expect(await querySum(again.url, "count_over_time(stopped[1h])")).toBe(1);
    await stopDaemon(again);
  });
});

test("an idle process is small and quiet", async () => {
  using directory = new TestDirectory();
  const daemon = await startDaemon(directory.path);
  await (await fetch(`${daemon.url}/health`)).text();
  const ticks = () => {
    const fields = readFileSync(`/proc/${daemon.process.pid}/stat`, "utf8").split(") ")[1]!;
    const words = fields.split(" ");
    return Number(words[11]) + Number(words[12]);
  };
  await Bun.sleep(500);
  const before = ticks();
  await Bun.sleep(IDLE_WINDOW_MS);
  const cpuSeconds = (ticks() - before) / 100;
  const status = readFileSync(`/proc/${daemon.process.pid}/status`, "utf8");
  const bytesOf = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1_024;
  const residentBytes = bytesOf("VmRSS");
  const ownBytes = bytesOf("RssAnon");
  const figures = [residentBytes, ownBytes].map((bytes) => (bytes / 1e6).toFixed(1));
  console.log(
    `idle: ${figures[0]} MB, ${figures[1]} MB its own, ${cpuSeconds * 1_000} ms of CPU`,
  );
  expect(ownBytes).toBeLessThan(IDLE_OWN_BYTES_MAX);
  expect(residentBytes).toBeLessThan(IDLE_RESIDENT_BYTES_MAX);
  expect(cpuSeconds).toBeLessThanOrEqual(IDLE_CPU_MAX * IDLE_WINDOW_MS / 1_000);
  await stopDaemon(daemon);
});
