import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FAMILY } from "../../../engine/base/types.ts";
import { EFFORT } from "../../../engine/chunk/chunk.ts";
import { readChunkPlainly } from "../../../engine/chunk/plain_reader.ts";
import { fixedTimes, gauss, random } from "../../support/chunk_data.ts";
import { type Cell, ChunkBench, msOf, numberOf } from "../../support/chunks.ts";

const bench = new ChunkBench();
afterEach(() => bench.clear());

function sizes(cells: readonly bigint[]): { fast: number; small: number } {
  const rows = {
    times: fixedTimes(cells.length),
    columns: [{
      slot: 0,
      family: FAMILY.i64,
      cells: cells.map((cell) => BigInt.asUintN(64, cell)),
    }],
  };
  const small = bench.encode(rows, EFFORT.small);
  const bytes = bench.bytesOf(small);
  expect(bench.decode(bench.place(bytes))).toEqual(rows);
  expect(readChunkPlainly(bytes)).toEqual(rows);
  return { fast: bench.encode(rows, EFFORT.fast).bytes, small: small.bytes };
}

function series(
  rows: number,
  seed: number,
  next: (random: () => number, row: number) => number,
): bigint[] {
  const generator = random(seed);
  return Array.from({ length: rows }, (_, row) => BigInt(Math.round(next(generator, row))));
}

/** Sums of steps. */
function summed(steps: readonly bigint[]): bigint[] {
  let sum = 0n;
  return steps.map((step) => sum += step);
}

describe.each([192, 1024, 2047, 2048, 2049, 8192])("%i rows", (rows) => {
  test.each([
    { name: "small steps", cells: summed(series(rows, 1, (next) => gauss(next))), saves: 0.2 },
    {
      name: "large steps",
      cells: summed(series(rows, 2, (next) => gauss(next) * 5000)),
      saves: 0.04,
    },
    {
      name: "noise about a level",
      cells: series(rows, 3, (next) => 40 + gauss(next) * 10),
      saves: 0.04,
    },
    {
      name: "steps with rare jumps far off, both ways",
      cells: summed(
        series(rows, 4, (next) => next() < 0.005 ? (next() - 0.5) * 1e12 : gauss(next) * 2),
      ),
      saves: 0.04,
    },
    {
      name: "levels with rare spikes",
      cells: series(rows, 5, (next) => next() < 0.005 ? 1e15 : gauss(next) * 3),
      saves: 0.04,
    },
    { name: "two values", cells: series(rows, 6, (next) => next() < 0.02 ? 7 : 8), saves: 0 },
    {
      name: "steps with a long tail",
      cells: summed(series(rows, 7, (next) => Math.exp(next() * 12))),
      saves: 0,
    },
  ])("$name", ({ cells, saves }) => {
    const { fast, small } = sizes(cells);
    expect(small).toBeLessThanOrEqual(fast);
    // Short columns pay more for their code.
    if (rows >= 1024) expect(small).toBeLessThan(fast * (1 - saves) + 1);
  });
});

const anyStep = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: -4, max: 4 }).map(BigInt) },
  { weight: 3, arbitrary: fc.integer({ min: -3000, max: 3000 }).map(BigInt) },
  { weight: 1, arbitrary: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) },
);

test("any part of a column is read alike", () => {
  fc.assert(
    fc.property(
      fc.array(anyStep, { minLength: 4, maxLength: 40 }),
      fc.integer({ min: 192, max: 5000 }),
      fc.boolean(),
      fc.nat(),
      fc.nat(),
      (steps, rows, isSummed, a, b) => {
        // Repeating few steps in changing order leaves something to gain.
        const drawn = Array.from(
          { length: rows },
          (_, i) => steps[(i * i + (i >> 3)) % steps.length]!,
        );
        const cells = (isSummed ? summed(drawn) : drawn).map((cell) => BigInt.asUintN(64, cell));
        const times = fixedTimes(rows);
        const chunk = bench.place(
          bench.bytesOf(
            bench.encode(
              { times, columns: [{ slot: 1, family: FAMILY.i64, cells }] },
              EFFORT.small,
            ),
          ),
        );
        const [low, high] = [a % rows, b % rows].toSorted((x, y) => x - y) as [number, number];
        const expected: (readonly [bigint, Cell])[] = times
          .map((time, i) => [time, cells[i]] as const)
          .slice(low, high + 1);
        const query = { slot: 1, family: FAMILY.i64, first: times[low]!, last: times[high]!, rows };
        expect(bench.read(chunk, query)).toEqual(expected);
        const ms = msOf(bench.kernels, expected.map(([time]) => time));
        expect(bench.readDoubles(chunk, query)).toEqual(
          expected.map(([, cell], i) => [ms[i]!, numberOf(cell as bigint, FAMILY.i64)]),
        );
        bench.clear();
      },
    ),
    { numRuns: 60 },
  );
});
