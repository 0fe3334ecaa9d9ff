import { expect, test } from "bun:test";
import fc from "fast-check";
import { isEngineError } from "../../engine/mod.ts";
import type { CounterResetHint, NativeHistogram } from "../../src/promql/histogram.ts";
import {
  decodeHistogram,
  encodeHistogram,
  encodeStaleHistogram,
  isStaleHistogram,
} from "../../src/promql/histogram_codec.ts";
import { equalHistograms, makeHistogram } from "../../src/promql/histogram_math.ts";
import { parseHistogram } from "../support/promql_series.ts";

const counts = fc.oneof(
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.double({ noNaN: true }),
);
const buckets = fc.uniqueArray(fc.integer({ min: -2000, max: 2000 }), { maxLength: 20 }).chain(
  (indices) =>
    fc.array(counts, { minLength: indices.length, maxLength: indices.length }).map((values) => ({
      indices: Int32Array.from(indices.sort((left, right) => left - right)),
      counts: Float64Array.from(values),
    })),
);
const histograms: fc.Arbitrary<NativeHistogram> = fc.record({
  schema: fc.constantFrom(-53, -4, 0, 8),
  hint: fc.constantFrom<CounterResetHint>("unknown", "reset", "not_reset", "gauge"),
  zeroThreshold: fc.double({ noNaN: true, min: 0 }),
  zeroCount: counts,
  count: counts,
  sum: fc.double(),
  positive: buckets,
  negative: buckets,
  bounds: fc.uniqueArray(fc.double({ noNaN: true }), { maxLength: 10 }),
}).map(({ bounds, ...parts }) =>
  makeHistogram({
    ...parts,
    customValues: Float64Array.from(parts.schema === -53 ? bounds.sort((a, b) => a - b) : []),
  })
);

test("decoding is the inverse of encoding", () => {
  fc.assert(fc.property(histograms, (histogram) => {
    const decoded = decodeHistogram(encodeHistogram(histogram));
    expect(equalHistograms(decoded, histogram)).toBe(true);
    expect(decoded.hint).toBe(histogram.hint);
  }));
});

test("no bytes make it throw anything but corrupt", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    bytes[0] = 1;
    try {
      decodeHistogram(bytes);
    } catch (error) {
      expect(isEngineError(error, "corrupt")).toBe(true);
    }
  }));
});

test("bytes", () => {
  const histogram = parseHistogram(
    "{{schema:1 count:9 sum:2.5 z_bucket:2 z_bucket_w:0.5 offset:-1 buckets:[3 200] " +
      "counter_reset_hint:gauge}}",
  );
  expect(encodeHistogram(histogram).toHex()).toBe(
    "010701" + // version, integer counts of a gauge, schema
      "0000000000000440" + // sum
      "000000000000e03f" + // zero threshold
      "0902" + // count, zero count
      "01" + "01" + "02" + "03c801" + // one run from -1: two buckets
      "00", // no negative buckets
  );
});

test.each([
  { name: "nothing", hex: "" },
  { name: "another version", hex: "02" },
  { name: "a schema that does not exist", hex: "010009" + "00".repeat(18) },
  { name: "bytes behind the end", hex: "010400" + "00".repeat(21) },
])("$name is corrupt", ({ hex }) => {
  expect(() => decodeHistogram(Uint8Array.fromHex(hex))).toThrow("Cannot decode histogram");
});

test("a stale marker is told from its bytes", () => {
  expect(isStaleHistogram(encodeStaleHistogram())).toBe(true);
  expect(decodeHistogram(encodeStaleHistogram()).sum).toBeNaN();
  expect(isStaleHistogram(encodeHistogram(makeHistogram({ sum: NaN })))).toBe(false);
  expect(isStaleHistogram(new Uint8Array(2))).toBe(false);
});
