import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FAMILY } from "../../../engine/base/types.ts";
import { EFFORT } from "../../../engine/chunk/chunk.ts";
import {
  type ChunkFacts,
  type HiddenSlotRange,
  RowMerger,
  type RowMergerOptions,
} from "../../../engine/chunk/row_merger.ts";
import { isEngineError } from "../../../engine/errors.ts";
import { fixedTimes, I64_MAX, I64_MIN, walk } from "../../support/chunk_data.ts";
import { bitsOf, type Cell, ChunkBench, type TestRows } from "../../support/chunks.ts";

const bench = new ChunkBench();
afterEach(() => bench.clear());

interface Input {
  readonly rows: TestRows;
  readonly hidden?: readonly HiddenSlotRange[] | undefined;
}

interface Merged {
  readonly rows: TestRows;
  readonly facts: ChunkFacts;
  readonly bytes: number;
}

function merge(inputs: readonly Input[], options: RowMergerOptions = {}): Merged[] {
  using merger = new RowMerger(bench.kernels, options);
  merger.begin();
  let open = 0;
  for (const { rows, hidden } of inputs) {
    const encoded = bench.place(bench.bytesOf(bench.encode(rows, EFFORT.fast)));
    merger.addInput({
      minTime: rows.times[0]!,
      maxTime: rows.times.at(-1)!,
      hidden,
      open: () => {
        open++;
        return encoded;
      },
      close: () => open--,
    });
  }
  const merged: Merged[] = [];
  merger.emit((chunk, facts) => {
    merged.push({ rows: bench.decode(chunk)!, facts, bytes: chunk.bytes });
  });
  expect(open).toBe(0);
  return merged;
}

/** Rows as a map: time, then slot, to value. */
type Model = Map<bigint, Map<number, Cell>>;

function modelOf(inputs: readonly Input[]): Model {
  const model: Model = new Map();
  for (const { rows, hidden } of inputs) {
    rows.times.forEach((time, row) => {
      for (const { slot, cells } of rows.columns) {
        const isHidden = hidden?.some((range) =>
          (range.slot === undefined || range.slot === slot) && time >= range.start &&
          time < range.end
        );
        if (cells[row] === undefined || isHidden) continue;
        const fields = model.get(time) ?? new Map<number, Cell>();
        model.set(time, fields.set(slot, cells[row]));
      }
    });
  }
  return new Map([...model].sort(([a], [b]) => a < b ? -1 : 1));
}

function modelOfMerged(merged: readonly Merged[]): Model {
  const model = modelOf(merged);
  const times = merged.flatMap(({ rows }) => rows.times);
  expect(times).toEqual([...model.keys()]);
  for (const { rows, facts } of merged) {
    const points = rows.columns.flatMap(({ cells }) => cells.filter((cell) => cell !== undefined));
    expect(facts).toEqual({
      rows: rows.times.length,
      points: points.length,
      minTime: rows.times[0]!,
      maxTime: rows.times.at(-1)!,
    });
  }
  return model;
}

const SLOTS = [
  { slot: 0, family: FAMILY.f64 },
  { slot: 3, family: FAMILY.i64 },
  { slot: 4, family: FAMILY.blob },
  { slot: 9, family: FAMILY.bool },
] as const;

const anyTime = fc.oneof(
  { weight: 20, arbitrary: fc.bigInt(0n, 300n) },
  fc.constantFrom(I64_MIN, I64_MAX),
);

const anyHidden = fc.array(
  fc.record({
    slot: fc.constantFrom(undefined, 0, 3, 4, 9, 17),
    start: anyTime,
    end: anyTime,
  }),
  { maxLength: 3 },
);

