import { expect, test } from "bun:test";
import fc from "fast-check";
import { CHUNK_SAMPLES_MAX, XorChunkEncoder } from "../../src/ingest/xor_chunk.ts";
import { decodeXorChunk } from "../support/xor_chunk_oracle.ts";

const steps = fc.oneof(
  fc.constantFrom(1, 15_000, 15_001, 14_999, 60_000),
  fc.integer({ min: 1, max: 10_000_000 }),
  fc.integer({ min: 1, max: 1_000_000_000_000 }),
);
const values = fc.oneof(
  fc.double(),
  fc.integer().map(Number),
  fc.constantFrom(0, -0, 1, NaN, Infinity, 5e-324, Number.MAX_VALUE),
);

test("the plain decoder is its inverse", () => {
  const encoder = new XorChunkEncoder();
  fc.assert(
    fc.property(
      fc.integer({ min: -(10 ** 12), max: 2 * 10 ** 12 }),
      fc.array(fc.tuple(steps, values), { maxLength: CHUNK_SAMPLES_MAX }),
      (start, samples) => {
        let time = start;
        const times = Float64Array.from(samples, ([step]) => time += step);
        const column = Float64Array.from(samples, ([, value]) => value);
        const decoded = decodeXorChunk(encoder.encode(times, column, 0, times.length));
        expect(decoded.times).toEqual([...times]);
        expect(decoded.values).toEqual([...new BigUint64Array(column.buffer)]);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("a part of the columns, stale markers bit by bit, bytes as Prometheus writes them", () => {
  const times = Float64Array.of(0, 1_000, 16_000, 31_000);
  const column = new Float64Array(4);
  const bits = new BigUint64Array(column.buffer);
  column[1] = 1;
  column[2] = 1;
  bits[3] = 0x7ff0000000000002n;
  const chunk = new XorChunkEncoder().encode(times, column, 1, 4);
  expect(decodeXorChunk(chunk)).toEqual({
    times: [1_000, 16_000, 31_000],
    values: [...bits.subarray(1)],
  });
  // 3 samples; time 1000, value 1.0; delta 15000, same value; same delta, leading 1 ... of a new window.
  expect(chunk.subarray(0, 15).toHex()).toBe(
    "0003" + "d00f" + "3ff0000000000000" + "9875" + "30",
  );
});
