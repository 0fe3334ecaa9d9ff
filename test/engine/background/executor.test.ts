import { afterEach, expect, test } from "bun:test";
import { WorkerExecutor } from "../../../engine/background/executor.ts";
import type { WorkerHandle } from "../../../engine/background/worker_handle.ts";
import type { ToWorker } from "../../../engine/background/worker_protocol.ts";
import { EngineError, isEngineError } from "../../../engine/errors.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const clock = new ManualClock();
const executors: WorkerExecutor[] = [];
afterEach(() => {
  for (const executor of executors.splice(0)) executor[Symbol.dispose]();
});

function make(start?: () => WorkerHandle<ToWorker>): WorkerExecutor {
  const url = new URL("../../support/job_worker.ts", import.meta.url).href;
  const executor = new WorkerExecutor({
    clock,
    start: start ?? (() => new Worker(url, { type: "module" })),
    idleMs: 5_000,
  });
  executors.push(executor);
  return executor;
}

const quiet = () => ({
  signal: new AbortController().signal,
  answer: (): Uint8Array => {
    throw new EngineError("invalid", "Not to be asked");
  },
});

test("a job's result comes back; the worker goes when it is idle and comes again", async () => {
  const executor = make();
  expect(executor.isStarted).toBe(false);
  expect(await executor.run("echo one", quiet())).toBe("one");
  expect(await executor.run("echo two", quiet())).toBe("two");
  expect(executor.isStarted).toBe(true);
  clock.advance(5_000);
  expect(executor.isStarted).toBe(false);
  expect(await executor.run("echo three", quiet())).toBe("three");
});

test.each([0, 10, 256 << 10, (256 << 10) + 1, 1_000_000])(
  "an answer of %d bytes arrives whole",
  async (bytes) => {
    const answer = (question: unknown) => new Uint8Array(Number(question)).fill(1);
    const result = await make().run(`ask ${bytes}`, { ...quiet(), answer });
    expect(result).toEqual([bytes, bytes]);
  },
);

test("an error keeps its code; what the answer threw is what run throws", async () => {
  const executor = make();
  const error = await executor.run("refuse", quiet()).catch((reason) => reason);
  expect(isEngineError(error, "corrupt")).toBe(true);
  expect((error as Error).message).toBe("Cannot read it");
  const refused = await executor.run("ask 5", quiet()).catch((reason) => reason);
  expect(isEngineError(refused, "invalid")).toBe(true);
  const unknown = await executor.run("dance", quiet()).catch((reason) => reason);
  expect((unknown as Error).message).toBe("no such job: dance");
  expect(await executor.run("echo on", quiet())).toBe("on");
});

test("an abort reaches a worker that sleeps", async () => {
  const executor = make();
  const controller = new AbortController();
  const running = executor.run("wait", { ...quiet(), signal: controller.signal });
  controller.abort();
  expect(isEngineError(await running.catch((reason) => reason), "closed")).toBe(true);
  expect(await executor.run("echo on", quiet())).toBe("on");
});

test("closing ends a job that runs", async () => {
  const executor = make();
  const running = executor.run("wait", quiet());
  executor[Symbol.dispose]();
  expect(isEngineError(await running.catch((reason) => reason), "closed")).toBe(true);
  expect(executor.isStarted).toBe(false);
});

test("a worker that dies is an io error, and the next job gets a new one", async () => {
  const executor = make();
  const error = await executor.run("die", quiet()).catch((reason) => reason);
  expect(isEngineError(error, "io")).toBe(true);
  expect((error as Error).message).toContain("out of luck");
  expect(await executor.run("echo on", quiet())).toBe("on");
});

test("no worker at all is told as unsupported", async () => {
  const none = make(() => {
    throw new Error("no threads here");
  });
  const error = await none.run("echo on", quiet()).catch((reason) => reason);
  expect(isEngineError(error, "unsupported")).toBe(true);
  const url = new URL("./there_is_no_such_worker.ts", import.meta.url).href;
  const missing = make(() => new Worker(url, { type: "module" }));
  const other = await missing.run("echo on", quiet()).catch((reason) => reason);
  expect(isEngineError(other, "unsupported")).toBe(true);
});
