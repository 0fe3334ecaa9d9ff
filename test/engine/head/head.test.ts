import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Head } from "../../../engine/head/head.ts";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { BatchBuilder } from "../../../engine/write/batch.ts";
import { FAMILY } from "../../../engine/base/types.ts";

const HOUR = 3_600_000_000_000n;
const encoder = new TextEncoder();

interface Row {
  readonly source: number;
  readonly time: bigint;
  readonly cells: readonly (readonly [slot: number, value: number])[];
}

/** A head over its own kernels, with sources 1.. of one measurement and `columns` float fields. */
class Bench {
  readonly kernels = new Kernels();
  readonly head: Head;
  readonly batch: BatchBuilder;

  constructor(sources: number, columns: number, partition = HOUR) {
    this.head = new Head(this.kernels, partition);
    this.batch = new BatchBuilder(this.kernels);
    const { exports } = this.kernels;
    const measurement = this.#bytes(
      "m",
      (at, bytes) => exports.findMeasurement(at, 0, at, bytes, true),
    );
    for (let slot = 0; slot < columns; slot++) {
      this.#bytes(`f${slot}`, (at, bytes) => exports.findField(measurement, at, bytes, FAMILY.f64));
    }
    for (let i = 1; i <= sources; i++) {
      const tag = String(i);
      const key = [1, 0, 109, 1, 0, 116, tag.length, 0, ...encoder.encode(tag)];
      this.#put(Uint8Array.from(key), (at, bytes) => exports.findSource(at, bytes, true));
    }
    this.kernels.refresh();
  }

  write(rows: readonly Row[]): void {
    this.batch.begin();
    for (const row of rows) {
      this.batch.row(this.kernels.exports.sourceById(row.source) >>> 0, row.time);
      for (const [slot, value] of row.cells) this.batch.float64(slot, value);
    }
    this.kernels.exports.headAppend();
    this.kernels.refresh();
  }

  /** Points of a series as the head holds them, chunks and builders read one by one, newer ones winning. */
  read(source: number, slot: number): Map<bigint, number> {
    return this.readCapture(this.head.capture(Uint32Array.of(source)), slot);
  }

  readCapture(capture: { words: Uint32Array }, slot: number): Map<bigint, number> {
    const { exports } = this.kernels;
    const times = this.kernels.alloc(16_384, "query");
    const bits = this.kernels.alloc(16_384, "query");
    const found = new Map<bigint, number>();
    const [chunks, builders] = [capture.words[0]!, capture.words[1]!];
    const take = (count: number) => {
      expect(count).toBeGreaterThanOrEqual(0);
      for (let i = 0; i < count; i++) {
        const time = this.kernels.i64[(times >> 3) + i]!;
        if (i > 0) expect(time > this.kernels.i64[(times >> 3) + i - 1]!).toBe(true);
        found.set(time, this.kernels.f64[(bits >> 3) + i]!);
      }
    };
    for (let i = chunks - 1; i >= 0; i--) {
      const chunk = this.head.chunkAt(capture.words[2 + i]!);
      take(exports.readColumn(chunk.pointer, chunk.bytes, slot, MIN, MAX, times, bits));
    }
    for (let i = builders - 1; i >= 0; i--) {
      const [builder, rows] = [
        capture.words[2 + chunks + 2 * i]!,
        capture.words[3 + chunks + 2 * i]!,
      ];
      take(exports.headReadBuilder(builder, rows, slot, MIN, MAX, times, bits));
    }
    this.kernels.free(times, "query");
    this.kernels.free(bits, "query");
    return found;
  }

  #bytes(text: string, call: (at: number, bytes: number) => number): number {
    return this.#put(encoder.encode(text), call);
  }

  #put(bytes: Uint8Array, call: (at: number, bytes: number) => number): number {
    const at = this.kernels.alloc(bytes.length + 16, "scratch");
    this.kernels.u8.set(bytes, at);
    const result = call(at, bytes.length);
    this.kernels.refresh();
    this.kernels.free(at, "scratch");
    return result >>> 0;
  }
}

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/** What the rows mean: the last value of a series and time. */
function modelOf(rows: readonly Row[], source: number, slot: number): Map<bigint, number> {
  const points = new Map<bigint, number>();
  for (const row of rows) {
    if (row.source !== source) continue;
    for (const [at, value] of row.cells) if (at === slot) points.set(row.time, value);
  }
  return points;
}

function sorted(points: Map<bigint, number>): [bigint, number][] {
  return [...points].sort((a, b) => a[0] < b[0] ? -1 : 1);
}

const COLUMNS = 4;
const rowArbitrary = fc.record({
  source: fc.integer({ min: 1, max: 3 }),
  time: fc.oneof(
    fc.integer({ min: 0, max: 40 }).map((n) => BigInt(n) * 1_000_000_000n),
    fc.integer({ min: -12, max: 12 }).map((n) => BigInt(n) * HOUR + 5n),
  ),
  cells: fc.uniqueArray(
    fc.tuple(fc.integer({ min: 0, max: COLUMNS - 1 }), fc.integer({ min: -9, max: 99 })),
    {
      minLength: 1,
      selector: ([slot]) => slot,
    },
  ),
});

