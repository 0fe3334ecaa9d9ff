/** Points as ticks after an origin against the points that rows give. */
import { afterEach, expect, test } from "bun:test";
import { Storage } from "../../../engine/storage.ts";

let storage: Storage | undefined;

afterEach(async () => {
  await storage?.close();
  storage = undefined;
});

const ORIGIN = 1_700_000_000_000_000_000n;

async function open(times: readonly bigint[]): Promise<Storage> {
  storage = await Storage.open({ settings: { timeUnit: "ns", compactionEnabled: false } });
  await storage.insertRows(times.map((timestamp, at) => ({
    metric: "m",
    point: { timestamp, value: { kind: "i64", value: BigInt(at) } },
  })));
  return storage;
}

function offsets(from: Storage, range: { start: bigint; end: bigint }, origin: bigint) {
  using view = from.database.view(range);
  const [group] = view.select([{ name: "__name__", operator: "=", value: "m" }]);
  const { slot, family, sources } = group!;
  const series = { source: sources[0]! as never, slot, family };
  const { count, times, values, areSmallIntegers } = view.readOffsets(series, range, origin);
  return { times: [...times.subarray(0, count)], values: [...values], areSmallIntegers };
}

test.each([
  { name: "a regular column", times: [0n, 10n, 20n, 30n] },
  { name: "an irregular one", times: [0n, 1n, 7n, 1_000_000_007n] },
  { name: "points that came late", times: [50n, 10n, 7n, 60n] },
])("times are exact: $name", async ({ times }) => {
  const from = await open(times.map((each) => ORIGIN + each));
  const order = times.map((_, at) => at).sort((a, b) => Number(times[a]! - times[b]!));
  const range = { start: ORIGIN - 5n, end: ORIGIN + 2_000_000_000n };
  expect(offsets(from, range, ORIGIN - 5n)).toEqual({
    times: order.map((at) => Number(times[at]!) + 5),
    values: order,
    areSmallIntegers: true,
  });
  await from.database.flush();
  const part = { start: ORIGIN + 7n, end: ORIGIN + 20n };
  const inside = order.filter((at) => times[at]! >= 7n && times[at]! < 20n);
  expect(offsets(from, part, ORIGIN).times).toEqual(inside.map((at) => Number(times[at]!)));
});

test("an origin too far away is refused", async () => {
  const from = await open([ORIGIN]);
  const range = { start: ORIGIN, end: ORIGIN + 1n };
  expect(offsets(from, range, ORIGIN - 2n ** 53n + 1n).times).toEqual([2 ** 53 - 1]);
  for (const distance of [2n ** 53n, -(2n ** 53n)]) {
    expect(() => offsets(from, range, ORIGIN - distance)).toThrow("too far from the origin");
  }
});
