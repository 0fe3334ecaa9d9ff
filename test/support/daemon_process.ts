/** Runs the executable as a process: start it on free ports, talk to it, kill it, start it again. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const EXECUTABLE: string = process.env["TSINKD_EXECUTABLE"] ??
  join(import.meta.dir, "../../dist/tsinkd");

/** Milliseconds that a start or a condition may take before a test fails. */
const PATIENCE_MS = 10_000;

export interface DaemonProcess {
  readonly process: ChildProcess;
  readonly url: string;
  /** Port of the TCP line listener; 0 where there is none. */
  readonly tcpPort: number;
  readonly startLine: string;
  /** Everything printed so far. */
  output(): string;
  /** Resolves with exit code or signal. */
  readonly exited: Promise<number | string>;
}

/** Daemons by the directory that they were started in. */
const started = new Map<string, Set<ChildProcess>>();

/** A directory of its own for a test's data; disposed with the test, and with it what a failed test left running there. */
export class TestDirectory implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "tsinkd-process-"));

  [Symbol.dispose](): void {
    for (const child of started.get(this.path) ?? []) child.kill("SIGKILL");
    started.delete(this.path);
    rmSync(this.path, { recursive: true, force: true });
  }
}

/**
 * Starts `tsinkd serve` in a directory on ports that the system chooses; resolves once it serves. `wrapper` are words of a
 * command that runs the command that follows it.
 */
export async function startDaemon(
  directory: string,
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  wrapper: readonly string[] = [],
): Promise<DaemonProcess> {
  const words = ["serve", "--data-path", join(directory, "data"), "--listen", "127.0.0.1:0"];
  if (!flags.includes("--tcp-listen")) words.push("--tcp-listen", "127.0.0.1:0");
  const [program, ...rest] = [...wrapper, EXECUTABLE, ...words, ...flags];
  const child = spawn(program!, rest, {
    cwd: directory,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const children = started.get(directory) ?? new Set();
  started.set(directory, children.add(child));
  child.once("exit", () => children.delete(child));
  let text = "";
  child.stdout.on("data", (bytes) => text += String(bytes));
  child.stderr.on("data", (bytes) => text += String(bytes));
  const exited = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "lost"));
  });
  let ended = false;
  void exited.then(() => ended = true);
  await until(() => text.includes(" Serving ") || ended, `start:\n${text}`);
  const startLine = text.split("\n").find((line) => line.includes(" Serving "));
  if (startLine === undefined) throw new Error(`The daemon did not start:\n${text}`);
  const field = (name: string) => new RegExp(` ${name}=(\\S+)`).exec(startLine)?.[1] ?? "";
  return {
    process: child,
    url: `http://${field("http").split(",")[0]}`,
    tcpPort: Number(field("lines").split(",")[0]?.split(":").at(-1) ?? 0),
    startLine,
    output: () => text,
    exited,
  };
}

/** Ends a daemon the hard way, as a power cut of the process. */
export async function killDaemon(daemon: DaemonProcess): Promise<void> {
  daemon.process.kill("SIGKILL");
  await daemon.exited;
}

/** Ends a daemon by SIGTERM and returns its exit code. */
export async function stopDaemon(daemon: DaemonProcess): Promise<number | string> {
  daemon.process.kill("SIGTERM");
  return await daemon.exited;
}

/** Waits until a condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = "condition",
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const start = performance.now();
  for (;;) {
    if (await condition()) return;
    if (performance.now() - start > patienceMs) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface QueryAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data?: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}

/** Values of an instant query, one for each series, by its labels as JSON. */
export async function queryValues(url: string, query: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query })}`);
  const answer = await response.json() as QueryAnswer;
  if (answer.data === undefined) throw new Error(`${query}: ${answer.error}`);
  return new Map(
    answer.data.result.map(({ metric, value }) => [JSON.stringify(metric), Number(value[1])]),
  );
}

/** Sum over all series of an instant query; 0 when there is none. */
export async function querySum(url: string, query: string): Promise<number> {
  let sum = 0;
  for (const value of (await queryValues(url, query)).values()) sum += value;
  return sum;
}
