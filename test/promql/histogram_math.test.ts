import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CUSTOM_BUCKETS_SCHEMA, type NativeHistogram } from "../../src/promql/histogram.ts";
import {
  commonBounds,
  compact,
  reduceBounds,
  reduceSchema,
  widenZeroBucket,
} from "../../src/promql/histogram_layout.ts";
import {
  addHistograms,
  detectReset,
  divideHistogram,
  equalHistograms,
  makeHistogram,
  scaleHistogram,
  subtractHistograms,
  withHint,
} from "../../src/promql/histogram_math.ts";
import { HistogramSum } from "../../src/promql/histogram_sum.ts";
import { parseHistogram } from "../support/promql_series.ts";

/** Sparse columns with whole counts, so that sums are exact. */
const buckets = fc.uniqueArray(fc.integer({ min: -20, max: 20 }), { maxLength: 12 }).chain(
  (indices) =>
    fc.array(fc.integer({ min: 0, max: 1000 }), {
      minLength: indices.length,
      maxLength: indices.length,
    }).map((counts) => ({
      indices: Int32Array.from(indices.sort((left, right) => left - right)),
      counts: Float64Array.from(counts),
    })),
);

const exponential: fc.Arbitrary<NativeHistogram> = fc.record({
  schema: fc.integer({ min: -4, max: 8 }),
  zeroThreshold: fc.constantFrom(0, 0.001, 0.5, 1, 3),
  zeroCount: fc.integer({ min: 0, max: 100 }),
  positive: buckets,
  negative: buckets,
}).map((parts) => {
  const histogram = makeHistogram(parts);
  return { ...histogram, count: total(histogram), sum: total(histogram) * 2 };
});

const custom: fc.Arbitrary<NativeHistogram> = fc.uniqueArray(fc.integer({ min: -9, max: 9 }), {
  maxLength: 8,
}).chain((bounds) =>
  fc.array(fc.integer({ min: 0, max: 100 }), {
    minLength: bounds.length + 1,
    maxLength: bounds.length + 1,
  }).map((counts) => {
    const histogram = makeHistogram({
      schema: CUSTOM_BUCKETS_SCHEMA,
      customValues: Float64Array.from(bounds.sort((left, right) => left - right)),
      positive: {
        indices: Int32Array.from(counts, (_, at) => at),
        counts: Float64Array.from(counts),
      },
    });
    return { ...histogram, count: total(histogram), sum: 7 };
  })
);

const pairs = fc.oneof(fc.tuple(exponential, exponential), fc.tuple(custom, custom));

function total({ zeroCount, positive, negative }: NativeHistogram): number {
  const sum = (counts: Float64Array) => counts.reduce((left, right) => left + right, 0);
  return zeroCount + sum(positive.counts) + sum(negative.counts);
}

describe("histogram arithmetic", () => {
  test("addition does not depend on the order and keeps all observations", () => {
    fc.assert(fc.property(pairs, ([left, right]) => {
      const sum = compact(addHistograms(left, right).histogram);
      expect(equalHistograms(sum, compact(addHistograms(right, left).histogram))).toBe(true);
      expect(total(sum)).toBe(total(left) + total(right));
      expect(sum.count).toBe(left.count + right.count);
    }));
  });

  test("subtraction undoes addition, at the layout of the sum", () => {
    fc.assert(fc.property(pairs, ([left, right]) => {
      const sum = addHistograms(left, right).histogram;
      const back = compact(subtractHistograms(sum, right).histogram);
      const nothing = makeHistogram({ ...right, count: 0, sum: 0, zeroCount: 0 });
      expect(back.count).toBe(left.count);
      expect(total(back)).toBe(total(left));
      expect(back.schema).toBe(addHistograms(left, nothing).histogram.schema);
    }));
  });

  test("the compensated sum of a few equals plain addition", () => {
    fc.assert(fc.property(fc.array(exponential, { minLength: 1, maxLength: 5 }), (all) => {
      const sum = new HistogramSum(false);
      for (const histogram of all) sum.add(histogram);
      const plain = all.reduce((left, right) => addHistograms(left, right).histogram);
      expect(equalHistograms(sum.result(), compact(plain))).toBe(true);
    }));
  });

  test("a coarser schema, a wider zero bucket and fewer bounds keep all observations", () => {
    fc.assert(fc.property(exponential, fc.integer({ min: 0, max: 4 }), (histogram, steps) => {
      const coarse = reduceSchema(histogram, Math.max(-4, histogram.schema - steps));
      expect(total(coarse)).toBe(total(histogram));
      const wide = widenZeroBucket(histogram, 2);
      expect(total(wide)).toBe(total(histogram));
      expect(wide.zeroThreshold).toBeGreaterThanOrEqual(2);
    }));
    fc.assert(fc.property(custom, custom, (left, right) => {
      const common = commonBounds(left.customValues, right.customValues);
      expect(total(reduceBounds(left, common))).toBe(total(left));
    }));
  });

  test("a reduced counter is never taken for one that was reset", () => {
    fc.assert(fc.property(pairs, ([before, added]) => {
      const after = withHint(addHistograms(before, added).histogram, "unknown");
      expect(detectReset(after, before)).toBe(false);
    }));
  });

  test("scaling by a negative factor makes a gauge", () => {
    const histogram = parseHistogram("{{count:4 sum:5 buckets:[1 2 1]}}");
    expect(scaleHistogram(histogram, -2)).toMatchObject({ count: -8, sum: -10, hint: "gauge" });
    expect(scaleHistogram(histogram, 2).hint).toBe("unknown");
  });

  test("division by zero leaves no regular buckets", () => {
    const divided = divideHistogram(parseHistogram("{{count:4 sum:-5 z_bucket:0 buckets:[4]}}"), 0);
    expect(divided).toMatchObject({ count: Infinity, sum: -Infinity, zeroCount: NaN });
    expect(divided.positive.indices.length).toBe(0);
  });
});

