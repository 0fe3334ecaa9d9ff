import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BatchFiller, cpuData, sensorData } from "../../support/metric_data.ts";
import {
  decodeBatch,
  defineRows,
  encodeBatch,
  type EncodedRows,
  fillBatch,
  type PlainRow,
  readBatch,
} from "../../support/record_rows.ts";
import { RecordOracle } from "../../support/record_oracle.ts";
import { anyBatch, bitsOf } from "../../support/record_samples.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { SourceTable } from "../../support/source_table.ts";

/** Encodes batches with one table and decodes them with another, both restarting where asked. */
function expectSameAfter(
  batches: readonly (readonly PlainRow[])[],
  restarts: readonly boolean[] = [],
): EncodedRows[] {
  const writer = new SourceTable();
  const reader = new SourceTable();
  const oracle = new RecordOracle();
  return batches.map((batch, index) => {
    fillBatch(writer, batch);
    defineRows(reader, batch);
    const given = readBatch(writer);
    if (restarts[index] === true) {
      writer.kernels.exports.recordRestart();
      reader.kernels.exports.recordRestart();
      oracle.restart();
    }
    const encoded = encodeBatch(writer);
    if (given.length === 0) {
      expect(encoded.bytes.length).toBe(0);
    } else {
      expect(decodeBatch(reader, encoded)).toBe(given.length);
      expect(readBatch(reader)).toEqual(given);
      const columns = encoded.bytes.subarray(0, encoded.bytes.length - encoded.blobBytes);
      const rows = oracle.read(columns, encoded.bytes.subarray(columns.length));
      expect(rows).toEqual(given);
    }
    return encoded;
  });
}

function row(
  host: string,
  time: bigint,
  values: Readonly<Record<string, number>>,
): PlainRow {
  return {
    measurement: "m",
    host,
    time,
    cells: Object.entries(values).map(([field, value]) => ({
      field,
      family: "f64",
      bits: bitsOf(value),
    })),
  };
}

const CASES: readonly {
  readonly name: string;
  readonly batches: readonly (readonly PlainRow[])[];
}[] = [
  { name: "one row", batches: [[row("a", 5n, { x: 1 })]] },
  { name: "a row without cells", batches: [[row("a", 5n, {})], [row("a", 6n, {})]] },
  { name: "only refused rows", batches: [[{ ...row("a", 5n, { x: 1 }), isRefused: true }]] },
  {
    name: "the same row many times",
    batches: [Array.from({ length: 300 }, () => row("a", 5n, { x: 1 }))],
  },
  {
    name: "rows of one source and time keep their order",
    batches: [[
      row("a", 5n, { x: 1 }),
      row("a", 5n, { x: 2, y: 3 }),
      row("a", 5n, { x: 4 }),
      row("a", 5n, { y: 5, x: 6 }),
    ]],
  },
  {
    name: "times at the ends of their range",
    batches: [[
      row("a", -(2n ** 63n), { x: 1 }),
      row("a", 2n ** 63n - 1n, { x: 1 }),
      row("a", -(2n ** 63n), { x: 1 }),
      row("b", 2n ** 63n - 1n, { x: 1 }),
    ]],
  },
  {
    name: "a column of doubles with one that is no decimal",
    batches: [
      Array.from(
        { length: 200 },
        (_, n) => row("a", BigInt(n), { x: n === 77 ? 1 / 3 : n === 140 ? NaN : n / 10 }),
      ),
    ],
  },
  {
    name: "more shapes for a source than it may have bases",
    batches: Array.from(
      { length: 3 },
      () =>
        Array.from(
          { length: 40 },
          (_, n) => row("a", BigInt(n), { [`f${n % 20}`]: n, [`g${n % 3}`]: n }),
        ),
    ),
  },
  {
    name: "more columns than a base may have",
    batches: Array.from({ length: 3 }, (_, b) => [
      row("a", 1n, Object.fromEntries(Array.from({ length: 4_200 }, (_, n) => [`f${n}`, n * b]))),
      row("b", 1n, { f7: 7 }),
    ]),
  },
];