describe("head", () => {
  let bench: Bench | undefined;
  afterEach(() => bench = undefined);

  test("rows of any order, sparse and repeated, read back as the last value of each time", () => {
    fc.assert(
      fc.property(fc.array(rowArbitrary, { maxLength: 400 }), (rows) => {
        bench = new Bench(3, COLUMNS);
        for (let i = 0; i < rows.length; i += 37) bench.write(rows.slice(i, i + 37));
        for (let source = 1; source <= 3; source++) {
          for (let slot = 0; slot < COLUMNS; slot++) {
            expect(sorted(bench.read(source, slot))).toEqual(sorted(modelOf(rows, source, slot)));
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test("a full builder is sealed and its rows stay readable", () => {
    bench = new Bench(1, 2);
    const rows = Array.from({ length: 300 }, (_, i): Row => ({
      source: 1,
      time: BigInt(i) * 10_000_000_000n,
      cells: [[0, i], [1, i / 4]],
    }));
    bench.write(rows);
    expect(bench.head.rows).toBe(300);
    expect(bench.head.points).toBe(600);
    expect(bench.head.stamp).toBe(3);
    expect(sorted(bench.read(1, 1))).toEqual(sorted(modelOf(rows, 1, 1)));
  });

  test("what a view captured does not change while rows are written, sealed and dropped", () => {
    bench = new Bench(2, 2);
    const row = (i: number): Row => ({
      source: 1,
      time: BigInt(i) * 1_000n,
      cells: [[0, i], [1, -i]],
    });
    const early = Array.from({ length: 200 }, (_, i) => row(i));
    bench.write(early);
    const mark = bench.head.openView();
    const capture = bench.head.capture(Uint32Array.of(1));
    bench.write(Array.from({ length: 500 }, (_, i) => row(200 + i)));
    const generation = bench.kernels.exports.headFreeze();
    bench.kernels.exports.headSealSource(bench.kernels.exports.sourceById(1) >>> 0, generation);
    bench.kernels.exports.headDropSources(1, 3, generation);
    bench.write(Array.from({ length: 100 }, (_, i) => row(10 + i)));
    expect(sorted(bench.readCapture(capture, 1))).toEqual(sorted(modelOf(early, 1, 1)));
    bench.head.closeView(mark);
    expect(bench.kernels.exports.headRetiredCount()).toBe(0);
    expect(bench.read(1, 0).size).toBe(100);
  });

  test("dropping a generation gives all of its memory back and leaves the next one", () => {
    bench = new Bench(3, COLUMNS);
    const empty = bench.head.bytes;
    const rows = Array.from({ length: 1_000 }, (_, i): Row => ({
      source: 1 + i % 3,
      time: BigInt(i) * 1_000n,
      cells: [[i % COLUMNS, i]],
    }));
    bench.write(rows);
    const generation = bench.kernels.exports.headFreeze();
    bench.write([{ source: 2, time: 7n, cells: [[0, 1]] }]);
    bench.kernels.exports.headDropSources(1, 4, generation);
    expect(bench.read(1, 0).size).toBe(0);
    expect(sorted(bench.read(2, 0))).toEqual([[7n, 1]]);
    bench.kernels.exports.headDropSources(1, 4, generation + 1);
    expect(bench.head.bytes).toBe(empty);
  });

  test("a builder of an older generation that is sealed late stays older than newer chunks", () => {
    bench = new Bench(1, 1);
    const seal = (generation: number) =>
      bench!.kernels.exports.headSealSource(bench!.kernels.exports.sourceById(1) >>> 0, generation);
    bench.write([{ source: 1, time: 5n, cells: [[0, 1]] }]);
    const generation = bench.kernels.exports.headFreeze();
    bench.write([{ source: 1, time: 5n, cells: [[0, 2]] }]);
    seal(generation + 1);
    expect(sorted(bench.read(1, 0))).toEqual([[5n, 2]]);
    bench.write([{ source: 1, time: 5n, cells: [[0, 3]] }]);
    const second = bench.kernels.exports.headFreeze();
    const rows = Array.from({ length: 128 }, (_, i) => ({
      source: 1,
      time: BigInt(5 + i),
      cells: [[0, 4]] as const,
    }));
    bench.write(rows);
    seal(second);
    expect(bench.read(1, 0).get(5n)).toBe(4);
  });

  test("windows that rows lie in are counted up to the bound", () => {
    bench = new Bench(1, 1);
    bench.write([-1n, 0n, 1n, 3n].map((n) => ({ source: 1, time: n * HOUR, cells: [[0, 1]] })));
    const list = bench.kernels.alloc(64, "scratch");
    const generation = bench.kernels.exports.headFreeze();
    expect(bench.kernels.exports.headWindows(generation, HOUR, list, 6)).toBe(4);
    expect([...bench.kernels.i64.subarray(list >> 3, (list >> 3) + 4)]).toEqual([-1n, 0n, 1n, 3n]);
    expect(bench.kernels.exports.headWindows(generation, HOUR, list, 2)).toBe(3);
  });
});
