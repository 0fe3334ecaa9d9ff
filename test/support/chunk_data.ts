/** Rows for tests and benchmarks of chunks: seeded data of known kinds, and arbitrary rows for properties. */
import fc from "fast-check";
import { FAMILY, type FamilyCode } from "../../engine/base/types.ts";
import { bitsOf, type Cell, type TestRows } from "./chunks.ts";

export const I64_MIN: bigint = -(2n ** 63n);
export const I64_MAX: bigint = 2n ** 63n - 1n;

/** A small deterministic generator: the same data in every run. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function gauss(next: () => number): number {
  return (next() + next() + next() + next() - 2) * 1.7320508;
}

export function walk(
  rows: number,
  options: { step: number; decimals: number; seed: number },
): bigint[] {
  const next = random(options.seed);
  const power = 10 ** options.decimals;
  let value = 50;
  return Array.from({ length: rows }, () => {
    value = Math.min(100, Math.max(0, value + gauss(next) * options.step));
    return bitsOf(Math.round(value * power) / power);
  });
}

export function fixedTimes(rows: number): bigint[] {
  return Array.from(
    { length: rows },
    (_, i) => 1_767_225_605_000_000_000n + BigInt(i) * 10_000_000_000n,
  );
}

export function mixed(rows: number, seed: number, pick: readonly bigint[]): bigint[] {
  const next = random(seed);
  return Array.from({ length: rows }, () => pick[Math.floor(next() * pick.length)]!);
}

export const SPECIAL_DOUBLES: readonly bigint[] = [
  0x7ff0000000000002n,
  0x7ff8000000000000n,
  0xfff8000000000001n,
  0x7ff4deadbeef0001n,
  0x8000000000000000n,
  0n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  1n,
  0x7fefffffffffffffn,
  bitsOf(0.1),
  bitsOf(1e22),
  bitsOf(9007199254740993),
];

const FAMILIES = Object.values(FAMILY);

function cellOf(family: FamilyCode): fc.Arbitrary<Cell> {
  if (family === FAMILY.bool) return fc.bigInt(0n, 1n);
  if (family === FAMILY.blob || family === FAMILY.histogram) {
    return fc.oneof(
      fc.constantFrom("on", "off", "").map((s) => new TextEncoder().encode(s)),
      fc.uint8Array({ maxLength: 40 }),
    );
  }
  if (family === FAMILY.f64) {
    return fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: -5000, max: 5000 }).map((v) => bitsOf(v / 100)) },
      fc.bigInt(0n, 2n ** 64n - 1n),
      fc.constantFrom(...SPECIAL_DOUBLES),
    );
  }
  return fc.oneof(
    { weight: 4, arbitrary: fc.bigInt(0n, 1000n) },
    fc.bigInt(0n, 2n ** 64n - 1n),
    fc.constantFrom(0n, 2n ** 63n, 2n ** 63n - 1n, 2n ** 64n - 1n),
  );
}

const timeSets = fc.oneof(
  fc.bigInt(I64_MIN, I64_MAX),
  { weight: 3, arbitrary: fc.bigInt(1_767_225_600_000n, 1_767_225_600_400n) },
);

export const anyRows: fc.Arbitrary<TestRows> = fc.uniqueArray(timeSets, {
  minLength: 1,
  maxLength: 300,
})
  .chain((unordered) => {
    const times = unordered.toSorted((a, b) => a < b ? -1 : 1);
    const column = fc.tuple(fc.constantFrom(...FAMILIES), fc.constantFrom(0, 0, 0.02, 0.6)).chain(
      ([family, gaps]) =>
        fc.array(
          fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), cellOf(family)),
          { minLength: times.length, maxLength: times.length },
        ).map((drawn) => ({
          family,
          cells: drawn.map(([chance, cell]) => chance < gaps ? undefined : cell),
        })),
    );
    return fc.tuple(
      fc.array(column, { maxLength: 4 }),
      fc.uniqueArray(fc.nat(65_535), { minLength: 4, maxLength: 4 }),
    )
      .map(([columns, slots]) => {
        const sorted = slots.toSorted((a, b) => a - b);
        return {
          times,
          columns: columns.map((c, i) => ({ ...c, slot: sorted[i]! }))
            .filter((c) => c.cells.some((cell) => cell !== undefined)),
        };
      });
  });