/** A chunk whose values tell which input they come from. */
function anyInput(hiding: boolean): fc.Arbitrary<Input> {
  return fc.record({
    times: fc.uniqueArray(anyTime, { minLength: 1, maxLength: 60 }),
    gaps: fc.array(fc.nat(4), { minLength: SLOTS.length, maxLength: SLOTS.length }),
    seed: fc.nat(200),
    hidden: hiding ? fc.option(anyHidden, { nil: undefined }) : fc.constant(undefined),
  }).map(({ times, gaps, seed, hidden }) => {
    const sorted = times.toSorted((a, b) => a < b ? -1 : 1);
    const columns = SLOTS.map(({ slot, family }, c) => ({
      slot,
      family,
      cells: sorted.map((_, row): Cell => {
        const isThere = gaps[c] === 0 ||
          (gaps[c]! < 4 && (row * 7 + c + seed) % (gaps[c]! + 1) > 0);
        if (!isThere) return undefined;
        if (family === FAMILY.blob) return Uint8Array.of(2, seed, row);
        if (family === FAMILY.bool) return BigInt((row + seed) & 1);
        return family === FAMILY.f64 ? bitsOf(seed + row / 100) : BigInt(seed * 1000 + row);
      }),
    }));
    const rows = sorted.map((_, row) => columns.some(({ cells }) => cells[row] !== undefined));
    // A row has at least one value.
    columns[0]!.cells = columns[0]!.cells.map((cell, row) => rows[row]! ? cell : bitsOf(seed));
    return {
      rows: {
        times: sorted,
        columns: columns.filter(({ cells }) => cells.some((cell) => cell !== undefined)),
      },
      hidden,
    };
  });
}

describe.each([false, true])("hidden ranges: %p", (hiding) => {
  test("merging agrees with a map", () => {
    fc.assert(
      fc.property(
        fc.array(anyInput(hiding), { maxLength: 6 }),
        fc.constantFrom(1, 7, 64, 8192),
        (inputs, rowsMax) => {
          const merged = merge(inputs, { rowsMax });
          expect(modelOfMerged(merged)).toEqual(modelOf(inputs));
          for (const { rows } of merged) expect(rows.times.length).toBeLessThanOrEqual(rowsMax);
          bench.clear();
        },
      ),
      { numRuns: 200 },
    );
  });
});

function gauge(from: number, to: number): Input {
  const times = fixedTimes(to).slice(from);
  return {
    rows: {
      times,
      columns: [{
        slot: 0,
        family: FAMILY.f64,
        cells: walk(to - from, { step: 1, decimals: 1, seed: from }),
      }],
    },
  };
}

test("chunks in order become large ones", () => {
  const inputs = Array.from({ length: 100 }, (_, i) => gauge(i * 128, i * 128 + 128));
  const merged = merge(inputs, { effort: EFFORT.small });
  expect(merged.map(({ facts }) => facts.rows)).toEqual([8192, 4608]);
  expect(modelOfMerged(merged)).toEqual(modelOf(inputs));
});

test("a chunk that is large and alone is given on as it is", () => {
  const inputs = [gauge(0, 100), gauge(100, 5000), gauge(5000, 5100)];
  expect(merge(inputs).map(({ facts }) => facts.rows)).toEqual([5100]);
  const full = [gauge(0, 5000), gauge(5000, 10_000), gauge(10_000, 10_100)];
  expect(merge(full).map(({ facts }) => facts.rows)).toEqual([5000, 5000, 100]);
  expect(merge(full, { effort: EFFORT.small }).map(({ facts }) => facts.rows)).toEqual([
    8192,
    1908,
  ]);
  const overlapping = [...full, gauge(4999, 5001)];
  expect(merge(overlapping).map(({ facts }) => facts.rows)).toEqual([8192, 1908]);
});

test("a damaged chunk is reported and all inputs are closed", () => {
  using merger = new RowMerger(bench.kernels);
  const { rows } = gauge(0, 1000);
  const encoded = bench.encode(rows, EFFORT.fast);
  let closed = 0;
  for (const bytes of [encoded.bytes, 3]) {
    merger.addInput({
      minTime: rows.times[0]!,
      maxTime: rows.times.at(-1)!,
      open: () => ({ pointer: encoded.pointer, bytes }),
      close: () => closed++,
    });
  }
  let error: unknown;
  try {
    merger.emit(() => {});
  } catch (caught) {
    error = caught;
  }
  expect(isEngineError(error, "corrupt")).toBe(true);
  expect(closed).toBe(2);
});

test("nothing is held when done", () => {
  const before = bench.kernels.usedBytes("query");
  const inputs = Array.from({ length: 10 }, (_, i) => gauge(i * 100, i * 100 + 300));
  merge(inputs, { tag: "query", rowsMax: 256 });
  expect(bench.kernels.usedBytes("query")).toBe(before);
});
