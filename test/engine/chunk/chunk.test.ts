import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FAMILY } from "../../../engine/base/types.ts";
import { EFFORT } from "../../../engine/chunk/chunk.ts";
import { readChunkPlainly } from "../../../engine/chunk/plain_reader.ts";
import {
  anyRows,
  fixedTimes,
  I64_MAX,
  I64_MIN,
  mixed,
  random,
  SPECIAL_DOUBLES,
  walk,
} from "../../support/chunk_data.ts";
import {
  bitsOf,
  type Cell,
  ChunkBench,
  msOf,
  numberOf,
  type TestColumn,
  type TestRows,
} from "../../support/chunks.ts";

const bench = new ChunkBench();
afterEach(() => bench.clear());

const f64 = (cells: readonly Cell[], slot = 0): TestColumn => ({ slot, family: FAMILY.f64, cells });

function expectRoundTrip(rows: TestRows): number {
  let size = 0;
  for (const effort of [EFFORT.fast, EFFORT.small]) {
    const chunk = bench.encode(rows, effort);
    const bytes = bench.bytesOf(chunk);
    expect(bench.decode(bench.place(bytes))).toEqual(rows);
    expect(readChunkPlainly(bytes)).toEqual(rows);
    size = chunk.bytes;
  }
  return size;
}

describe.each([1, 2, 3, 7, 127, 128, 129, 256, 1000, 8192])("%i rows", (rows) => {
  const seeded = random(rows);
  test.each([
    { name: "integers as doubles", cells: walk(rows, { step: 1, decimals: 0, seed: 1 }) },
    { name: "two decimals", cells: walk(rows, { step: 0.08, decimals: 2, seed: 2 }) },
    { name: "four decimals", cells: walk(rows, { step: 0.002, decimals: 4, seed: 3 }) },
    {
      name: "random doubles",
      cells: Array.from({ length: rows }, () => bitsOf(seeded() * seeded())),
    },
    // Whole numbers whose distances are beyond those that doubles tell apart, with a common divisor.
    ...[23, 26, 31, 33, 40].map((power) => ({
      name: `multiples of 2^${power} + 1 between -2^53 and 2^53`,
      cells: Array.from({ length: rows }, (_, i) => {
        const multiple = i < 2 ? i : Math.floor(seeded() * 2 ** Math.min(53.9 - power, 30));
        return bitsOf(Number(1n - 2n ** 53n + BigInt(multiple) * (2n ** BigInt(power) + 1n)));
      }),
    })),
    { name: "constant", cells: Array.from({ length: rows }, () => bitsOf(21.5)) },
    {
      name: "long flat stretches",
      cells: Array.from(
        { length: rows },
        (_, i) => bitsOf(((i * 3) >> 11) * 0.5 + (i === 700 ? 9 : 0)),
      ),
    },
    { name: "constant NaN", cells: Array.from({ length: rows }, () => 0x7ff0000000000002n) },
    { name: "special doubles", cells: mixed(rows, 4, SPECIAL_DOUBLES) },
    {
      name: "decimals with staleness marks",
      cells: walk(rows, { step: 1, decimals: 1, seed: 5 }).map((bits, i) =>
        i % 50 === 0 ? 0x7ff0000000000002n : i % 77 === 3 ? 0x8000000000000000n : bits
      ),
    },
    {
      name: "spikes",
      cells: walk(rows, { step: 1, decimals: 1, seed: 6 }).map((bits, i) =>
        i % 61 === 5 ? bitsOf(i % 2 === 0 ? 1e9 : -1e9) : bits
      ),
    },
    {
      name: "steps of 0.25",
      cells: Array.from({ length: rows }, (_, i) => bitsOf((i % 13) * 0.25)),
    },
  ])("f64: $name", ({ cells }) => {
    expectRoundTrip({ times: fixedTimes(rows), columns: [f64(cells)] });
  });

  const counters = random(rows + 1);
  let total = 0n;
  test.each([
    {
      name: "extremes",
      cells: mixed(rows, 7, [0n, 2n ** 63n, 2n ** 63n - 1n, 2n ** 64n - 1n, 1n]),
    },
    {
      name: "counter",
      cells: Array.from({ length: rows }, () => total += BigInt(Math.floor(counters() * 1e6))),
    },
    {
      name: "counter in large steps that is reset",
      cells: Array.from(
        { length: rows },
        (_, i) => BigInt(i % 300) * 5_000_000_000n + BigInt(Math.floor(counters() * 1e9)),
      ),
    },
    {
      name: "multiples of 4096",
      cells: Array.from({ length: rows }, (_, i) => BigInt((i * 7919) % 31) * 4096n),
    },
    {
      name: "alternating extremes",
      cells: Array.from({ length: rows }, (_, i) => i % 2 === 0 ? 2n ** 63n : 2n ** 63n - 1n),
    },
  ])("i64 and u64: $name", ({ cells }) => {
    expectRoundTrip({
      times: fixedTimes(rows),
      columns: [{ slot: 3, family: FAMILY.i64, cells }, {
        slot: 65_535,
        family: FAMILY.u64,
        cells,
      }],
    });
  });

  const jitter = random(rows + 2);
  const start = 1_767_225_600_000n;
  const steps = (next: (i: number) => bigint): bigint[] => {
    let time = start;
    return Array.from({ length: rows }, (_, i) => time += next(i));
  };
  test.each([
    { name: "fixed step", times: fixedTimes(rows) },
    {
      name: "whole seconds with gaps, in ns",
      times: steps((i) => (i % 41 === 0 ? 40n : 10n) * 1_000_000_000n),
    },
    {
      name: "jitter on a grid",
      times: Array.from(
        { length: rows },
        (_, i) => start + BigInt(i * 30_000 + Math.floor(jitter() * 1000)),
      ),
    },
    { name: "random arrivals", times: steps(() => BigInt(1 + Math.floor(jitter() * 1e6))) },
    { name: "one tick apart", times: steps(() => 1n) },
    {
      name: "the whole i64 range",
      times: rows === 1
        ? [I64_MIN]
        : [I64_MIN, ...Array.from({ length: rows - 2 }, (_, i) => BigInt(i * i) - 5n), I64_MAX]
          .slice(0, rows),
    },
  ])("times: $name", ({ times }) => {
    expectRoundTrip({ times, columns: [f64(times.map(() => bitsOf(1)))] });
  });

  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  test.each([
    { name: "few values", cell: (i: number) => text(`state ${i % 3}`) },
    { name: "distinct", cell: (i: number) => text(`line ${i} ${"x".repeat(i % 20)}`) },
    { name: "empty", cell: () => text("") },
    { name: "constant", cell: () => text("running") },
  ])("blob and histogram: $name", ({ cell }) => {
    const cells = Array.from({ length: rows }, (_, i) => cell(i));
    expectRoundTrip({
      times: fixedTimes(rows),
      columns: [{ slot: 1, family: FAMILY.blob, cells }, {
        slot: 2,
        family: FAMILY.histogram,
        cells,
      }],
    });
  });

  test.each([
    { name: "all false", cell: () => 0n },
    { name: "all true", cell: () => 1n },
    { name: "long runs", cell: (i: number) => BigInt((i >> 6) & 1) },
    { name: "alternating", cell: (i: number) => BigInt(i & 1) },
  ])("bool: $name", ({ cell }) => {
    const cells = Array.from({ length: rows }, (_, i) => cell(i));
    expectRoundTrip({
      times: fixedTimes(rows),
      columns: [{ slot: 1, family: FAMILY.bool, cells }],
    });
  });
});

