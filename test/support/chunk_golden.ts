/** The rows behind test/golden/chunk.hex and chunk_small.hex. */
import { FAMILY } from "../../engine/base/types.ts";
import { EFFORT } from "../../engine/chunk/chunk.ts";
import { bitsOf, type Effort, type TestRows } from "./chunks.ts";

const START = 1_767_225_605_000_000_000n;
const SECOND = 1_000_000_000n;
const text = (value: string): Uint8Array =>
  Uint8Array.from([2, ...new TextEncoder().encode(value)]);

/** Ten rows with a column of each family, gaps and an exception. */
function mixedRows(): TestRows {
  const row = Array.from({ length: 10 }, (_, i) => i);
  const isThere = (i: number): boolean => i !== 3 && i !== 4 && i !== 9;
  const states = ["on", "off", "on", "on", "off", "on", "off", "off", "on", "on"];
  return {
    times: row.map((i) => START + BigInt(i) * 10n * SECOND),
    columns: [
      {
        slot: 0,
        family: FAMILY.f64,
        cells: row.map((i) => i === 5 ? 0x7ff0000000000002n : bitsOf((205 + (i % 4)) / 10)),
      },
      {
        slot: 1,
        family: FAMILY.i64,
        cells: row.map((i) => isThere(i) ? BigInt.asUintN(64, BigInt(i * i - 7)) : undefined),
      },
      { slot: 2, family: FAMILY.u64, cells: row.map((i) => isThere(i) ? 2n ** 40n : undefined) },
      { slot: 7, family: FAMILY.bool, cells: row.map((i) => i < 6 ? 1n : 0n) },
      { slot: 8, family: FAMILY.blob, cells: states.map(text) },
      {
        slot: 300,
        family: FAMILY.f64,
        cells: row.map((i) => bitsOf(Math.PI + i * 2 ** -40)),
      },
    ],
  };
}

/** 700 rows with gaps, a walk, a flat stretch, and a counter that is reset. */
function longRows(): TestRows {
  let state = 1;
  const next = (range: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * range);
  };
  const row = Array.from({ length: 700 }, (_, i) => i);
  const bell = (): number => next(3) + next(3) + next(3) + next(3) + next(3) + next(3);
  let level = 500;
  let total = 0;
  return {
    times: row.map((i) => START + BigInt(i + Math.floor(i / 97)) * 30n * SECOND),
    columns: [
      {
        slot: 0,
        family: FAMILY.f64,
        cells: row.map(() => bitsOf((level += bell() - 6) / 10)),
      },
      { slot: 1, family: FAMILY.i64, cells: row.map((i) => i < 690 ? 5n : 6n) },
      {
        slot: 2,
        family: FAMILY.u64,
        cells: row.map((i) => BigInt(total = i === 200 ? 0 : total + 4096 * (200 + next(4)))),
      },
    ],
  };
}

export const GOLDEN_CHUNKS: readonly {
  readonly file: string;
  readonly rows: TestRows;
  readonly effort: Effort;
}[] = [
  { file: "chunk.hex", rows: mixedRows(), effort: EFFORT.fast },
  { file: "chunk_small.hex", rows: longRows(), effort: EFFORT.small },
];
