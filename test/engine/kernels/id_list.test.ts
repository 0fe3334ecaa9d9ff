import { expect, test } from "bun:test";
import fc from "fast-check";
import { Kernels } from "../../../engine/kernels/kernels.ts";

const ID_MAX = 1 << 22;
const BITMAP_BYTES = ID_MAX / 8 + 8;

/** Lists, arrays and bitmaps of ids in linear memory. */
class Fixture {
  readonly kernels: Kernels = new Kernels();
  readonly #ids = this.kernels.alloc(1 << 16, "scratch");
  readonly #bitmap = this.kernels.alloc(BITMAP_BYTES, "scratch");

  list(ids: readonly number[]): number {
    const { exports } = this.kernels;
    const list = this.kernels.alloc(exports.ID_LIST_BYTES.value, "registry");
    this.kernels.u8.fill(0, list, list + exports.ID_LIST_BYTES.value);
    for (const id of ids) exports.appendId(list, id);
    this.kernels.refresh();
    return list;
  }

  ids(ids: readonly number[]): number {
    this.kernels.u32.set(ids, this.#ids >> 2);
    return this.#ids;
  }

  read(count: number): number[] {
    return [...this.kernels.u32.subarray(this.#ids >> 2, (this.#ids >> 2) + count)];
  }

  bitmap(ids: readonly number[]): number {
    const { u8 } = this.kernels;
    u8.fill(0, this.#bitmap, this.#bitmap + BITMAP_BYTES);
    for (const id of ids) u8[this.#bitmap + (id >> 3)]! |= 1 << (id & 7);
    return this.#bitmap;
  }

  bits(): number[] {
    const { u8 } = this.kernels;
    const ids: number[] = [];
    for (let at = 0; at < BITMAP_BYTES; at++) {
      for (let bits = u8[this.#bitmap + at]!; bits !== 0; bits &= bits - 1) {
        ids.push(at * 8 + 31 - Math.clz32(bits & -bits));
      }
    }
    return ids;
  }
}

const ascending = fc.oneof(
  fc.uniqueArray(fc.integer({ min: 1, max: ID_MAX }), { maxLength: 60 }),
  fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { maxLength: 200 }),
).map((ids) => ids.sort((a, b) => a - b));

test("set operations agree with arrays", () => {
  const fixture = new Fixture();
  const { exports } = fixture.kernels;
  const used = fixture.kernels.usedBytes("registry");
  fc.assert(
    fc.property(ascending, ascending, (a, b) => {
      const list = fixture.list(a);
      const inA = new Set(a);
      const both = b.filter((id) => inA.has(id));
      const onlyB = b.filter((id) => !inA.has(id));
      expect(fixture.read(exports.decodeIdList(list, fixture.ids([])))).toEqual(a);
      expect(fixture.read(exports.keepInIdList(fixture.ids(b), b.length, list, true))).toEqual(
        both,
      );
      expect(fixture.read(exports.keepInIdList(fixture.ids(b), b.length, list, false)))
        .toEqual(onlyB);
      const bitmap = fixture.bitmap(a);
      expect(fixture.read(exports.keepInBitmap(fixture.ids(b), b.length, bitmap, true)))
        .toEqual(both);
      expect(fixture.read(exports.keepInBitmap(fixture.ids(b), b.length, bitmap, false)))
        .toEqual(onlyB);
      expect(exports.bitmapCount(bitmap, BITMAP_BYTES)).toBe(a.length);
      expect(exports.idListMeets(list, fixture.bitmap(b)) !== 0).toBe(both.length > 0);
      exports.clearIdListBits(list, bitmap);
      expect(fixture.read(exports.bitmapToIds(bitmap, BITMAP_BYTES, fixture.ids([]))))
        .toEqual(onlyB);
      exports.setIdListBits(list, bitmap);
      exports.setIdBits(fixture.ids(b), b.length, bitmap);
      expect(fixture.bits()).toEqual([...new Set([...a, ...b])].sort((x, y) => x - y));
      exports.dropIdList(list);
      fixture.kernels.free(list, "registry");
    }),
    { numRuns: 60 },
  );
  expect(fixture.kernels.usedBytes("registry")).toBe(used);
});

test("a list grows to many ids, of which near ones take a byte", () => {
  const fixture = new Fixture();
  const before = fixture.kernels.usedBytes("registry");
  const ids = Array.from({ length: 16_000 }, (_, i) => 7 + i * 3);
  const list = fixture.list(ids);
  expect(fixture.kernels.usedBytes("registry") - before).toBeLessThan(ids.length * 1.6);
  const { exports } = fixture.kernels;
  expect(fixture.read(exports.decodeIdList(list, fixture.ids([])))).toEqual(ids);
});