test("decoding is the inverse of encoding", () => {
  fc.assert(
    fc.property(anyRows, (rows) => {
      expectRoundTrip(rows);
      bench.clear();
    }),
    { numRuns: 150 },
  );
});

test("readColumn gives the points of a range, chunkHolds knows the slots", () => {
  fc.assert(
    fc.property(anyRows, fc.nat(), fc.nat(), fc.boolean(), (rows, a, b, isExact) => {
      const chunk = bench.place(bench.bytesOf(bench.encode(rows, EFFORT.small)));
      const count = rows.times.length;
      const [low, high] = [a % count, b % count].toSorted((x, y) => x - y) as [number, number];
      const wrap = (time: bigint, by: bigint): bigint =>
        time + by > I64_MAX || time + by < I64_MIN ? time : time + by;
      const first = isExact ? rows.times[low]! : wrap(rows.times[low]!, 1n);
      const last = isExact ? rows.times[high]! : wrap(rows.times[high]!, -1n);
      for (const { slot, family, cells } of rows.columns) {
        const expected = rows.times
          .map((time, i) => [time, cells[i]] as const)
          .filter(([time, cell]) => cell !== undefined && time >= first && time <= last);
        expect(bench.read(chunk, { slot, family, first, last, rows: count })).toEqual(expected);
        if (family >= FAMILY.blob) continue;
        const ms = msOf(bench.kernels, expected.map(([time]) => time));
        expect(bench.readDoubles(chunk, { slot, first, last, rows: count })).toEqual(
          expected.map(([, cell], i) => [ms[i]!, numberOf(cell as bigint, family)]),
        );
      }
      const missing = [0, 1, 2, 3, 4].find((slot) => rows.columns.every((c) => c.slot !== slot))!;
      expect(
        bench.read(chunk, { slot: missing, family: 1, first: I64_MIN, last: I64_MAX, rows: count }),
      ).toEqual([]);
      const { chunkHolds } = bench.kernels.exports;
      expect(chunkHolds(chunk.pointer, chunk.bytes, missing)).toBe(0);
      bench.clear();
    }),
    { numRuns: 150 },
  );
});

test.each([
  { name: "3 rows of one decimal", rows: 3, limit: 20 },
  { name: "1 row", rows: 1, limit: 16 },
])("a chunk of $name is small", ({ rows, limit }) => {
  const cells = [20.5, 20.6, 20.4].slice(0, rows).map(bitsOf);
  expect(expectRoundTrip({ times: fixedTimes(rows), columns: [f64(cells)] })).toBeLessThanOrEqual(
    limit,
  );
});

test("columns that no row has a value of are left out", () => {
  const rows = {
    times: [1n, 2n],
    columns: [f64([undefined, undefined]), f64([bitsOf(1), undefined], 9)],
  };
  expect(bench.decode(bench.encode(rows, EFFORT.fast))).toEqual({
    times: [1n, 2n],
    columns: [rows.columns[1]!],
  });
});
