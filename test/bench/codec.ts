/**
 * Chunk codecs: bytes a value, with timestamps and all headers, and millions of values a second of encoding and of reading every
 * column (readColumn, whole range). `bun test/bench/codec.ts [milliseconds a measurement]`; one line a case.
 */
import { FAMILY, type FamilyCode } from "../../engine/base/types.ts";
import { EFFORT } from "../../engine/chunk/chunk.ts";
import { RowMerger } from "../../engine/chunk/row_merger.ts";
import { gauss, random } from "../support/chunk_data.ts";
import { bitsOf, type Cell, ChunkBench, type TestRows } from "../support/chunks.ts";

interface Kind {
  readonly name: string;
  readonly family: FamilyCode;
  readonly columns: number;
  /** Time of a row, ns. */
  time(row: number): bigint;
  /** A generator of one column's cells. */
  column(index: number): () => Cell;
}

const START = 1_767_225_605_000_000_000n;
const next = random(42);

function walker(options: { step: number; low: number; high: number }): () => number {
  let value = options.low + next() * (options.high - options.low);
  return () => {
    value += gauss(next) * options.step;
    value = Math.min(options.high, Math.max(options.low, value));
    return value;
  };
}

/** A walk rounded to decimals, as line protocol brings it. */
function decimals(walk: () => number, digits: number): () => Cell {
  return () => bitsOf(Number(walk().toFixed(digits)));
}

const tenSeconds = (row: number): bigint => START + BigInt(row) * 10_000_000_000n;
const encoder = new TextEncoder();

const KINDS: readonly Kind[] = [
  {
    name: "TSBS ints (i64)",
    family: FAMILY.i64,
    columns: 10,
    time: tenSeconds,
    column: () => {
      const walk = walker({ step: 1, low: 0, high: 100 });
      return () => BigInt(Math.floor(walk()));
    },
  },
  {
    name: "TSBS ints (f64)",
    family: FAMILY.f64,
    columns: 10,
    time: tenSeconds,
    column: () => {
      const walk = walker({ step: 1, low: 0, high: 100 });
      return () => bitsOf(Math.floor(walk()));
    },
  },
  {
    name: "IoT 2, 3, 4 decimals",
    family: FAMILY.f64,
    columns: 3,
    time: (row) => START + 17_345_000_000n + BigInt(row) * 30_000_000_000n,
    column: (index) =>
      [
        decimals(walker({ step: 0.08, low: 1, high: 60 }), 2),
        decimals(walker({ step: 0.15, low: 1, high: 99 }), 3),
        decimals(walker({ step: 0.002, low: 2.5, high: 4.2 }), 4),
      ][index]!,
  },
  {
    name: "gauge, ms jitter of a second",
    family: FAMILY.f64,
    columns: 1,
    time: (row) => START + BigInt(row * 30_000 + Math.floor(next() * 1000)) * 1_000_000n,
    column: () => decimals(walker({ step: 0.08, low: 1, high: 60 }), 2),
  },
  {
    name: "counters",
    family: FAMILY.i64,
    columns: 4,
    time: tenSeconds,
    column: () => {
      let total = Math.floor(next() * 1e9);
      return () => BigInt(total += Math.floor(1e5 + gauss(next) * 1e3));
    },
  },
  {
    name: "random walk, true doubles",
    family: FAMILY.f64,
    columns: 4,
    time: tenSeconds,
    column: () => {
      const walk = walker({ step: 1, low: 0, high: 100 });
      return () => bitsOf(walk());
    },
  },
  {
    name: "rarely changing gauge",
    family: FAMILY.f64,
    columns: 4,
    time: tenSeconds,
    column: () => {
      let value = 20;
      return () => bitsOf(next() < 0.02 ? value = Math.round(next() * 300) / 10 : value);
    },
  },
  {
    name: "bools",
    family: FAMILY.bool,
    columns: 4,
    time: tenSeconds,
    column: () => {
      let state = 0n;
      return () => next() < 0.05 ? state = 1n - state : state;
    },
  },
  {
    name: "strings, 5 states",
    family: FAMILY.blob,
    columns: 2,
    time: tenSeconds,
    column: () => () => encoder.encode(`\u0002state ${Math.floor(next() * 5)}`),
  },
];

