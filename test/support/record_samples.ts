/** Random rows for property tests of the log: few sources and fields, so that records have much to count from. */
import fc from "fast-check";
import { FAMILY, type Family } from "../../engine/base/types.ts";
import type { PlainCell, PlainRow } from "./record_rows.ts";

const FAMILIES = Object.keys(FAMILY) as Family[];
const scratch = new DataView(new ArrayBuffer(8));

export function bitsOf(value: number): bigint {
  scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}

const anyBits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const smallBits = fc.integer({ min: -20, max: 20 }).map((value) =>
  BigInt.asUintN(64, BigInt(value))
);
const decimal = fc.tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.integer({ min: 0, max: 5 }))
  .map(([integer, digits]) => bitsOf(integer / 10 ** digits));
const special = fc.constantFrom(
  bitsOf(0),
  bitsOf(-0),
  bitsOf(NaN),
  0x7ff0000000000002n,
  0xfff8dead0000beefn,
  bitsOf(Infinity),
  bitsOf(-Infinity),
  bitsOf(5e-324),
  bitsOf(2 ** 53),
  bitsOf(2 ** 53 + 2),
  bitsOf(-(2 ** 63)),
  2n ** 63n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
);

function bitsFor(family: Family): fc.Arbitrary<bigint> {
  if (family === "bool") return fc.constantFrom(0n, 1n);
  if (family === "f64") {
    return fc.oneof(
      { arbitrary: decimal, weight: 8 },
      { arbitrary: special, weight: 1 },
      { arbitrary: anyBits, weight: 1 },
    );
  }
  return fc.oneof(
    { arbitrary: smallBits, weight: 8 },
    { arbitrary: special, weight: 1 },
    { arbitrary: anyBits, weight: 1 },
  );
}

function cell(family: Family, number: number): fc.Arbitrary<PlainCell> {
  const field = `${family}${number}`;
  if (family === "blob" || family === "histogram") {
    return fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 6 })
      .map((blob) => ({ field, family, blob }));
  }
  return bitsFor(family).map((bits) => ({ field, family, bits }));
}

const cells = fc.subarray(
  FAMILIES.flatMap((family) => [0, 1].map((number) => ({ family, number }))),
  { minLength: 0, maxLength: 5 },
).chain((chosen) => fc.tuple(...chosen.map(({ family, number }) => cell(family, number))));

const time = fc.oneof(
  {
    arbitrary: fc.integer({ min: 0, max: 50 }).map((n) =>
      1_700_000_000_000_000_000n + BigInt(n) * 10_000_000_000n
    ),
    weight: 8,
  },
  { arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), weight: 1 },
);

export const anyRow: fc.Arbitrary<PlainRow> = fc.record({
  measurement: fc.constantFrom("a", "b", "c"),
  host: fc.constantFrom("1", "2", "3", "4"),
  time,
  cells,
  isRefused: fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
});

/** Batches of rows: short ones of all kinds, and long ones that repeat a few rows with other values. */
export const anyBatch: fc.Arbitrary<PlainRow[]> = fc.oneof(
  { arbitrary: fc.array(anyRow, { maxLength: 20 }), weight: 3 },
  {
    arbitrary: fc.tuple(
      fc.array(anyRow, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 150 }),
      fc.integer({ min: 0, max: 3 }),
    ).map(([rows, times, change]) => repeatRows(rows, times, change)),
    weight: 1,
  },
);

function repeatRows(rows: readonly PlainRow[], times: number, change: number): PlainRow[] {
  const all: PlainRow[] = [];
  for (let n = 0; n < times; n++) {
    for (const row of rows) {
      all.push({
        ...row,
        time: BigInt.asIntN(64, row.time + BigInt(n) * 10_000_000_000n),
        cells: row.cells.map((cell) =>
          cell.bits === undefined || cell.family === "bool"
            ? cell
            : { ...cell, bits: BigInt.asUintN(64, cell.bits + BigInt(n * change)) }
        ),
      });
    }
  }
  return all;
}