describe("detectReset", () => {
  test.each([
    {
      name: "equal",
      before: "count:3 buckets:[1 2]",
      after: "count:3 buckets:[1 2]",
      reset: false,
    },
    {
      name: "count fell",
      before: "count:3 buckets:[1 2]",
      after: "count:2 buckets:[1 2]",
      reset: true,
    },
    {
      name: "bucket fell",
      before: "count:3 buckets:[1 2]",
      after: "count:4 buckets:[0 4]",
      reset: true,
    },
    {
      name: "bucket vanished",
      before: "count:3 buckets:[1 2]",
      after: "count:4 offset:1 buckets:[4]",
      reset: true,
    },
    { name: "schema grew", before: "schema:0 count:1", after: "schema:1 count:1", reset: true },
    {
      name: "schema shrank, nothing fell",
      before: "schema:1 count:3 offset:1 buckets:[1 2]",
      after: "schema:0 count:3 offset:1 buckets:[3]",
      reset: false,
    },
    {
      name: "zero threshold shrank",
      before: "z_bucket_w:0.1 count:1",
      after: "z_bucket_w:0.01 count:1",
      reset: true,
    },
    {
      name: "zero bucket fell",
      before: "z_bucket:2 count:2",
      after: "z_bucket:1 count:3 buckets:[2]",
      reset: true,
    },
    {
      name: "zero threshold cuts a populated bucket",
      before: "count:1 buckets:[1]",
      after: "z_bucket_w:0.75 z_bucket:1 count:1",
      reset: true,
    },
    {
      name: "hint says reset",
      before: "count:1",
      after: "count:9 counter_reset_hint:reset",
      reset: true,
    },
    {
      name: "hint says none",
      before: "count:9",
      after: "count:1 counter_reset_hint:not_reset",
      reset: false,
    },
    {
      name: "from exponential to custom",
      before: "count:1",
      after: "schema:-53 count:1 custom_values:[5]",
      reset: true,
    },
    {
      name: "from custom to exponential",
      before: "schema:-53 count:1 custom_values:[5]",
      after: "count:1",
      reset: true,
    },
    {
      name: "a custom bound more, nothing fell between common ones",
      before: "schema:-53 count:3 custom_values:[5] buckets:[2 1]",
      after: "schema:-53 count:4 custom_values:[3 5] buckets:[1 2 1]",
      reset: false,
    },
    {
      name: "a custom bound more, less below a common one",
      before: "schema:-53 count:3 custom_values:[5] buckets:[2 1]",
      after: "schema:-53 count:4 custom_values:[3 5] buckets:[1 0 3]",
      reset: true,
    },
  ])("$name", ({ before, after, reset }) => {
    expect(detectReset(parseHistogram(`{{${after}}}`), parseHistogram(`{{${before}}}`))).toBe(
      reset,
    );
  });
});
