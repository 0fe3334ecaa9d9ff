import { expect, test } from "bun:test";
import { QueryMemory, WORKER_SHARE } from "../src/query_memory.ts";

/** What a worker with this memory counts in. */
function memoryOfWorker(shared: SharedArrayBuffer): QueryMemory {
  return new QueryMemory(100, () => {}, { all: new Float64Array(shared), own: WORKER_SHARE });
}

test("both threads see what they hold together", () => {
  const memory = new QueryMemory(100);
  expect(memory.take(30)).toBe(true);
  const worker = memoryOfWorker(memory.share());
  expect(worker.take(60)).toBe(true);
  expect([memory.bytes, memory.ownBytes, worker.bytes, worker.ownBytes]).toEqual([90, 30, 90, 60]);
  expect(memory.take(20)).toBe(false);
  expect(worker.take(20)).toBe(false);
  worker.give(60);
  expect(memory.take(20)).toBe(true);
});

test("a worker that has ended holds nothing, even if it goes on for a moment", () => {
  const memory = new QueryMemory(100);
  memory.take(10);
  const worker = memoryOfWorker(memory.share());
  worker.take(20);
  memory.forgetWorker();
  worker.take(30);
  expect(memory.bytes).toBe(10);
  const next = memoryOfWorker(memory.share());
  worker.give(50);
  expect([memory.bytes, next.bytes]).toEqual([10, 10]);
});