/** Nanoseconds that `run` takes: the best of several batches, so that a busy neighbour counts less. */
function timeOf(run: () => void, budgetMs: number): number {
  run();
  let best = Infinity;
  const end = performance.now() + budgetMs;
  while (performance.now() < end) {
    const start = performance.now();
    let runs = 0;
    do {
      run();
      runs++;
    } while (performance.now() - start < budgetMs / 10);
    best = Math.min(best, (performance.now() - start) / runs);
  }
  return best * 1e6;
}

function measure(kind: Kind, rows: number, budgetMs: number): string {
  const bench = new ChunkBench();
  const data: TestRows = {
    times: Array.from({ length: rows }, (_, row) => kind.time(row)),
    columns: Array.from({ length: kind.columns }, (_, slot) => {
      const cell = kind.column(slot);
      return { slot, family: kind.family, cells: Array.from({ length: rows }, cell) };
    }),
  };
  const { exports } = bench.kernels;
  const staged = bench.stage(data);
  const target = bench.alloc(exports.chunkBytesBound(rows, staged.columns, kind.columns));
  const times = bench.alloc(rows * 8);
  const bits = bench.alloc(rows * 8);
  const values = rows * kind.columns;
  const parts = [kind.name.padEnd(30), String(rows).padStart(5), "rows"];
  for (const [name, effort] of Object.entries(EFFORT)) {
    let bytes = 0;
    const encodeNs = timeOf(() => {
      bytes = exports.encodeChunk(
        staged.times,
        rows,
        staged.columns,
        kind.columns,
        target,
        effort,
      );
    }, budgetMs);
    const readNs = timeOf(() => {
      for (let slot = 0; slot < kind.columns; slot++) {
        const read = exports.readColumn(
          target,
          bytes,
          slot,
          -(2n ** 63n),
          2n ** 63n - 1n,
          times,
          bits,
        );
        if (read !== rows) throw new Error("Bad chunk");
      }
    }, budgetMs);
    parts.push(
      `| ${name} ${(bytes / values).toFixed(3).padStart(7)} B/value`,
      `enc ${((values * 1e3) / encodeNs).toFixed(0).padStart(4)}`,
      `dec ${((values * 1e3) / readNs).toFixed(0).padStart(5)} M/s`,
    );
  }
  return parts.join(" ");
}

const budgetMs = Number(process.argv[2] ?? 60);
const wanted = process.argv[3];
for (const kind of KINDS) {
  if (wanted !== undefined && !kind.name.includes(wanted)) continue;
  for (const rows of [128, 1024, 8192]) console.log(measure(kind, rows, budgetMs));
}

/** Merging chunks of 128 rows of one source, sealed in order, into large ones: millions of points a second. */
function measureMerge(kind: Kind, overlap: number): string {
  const bench = new ChunkBench();
  const generators = Array.from({ length: kind.columns }, (_, slot) => kind.column(slot));
  const chunks = Array.from({ length: 64 }, (_, c) => {
    const times = Array.from({ length: 128 }, (_, row) => kind.time(c * (128 - overlap) + row));
    const columns = generators.map((cell, slot) => ({
      slot,
      family: kind.family,
      cells: Array.from({ length: 128 }, cell),
    }));
    const place = bench.place(bench.bytesOf(bench.encode({ times, columns }, EFFORT.fast)));
    return { ...place, minTime: times[0]!, maxTime: times[127]! };
  });
  const parts = [`merge ${kind.name}, ${overlap} of 128 rows overlap`.padEnd(60)];
  for (const [name, effort] of Object.entries(EFFORT)) {
    using merger = new RowMerger(bench.kernels, { effort });
    const ns = timeOf(() => {
      merger.begin();
      for (const chunk of chunks) merger.addChunk(chunk);
      merger.emit(() => {});
    }, budgetMs);
    parts.push(`| ${name} ${((64 * 128 * kind.columns * 1e3) / ns).toFixed(0).padStart(4)} M/s`);
  }
  return parts.join(" ");
}

for (const kind of [KINDS[0]!, KINDS[2]!]) {
  for (const overlap of [0, 8]) {
    if (wanted === undefined || "merge".includes(wanted)) console.log(measureMerge(kind, overlap));
  }
}