describe("rows of a record", () => {
  test.each(CASES)("come back: $name", ({ batches }) => {
    expectSameAfter(batches);
  });

  test("come back whatever they are, over many records and restarts", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyBatch, fc.integer({ min: 0, max: 5 })), {
          minLength: 1,
          maxLength: 6,
        }),
        (given) => {
          expectSameAfter(
            given.map(([batch]) => batch),
            given.map(([, dice]) => dice === 0),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  test("come back when bases have run out of room", () => {
    const writer = new SourceTable();
    const reader = new SourceTable();
    const given = { data: cpuData(30_000), sources: 30_000 };
    const filler = new BatchFiller(writer, given);
    new BatchFiller(reader, given);
    for (let b = 0; b < 12; b++) {
      filler.fill(9_000);
      const encoded = encodeBatch(writer);
      expect(decodeBatch(reader, encoded)).toBe(9_000);
      expect(sameBatch(writer, reader)).toBe(true);
    }
    const bytes = writer.kernels.exports.recordBaseBytes();
    expect(bytes).toBe(reader.kernels.exports.recordBaseBytes());
    expect(bytes).toBeGreaterThan(2 << 20);
    writer.kernels.exports.recordRestart();
    expect(writer.kernels.exports.recordBaseBytes()).toBe(0);
  });

  test("of sources seen once take little memory", () => {
    const table = new SourceTable();
    const filler = new BatchFiller(table, { data: cpuData(60_000), sources: 60_000 });
    for (let b = 0; b < 5; b++) {
      filler.fill(9_000);
      encodeBatch(table);
    }
    expect(table.kernels.exports.recordBaseBytes()).toBeLessThan((2 << 20) + 4_096);
  });

  test.each([
    { name: "integers in step", data: cpuData(100), sources: 100, most: 0.42 },
    { name: "integers of many hosts", data: cpuData(4_000), sources: 4_000, most: 0.45 },
    { name: "decimals with phases", data: sensorData(1_000), sources: 1_000, most: 1.1 },
  ])("are small: $name", ({ data, sources, most }) => {
    const table = new SourceTable();
    const filler = new BatchFiller(table, { data, sources });
    let bytes = 0;
    let cells = 0;
    for (let b = 0; b < 20; b++) {
      filler.fill(5_000);
      bytes += encodeBatch(table).bytes.length;
      cells += 5_000 * data.fields;
    }
    expect(bytes / cells).toBeLessThan(most);
  });

  test("whose source or field is not known are left out, the others are there", () => {
    const writer = new SourceTable();
    const batch = [
      row("a", 1n, { x: 1 }),
      row("b", 1n, { x: 2 }),
      row("a", 2n, { x: 3, y: 4 }),
      row("b", 2n, { x: 5 }),
      row("c", 2n, { x: 6 }),
    ];
    fillBatch(writer, batch);
    const given = readBatch(writer);
    const encoded = encodeBatch(writer);
    const reader = new SourceTable();
    const first = reader.define(1, "m", { host: "a" });
    reader.slot(first, "x", "f64");
    reader.define(3, "m", { host: "c" });
    expect(decodeBatch(reader, encoded)).toBe(5);
    expect(reader.kernels.exports.recordLostRows.value).toBe(3);
    expect(readBatch(reader)).toEqual([given[0]!, given[4]!]);
  });
});

describe("damaged rows of a record", () => {
  test("never harm the kernels", () => {
    const random = new SeededRandom(7);
    const writer = new SourceTable();
    const reader = new SourceTable();
    const samples = fc.sample(anyBatch, { numRuns: 60, seed: 11 });
    for (const batch of samples) {
      fillBatch(writer, batch);
      defineRows(reader, batch);
      writer.kernels.exports.recordRestart();
      const encoded = encodeBatch(writer);
      for (let n = 0; n < 60 && encoded.bytes.length > 0; n++) {
        const bytes = encoded.bytes.slice(
          0,
          n < 20 ? random.below(encoded.bytes.length + 1) : undefined,
        );
        for (let changes = random.below(4); bytes.length > 0 && changes >= 0; changes--) {
          bytes[random.below(bytes.length)] = random.below(256);
        }
        reader.kernels.exports.recordRestart();
        const rows = decodeBatch(reader, {
          bytes,
          blobBytes: Math.min(encoded.blobBytes, bytes.length),
        });
        expect(rows).toBeGreaterThanOrEqual(-1);
        readBatch(reader);
      }
    }
    // What was allocated is in order still.
    reader.kernels.exports.recordRestart();
    const rows = [row("a", 1n, { x: 1 }), row("a", 2n, { x: 2 })];
    fillBatch(reader, rows);
    const given = readBatch(reader);
    reader.kernels.exports.recordRestart();
    const encoded = encodeBatch(reader);
    reader.kernels.exports.recordRestart();
    decodeBatch(reader, encoded);
    expect(readBatch(reader)).toEqual(given);
  });
});

function sameBatch(a: SourceTable, b: SourceTable): boolean {
  const parts = [a, b].map(({ kernels }) => {
    const { exports } = kernels;
    kernels.refresh();
    const view = (pointer: number, bytes: number) =>
      kernels.u8.subarray(pointer >>> 0, (pointer >>> 0) + bytes);
    return [
      view(exports.rowTimePtr.value, exports.rowCount.value * 8),
      view(exports.cellSlotPtr.value, exports.cellCount.value * 2),
      view(exports.cellBitsPtr.value, exports.cellCount.value * 8),
    ];
  });
  return parts[0]!.every((part, index) => compare(part, parts[1]![index]!));
}

function compare(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
