import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FAMILY } from "../../../engine/base/types.ts";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { readSourceKey, sourceKey } from "../../support/source_key.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Kernels with a block to put arguments in. */
class Fixture {
  readonly kernels = new Kernels();
  readonly exports = this.kernels.exports;
  readonly #block = this.kernels.alloc(1 << 20, "scratch");

  #put(bytes: Uint8Array): number {
    this.kernels.refresh();
    this.kernels.u8.set(bytes, this.#block);
    return this.#block;
  }

  find(key: Uint8Array, create = true): number {
    return this.exports.findSource(this.#put(key), key.length, create) >>> 0;
  }

  define(id: number, key: Uint8Array): number {
    return this.exports.defineSource(id, this.#put(key), key.length) >>> 0;
  }

  field(measurement: number, name: string, family: number): number {
    const bytes = encoder.encode(name);
    return this.exports.findField(measurement, this.#put(bytes), bytes.length, family);
  }

  measurement(name: string, database = "", create = false): number {
    const both = encoder.encode(database + name);
    const at = this.#put(both);
    const split = encoder.encode(database).length;
    return this.exports.findMeasurement(at, split, at + split, both.length - split, create) >>> 0;
  }

  word(at: number): number {
    this.kernels.refresh();
    return this.kernels.u32[at >>> 2]!;
  }

  bytes(at: number, count: number): Uint8Array {
    this.kernels.refresh();
    return this.kernels.u8.slice(at, at + count);
  }

  keyOf(source: number): Uint8Array {
    return this.bytes(this.word(source + 8), this.word(source + 12));
  }
}

describe("sources", () => {
  test("are found by their key and numbered from 1", () => {
    const table = new Fixture();
    const a = table.find(sourceKey("cpu", { host: "a" }));
    const b = table.find(sourceKey("cpu", { host: "b" }));
    expect(table.find(sourceKey("cpu", { host: "a" }))).toBe(a);
    expect([table.word(a), table.word(b)]).toEqual([1, 2]);
    expect(table.exports.sourceById(2) >>> 0).toBe(b);
    expect(table.exports.sourceById(3)).toBe(0);
    expect(table.exports.sourceCount()).toBe(2);
    expect(table.word(a + 4)).toBe(table.word(b + 4));
    expect(table.word(a + 4)).toBe(table.measurement("cpu"));
    expect(table.find(sourceKey("cpu", { host: "c" }), false)).toBe(0);
  });

  test("belong to the measurement of their database", () => {
    const table = new Fixture();
    const plain = table.find(sourceKey("cpu", { host: "a" }));
    const home = table.find(sourceKey("cpu", { db: "home", host: "a" }));
    const work = table.find(sourceKey("cpu", { db: "work", host: "a" }));
    const measurements = [plain, home, work].map((source) => table.word(source + 4));
    expect(measurements).toEqual([
      table.measurement("cpu"),
      table.measurement("cpu", "home"),
      table.measurement("cpu", "work"),
    ]);
    expect(new Set(measurements).size).toBe(3);
    expect(decoder.decode(table.bytes(table.word(measurements[1]! + 24), 4))).toBe("home");
  });

  test("agree with a Map over random keys, and records never move", () => {
    const text = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
    const key = fc.tuple(text, fc.dictionary(text, text, { maxKeys: 4 })).map(
      ([measurement, tags]) => sourceKey(measurement, tags),
    );
    const table = new Fixture();
    const known = new Map<string, number>();
    fc.assert(
      fc.property(key, (bytes) => {
        const name = bytes.join();
        const source = table.find(bytes);
        expect(source).toBe(known.get(name) ?? source);
        if (!known.has(name)) expect(table.word(source)).toBe(known.size + 1);
        known.set(name, source);
        expect(table.keyOf(source)).toEqual(bytes);
      }),
      { numRuns: 3_000 },
    );
    for (const [name, source] of known) {
      const bytes = Uint8Array.from(name.split(",").map(Number));
      expect(table.find(bytes, false)).toBe(source);
      expect(sourceKey(...Object.values(readSourceKey(bytes)) as [string, Record<string, string>]))
        .toEqual(bytes);
    }
  });

  test.each([
    { name: "empty", key: [] },
    { name: "measurement longer than the key", key: [5, 0, 109] },
    { name: "half a tag", key: [1, 0, 109, 1, 0, 97] },
    { name: "empty tag name", key: [1, 0, 109, 0, 0, 1, 0, 98] },
    { name: "value longer than the key", key: [1, 0, 109, 1, 0, 97, 2, 0, 98] },
    { name: "tags out of order", key: [...sourceKey("m", { b: "1" }), 1, 0, 97, 1, 0, 49] },
    { name: "tag twice", key: [...sourceKey("m", { a: "1" }), 1, 0, 97, 1, 0, 50] },
  ])("are refused for a key that is not canonical: $name", ({ key }) => {
    const table = new Fixture();
    expect(table.find(Uint8Array.from(key))).toBe(0);
    expect(table.define(7, Uint8Array.from(key))).toBe(0);
    expect(table.exports.sourceCount()).toBe(0);
  });

  test("are defined with given ids, with gaps, and contradictions are refused", () => {
    const table = new Fixture();
    const a = table.define(5, sourceKey("m", { a: "1" }));
    const far = table.define(4_000_000_000, sourceKey("m", { a: "2" }));
    expect(table.word(a)).toBe(5);
    expect(table.exports.sourceById(4_000_000_000) >>> 0).toBe(far);
    expect(table.exports.sourceById(6)).toBe(0);
    expect(table.define(5, sourceKey("m", { a: "1" }))).toBe(a);
    expect(table.define(6, sourceKey("m", { a: "1" }))).toBe(0);
    expect(table.define(5, sourceKey("m", { a: "3" }))).toBe(0);
    expect(table.define(0, sourceKey("m", { a: "3" }))).toBe(0);
    expect(table.exports.lateSourceCount()).toBe(0);
    expect(table.define(3, sourceKey("m", { a: "3" }))).not.toBe(0);
    expect(table.exports.lateSourceCount()).toBe(1);
    expect(table.exports.sourceTotal()).toBe(3);
    expect(table.word(table.find(sourceKey("m", { a: "4" })))).toBe(4_000_000_001);
  });

  test("cost less than 300 bytes each, with keys of 50 bytes", () => {
    const table = new Fixture();
    const before = table.kernels.usedBytes("registry");
    const count = 50_000;
    for (let i = 0; i < count; i++) {
      const source = table.find(
        sourceKey("temperature", { room: `kitchen${i}`, sensor: "dht22-0017" }),
      );
      table.exports.markSeen(source, 0);
    }
    expect((table.kernels.usedBytes("registry") - before) / count).toBeLessThan(220);
  });
});

describe("fields", () => {
  test("keep slot and family; another family is a conflict", () => {
    const table = new Fixture();
    const m = table.measurement("m", "", true);
    expect(table.field(m, "v", 0)).toBe(-1);
    expect(table.field(m, "v", FAMILY.f64)).toBe(0);
    expect(table.field(m, "w", FAMILY.blob)).toBe(1);
    expect(table.field(m, "v", FAMILY.f64)).toBe(0);
    expect(table.field(m, "v", FAMILY.i64)).toBe(-2);
    expect(table.field(m, "w", 0)).toBe(1);
    const records = table.word(m + 8);
    expect(table.word(m + 4)).toBe(2);
    expect(decoder.decode(table.bytes(table.word(records + 16), 2))).toBe("w=");
    expect([...table.bytes(records + 16 + 4, 3)]).toEqual([1, 0, FAMILY.blob]);
  });

  test("are listed in the order of their creation", () => {
    const table = new Fixture();
    const a = table.measurement("a", "", true);
    const b = table.measurement("b", "", true);
    for (const [m, name] of [[a, "x"], [b, "x"], [a, "y"], [a, "x"]] as const) {
      table.field(m, name, FAMILY.f64);
    }
    const list = Array.from({ length: table.exports.fieldDefinitionCount() }, (_, i) => [
      table.exports.fieldDefinitionMeasurement(i) >>> 0,
      table.exports.fieldDefinitionSlot(i),
    ]);
    expect(list).toEqual([[a, 0], [b, 0], [a, 1]]);
  });

  test("may be 65,535 and stay quick to find", () => {
    const table = new Fixture();
    const m = table.measurement("wide", "", true);
    for (let i = 0; i < 65_535; i++) expect(table.field(m, `field${i}`, FAMILY.f64)).toBe(i);
    expect(table.field(m, "one more", FAMILY.f64)).toBe(-3);
    for (let i = 0; i < 65_535; i += 97) expect(table.field(m, `field${i}`, 0)).toBe(i);
  });
});

describe("series", () => {
  test("are counted once, in whatever slot", () => {
    const table = new Fixture();
    const source = table.find(sourceKey("m"));
    const slots = [0, 63, 64, 65, 127, 128, 5_000, 65_534, 0, 64, 65_534];
    for (const slot of slots) table.exports.markSeen(source, slot);
    expect(table.exports.seriesCount()).toBe(new Set(slots).size);
    for (let slot = 0; slot < 65_535; slot++) {
      if ((table.exports.isSeen(source, slot) !== 0) !== slots.includes(slot)) {
        throw new Error(`Slot ${slot}`);
      }
    }
  });

  test("beyond the limit are refused, known ones are not", () => {
    const table = new Fixture();
    const source = table.find(sourceKey("m", { a: "1" }));
    table.exports.setSeriesMax(2);
    expect(table.exports.claimSeries(source, 0)).toBe(1);
    expect(table.exports.claimSeries(source, 1)).toBe(1);
    expect(table.exports.claimSeries(source, 1)).toBe(1);
    expect(table.exports.claimSeries(source, 2)).toBe(0);
    expect(table.exports.isSeen(source, 2)).toBe(0);
    expect(table.find(sourceKey("m", { a: "2" }))).toBe(0);
    expect(table.find(sourceKey("m", { a: "1" }))).toBe(source);
    table.exports.markSeen(source, 2);
    expect(table.exports.seriesCount()).toBe(3);
  });
});
