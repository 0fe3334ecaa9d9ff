import { expect, test } from "bun:test";
import { FAMILY } from "../../../engine/base/types.ts";
import { BLOCK_SPAN_MAX, blocksOf, timeAt, valueAt } from "../../../engine/query/block.ts";

test("blocksOf keeps NaN payloads, -0 and exact times", () => {
  const times = BigInt64Array.of(-5n, 1_767_225_600_000_000_001n - 2n ** 53n, 3n).sort();
  const bits = BigInt64Array.of(
    0x7ff0000000000002n,
    BigInt.asIntN(64, 1n << 63n),
    0x3ff0000000000000n,
  );
  const blocks = blocksOf({ family: FAMILY.f64, times, bits, memory: new Uint8Array(0) });
  const seen = blocks.flatMap((block) =>
    Array.from({ length: block.count }, (_, i) => [timeAt(block, i), valueAt(block, i)] as const)
  );
  expect(seen.map(([time]) => time)).toEqual([...times]);
  const patterns = blocks.flatMap((block) => [...new BigInt64Array(block.numbers.slice().buffer)]);
  expect(patterns).toEqual([...bits]);
});

test("a span beyond 2^53 ticks makes a further block", () => {
  const times = BigInt64Array.of(0n, BLOCK_SPAN_MAX, BLOCK_SPAN_MAX + 1n);
  const blocks = blocksOf({
    family: FAMILY.i64,
    times,
    bits: BigInt64Array.of(1n, -(2n ** 63n), 3n),
    memory: new Uint8Array(0),
  });
  expect(blocks.map((block) => block.count)).toEqual([2, 1]);
  expect(timeAt(blocks[0]!, 1)).toBe(BLOCK_SPAN_MAX);
  expect(valueAt(blocks[0]!, 1)).toEqual({ kind: "i64", value: -(2n ** 63n) });
});

test("blobs are copied with their kinds", () => {
  const memory = new Uint8Array([9, 2, 104, 105, 1, 7]);
  const bits = BigInt64Array.of(1n | (3n << 32n), 4n | (2n << 32n));
  const [block] = blocksOf({ family: FAMILY.blob, times: BigInt64Array.of(1n, 2n), bits, memory });
  memory.fill(0);
  expect(valueAt(block!, 0)).toEqual({ kind: "string", value: "hi" });
  expect(valueAt(block!, 1)).toEqual({ kind: "bytes", value: Uint8Array.of(7) });
});
