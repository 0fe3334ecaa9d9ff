import { afterEach, expect, test } from "bun:test";
import fc from "fast-check";
import { I64_MAX, I64_MIN } from "../../support/chunk_data.ts";
import { ChunkBench } from "../../support/chunks.ts";

const bench = new ChunkBench();
const { kernels } = bench;
afterEach(() => bench.clear());

type Points = readonly (readonly [time: bigint, bits: bigint])[];

function place(points: Points): { times: number; bits: number } {
  const times = bench.alloc(points.length * 8);
  const bits = bench.alloc(points.length * 8);
  points.forEach(([time, value], i) => {
    kernels.i64[times / 8 + i] = time;
    kernels.i64[bits / 8 + i] = value;
  });
  return { times, bits };
}

function merge(older: Points, newer: Points): Points {
  const a = place(older);
  const b = place(newer);
  const room = older.length + newer.length;
  const times = bench.alloc(room * 8 + 8);
  const bits = bench.alloc(room * 8 + 8);
  kernels.i64[times / 8 + room] = -77n;
  kernels.i64[bits / 8 + room] = -77n;
  const count = kernels.exports.mergeRuns(
    a.times,
    a.bits,
    older.length,
    b.times,
    b.bits,
    newer.length,
    times,
    bits,
  );
  expect(kernels.i64[times / 8 + room]).toBe(-77n);
  expect(kernels.i64[bits / 8 + room]).toBe(-77n);
  return Array.from(
    { length: count },
    (_, i) => [kernels.i64[times / 8 + i]!, kernels.i64[bits / 8 + i]!] as const,
  );
}

const anyTime = fc.oneof(
  { weight: 9, arbitrary: fc.bigInt(-60n, 60n) },
  fc.constantFrom(I64_MIN, I64_MAX),
);

/** An ascending run; dense stretches and lonely points. */
function anyRun(value: bigint): fc.Arbitrary<Points> {
  return fc.uniqueArray(anyTime, { maxLength: 80 }).map((times) =>
    times.toSorted((a, b) => a < b ? -1 : 1).map((time, i) => [time, value + BigInt(i)] as const)
  );
}

test("the newer run wins at equal times", () => {
  fc.assert(
    fc.property(anyRun(1000n), anyRun(2000n), (older, newer) => {
      const model = [...new Map([...older, ...newer])].sort(([a], [b]) => a < b ? -1 : 1);
      expect(merge(older, newer)).toEqual(model);
      bench.clear();
    }),
    { numRuns: 300 },
  );
});

test.each([
  { name: "one behind the other", from: 1000n, step: 1n },
  { name: "interleaved", from: 1n, step: 2n },
  { name: "alike", from: 0n, step: 2n },
])("long runs: $name", ({ from, step }) => {
  const older: Points = Array.from({ length: 500 }, (_, i) => [BigInt(i) * 2n, 1n] as const);
  const newer: Points = Array.from(
    { length: 500 },
    (_, i) => [from + BigInt(i) * step, 2n] as const,
  );
  const model = [...new Map([...older, ...newer])].sort(([a], [b]) => a < b ? -1 : 1);
  expect(merge(older, newer)).toEqual(model);
});
