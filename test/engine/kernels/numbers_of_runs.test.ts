/** Runs of integers as doubles: times in milliseconds, values of the families i64, u64 and bool. */
import { describe, expect, test } from "bun:test";
import { FAMILY } from "../../../engine/base/types.ts";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const kernels = new Kernels();

function convert(
  times: readonly bigint[],
  bits: readonly bigint[],
  how: { readonly family: number; readonly ticksPerMs: number },
): { times: number[]; values: number[]; areSmall: boolean; mayHaveNaN: boolean } {
  const count = times.length;
  const block = kernels.alloc(count * 16, "query");
  kernels.refresh();
  kernels.i64.set(times, block >> 3);
  kernels.i64.set(bits.map((value) => BigInt.asIntN(64, value)), (block >> 3) + count);
  const { family, ticksPerMs } = how;
  const { bitsToDoubles, timesToMs, valuesKind, SMALL_WHOLES, NO_NAN } = kernels.exports;
  bitsToDoubles(block + count * 8, count, family);
  timesToMs(block, count, ticksPerMs);
  const kind = valuesKind(block + count * 8, count, family);
  const result = {
    areSmall: kind === SMALL_WHOLES.value,
    mayHaveNaN: kind !== SMALL_WHOLES.value && kind !== NO_NAN.value,
    times: [...kernels.f64.subarray(block >> 3, (block >> 3) + count)],
    values: [...kernels.f64.subarray((block >> 3) + count, (block >> 3) + 2 * count)],
  };
  kernels.free(block, "query");
  return result;
}

/** The bits of doubles. */
function doubles(...values: readonly number[]): bigint[] {
  return [...new BigInt64Array(Float64Array.from(values).buffer)];
}

/** The double nearest to ticks / perMs, by integers: 2^12 parts of a millisecond are the resolution in this century. */
function nearestMs(ticks: bigint, perMs: bigint): number {
  const parts = (ticks * 8192n) / perMs;
  const rounded = (parts + 1n) / 2n;
  return Number(rounded) / 4096;
}

const START = 1_767_225_600_000_000_000n;

describe("times", () => {
  test.each([1, 2, 3, 8, 129])("whole milliseconds are exact, %d points", (count) => {
    for (const [unit, ticksPerMs] of [[1_000_000n, 1e6], [1_000n, 1e3], [1n, 1]] as const) {
      const ms = Array.from({ length: count }, (_, i) => 1_767_225_605_000 + i * 10_007);
      const ticks = ms.map((time) => BigInt(time) * unit);
      expect(convert(ticks, ticks, { family: FAMILY.f64, ticksPerMs }).times).toEqual(ms);
    }
  });

  test.each([1e6, 1e3])(
    "fractions are the nearest double, %d ticks a millisecond",
    (ticksPerMs) => {
      const random = new SeededRandom(7);
      const origin = START / (1_000_000n / BigInt(ticksPerMs));
      const steps = Array.from({ length: 2_001 }, () => BigInt(random.below(90_000_000) + 1));
      let time = origin + 123_457n;
      const ticks = steps.map((step) => time += step);
      const expected = ticks.map((each) => nearestMs(each, BigInt(ticksPerMs)));
      expect(convert(ticks, ticks, { family: FAMILY.f64, ticksPerMs }).times).toEqual(expected);
    },
  );

  test("times before 1970 and runs of many years", () => {
    const ms = [-4_102_444_800_000, -86_400_000, -1, 0, 1, 86_400_000, 4_102_444_800_000];
    const convertMs = (list: readonly number[]) =>
      convert(list.map((time) => BigInt(time) * 1_000_000n), list.map(() => 0n), {
        family: FAMILY.f64,
        ticksPerMs: 1e6,
      }).times;
    expect(convertMs(ms)).toEqual(ms);
    expect(convertMs(ms.slice(1, 6))).toEqual(ms.slice(1, 6));
    expect(convertMs(ms.slice(0, 1))).toEqual(ms.slice(0, 1));
  });
});

describe("values", () => {
  const small = [0n, 1n, -1n, 90n, 2n ** 51n - 1n, -(2n ** 51n), 7n];
  const large = [2n ** 51n, -(2n ** 51n) - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
  test.each([
    ["small i64", FAMILY.i64, small],
    ["large i64", FAMILY.i64, [...large, ...small]],
    ["one large i64 at the end", FAMILY.i64, [...small, 2n ** 62n]],
    ["u64", FAMILY.u64, [0n, 1n, 2n ** 64n - 1n, 2n ** 63n]],
    ["u64 that are small and negative as i64", FAMILY.u64, [2n ** 64n - 1n, 2n ** 64n - 9n, 3n]],
    ["u64 about the fast range", FAMILY.u64, [2n ** 51n - 1n, 2n ** 51n, 2n ** 52n + 1n]],
    ["small u64", FAMILY.u64, [5n, 2n ** 51n - 1n]],
    ["bool", FAMILY.bool, [0n, 1n, 1n]],
  ])("%s", (_, family, values) => {
    const times = values.map((_, i) => START + BigInt(i));
    const result = convert(times, values, { family, ticksPerMs: 1e6 });
    expect(result.values).toEqual(values.map(Number));
  });

  const most = 2n ** 31n - 1n;
  test.each([
    ["none above", FAMILY.i64, [most, -most, 0n], true],
    ["one above, in a pair", FAMILY.i64, [0n, most + 1n, 0n], false],
    ["one above, the odd last", FAMILY.i64, [0n, 0n, most + 1n], false],
    ["one below", FAMILY.i64, [0n, -most - 1n], false],
    ["small u64", FAMILY.u64, [most, 0n, 1n], true],
    ["large u64", FAMILY.u64, [most + 1n, 0n], false],
    ["a u64 that is negative as an i64", FAMILY.u64, [2n ** 64n - 1n], false],
    ["bool", FAMILY.bool, [1n, 0n], true],
    ["whole f64", FAMILY.f64, doubles(0, -5, 2 ** 31 - 1, 7), true],
    ["f64 with a fraction, in a pair", FAMILY.f64, doubles(0, 0.5), false],
    ["f64 with a fraction, the odd last", FAMILY.f64, doubles(0, 1, -0.25), false],
    ["f64 with a -0", FAMILY.f64, doubles(3, -0), false],
    ["f64 with a NaN", FAMILY.f64, doubles(NaN), false],
    ["f64 with an infinity", FAMILY.f64, doubles(1, -Infinity), false],
    ["large f64", FAMILY.f64, doubles(2 ** 31, 0), false],
    ["small f64 after many", FAMILY.f64, doubles(...new Array<number>(200).fill(1), 0.5, 1), false],
  ])("known to be small: %s", (_, family, values, expected) => {
    const times = values.map((_, i) => START + BigInt(i));
    expect(convert(times, values, { family, ticksPerMs: 1e6 }).areSmall).toBe(expected);
  });

  test.each([
    ["i64", FAMILY.i64, [1n, 2n ** 62n], false],
    ["f64", FAMILY.f64, doubles(0.5, 1, Infinity), false],
    ["f64, one NaN in a pair", FAMILY.f64, doubles(0.5, NaN, 1), true],
    ["f64, the odd last is NaN", FAMILY.f64, doubles(0.5, 1, NaN), true],
    ["f64, NaN among whole numbers", FAMILY.f64, doubles(1, 2, 3, NaN), true],
  ])("may have NaN: %s", (_, family, values, expected) => {
    const times = values.map((_, i) => START + BigInt(i));
    expect(convert(times, values, { family, ticksPerMs: 1e6 }).mayHaveNaN).toBe(expected);
  });

  test("the bits of an f64 stay as they are", () => {
    const bits = [0x7ff0_0000_0000_0002n, 0x7ff8_0000_0000_0001n];
    const block = kernels.alloc(32, "query");
    kernels.refresh();
    kernels.i64.set([0n, 1n, ...bits], block >> 3);
    kernels.exports.bitsToDoubles(block + 16, 2, FAMILY.f64);
    expect([...kernels.i64.subarray((block >> 3) + 2, (block >> 3) + 4)]).toEqual(bits);
    kernels.free(block, "query");
  });
});
