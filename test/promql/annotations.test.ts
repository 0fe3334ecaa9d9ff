import { expect, test } from "bun:test";
import { engineOver } from "../support/promql_query.ts";

/** Samples at 0, 60 and 120 seconds. */
const SERIES = [
  "mixed 1 {{schema:0 count:2 sum:3 buckets:[1 1]}} 3",
  "counter {{schema:0 count:2 sum:3 buckets:[1 1]}} {{schema:0 count:4 sum:6 buckets:[2 2]}} _",
  "gauge {{schema:0 count:2 sum:3 buckets:[1 1] counter_reset_hint:gauge}} " +
  "{{schema:0 count:4 sum:6 buckets:[2 2] counter_reset_hint:gauge}} _",
  "kinds {{schema:0 count:2 sum:3 buckets:[1 1]}} {{schema:0 count:2 sum:3 buckets:[1 1]}} " +
  "{{schema:-53 count:3 sum:4 custom_values:[1 2] buckets:[1 1 1]}}",
  "custom {{schema:-53 count:3 sum:4 custom_values:[1 2] buckets:[1 1 1]}} _ _",
  "other {{schema:-53 count:3 sum:4 custom_values:[1 3] buckets:[1 1 1]}} _ _",
  "reset {{schema:0 count:2 sum:3 buckets:[1 1]}} " +
  "{{schema:0 count:1 sum:1 buckets:[1 0]}} _",
  "steady {{schema:0 count:2 sum:3 buckets:[1 1]}} {{schema:0 count:2 sum:3 buckets:[1 1]}} _",
  "lost {{schema:0 count:4 sum:NaN buckets:[1 1]}} _ _",
  'classic_bucket{le="1"} 1 _ _',
  'classic_bucket{le="many"} 2 _ _',
  'classic_bucket{le="+Inf"} 3 _ _',
  'both{le="1"} 1 _ _',
  'both{le="+Inf"} 1 _ _',
  "both {{schema:0 count:2 sum:3 buckets:[1 1]}} _ _",
  'falling_bucket{le="1"} 3 _ _',
  'falling_bucket{le="2"} 2 _ _',
  'falling_bucket{le="+Inf"} 5 _ _',
];

const MIXED = 'encountered a mix of histograms and floats for metric name "mixed"';
const KINDS = "vector contains a mix of histograms with exponential and custom buckets schemas";

test.each([
  { query: "rate(mixed[5m])", at: 120, warning: MIXED },
  { query: "irate(mixed[5m])", at: 120, warning: MIXED },
  { query: "sum_over_time(mixed[5m])", at: 120, warning: MIXED },
  {
    query: "max_over_time(mixed[5m])",
    at: 120,
    info:
      'ignored histograms in a range containing both floats and histograms for metric name "mixed"',
  },
  {
    query: "delta(counter[5m])",
    at: 60,
    warning: 'this native histogram metric is not a gauge: "counter"',
  },
  {
    query: "idelta(counter[5m])",
    at: 60,
    warning: 'this native histogram metric is not a gauge: "counter"',
  },
  {
    query: "increase(gauge[5m])",
    at: 60,
    warning: 'this native histogram metric is not a counter: "gauge"',
  },
  { query: "rate(kinds[5m])", at: 120, warning: `${KINDS} for metric name "kinds"` },
  { query: 'sum({__name__=~"custom|reset"})', warning: `${KINDS} for metric name "reset"` },
  {
    query: "custom - on() reset",
    warning: "incompatible bucket layout encountered for binary operator -",
  },
  {
    query: "custom + on() other",
    info: "mismatched custom buckets were reconciled during addition",
  },
  {
    query: "custom - on() other",
    info: "mismatched custom buckets were reconciled during subtraction",
  },
  {
    query: 'sum({__name__=~"custom|other"})',
    info: "mismatched custom buckets were reconciled during aggregation",
  },
  {
    query: "histogram_count(reset + on() steady)",
    at: 60,
    warning: "conflicting counter resets during histogram addition",
  },
  {
    query: 'histogram_count(avg({__name__=~"reset|steady"}))',
    at: 60,
    warning: "conflicting counter resets during histogram aggregation",
  },
  {
    query: "histogram_quantile(1, lost)",
    info: 'input to histogram_quantile has NaN observations, result is NaN for metric name "lost"',
  },
  {
    query: "histogram_quantile(0.4, lost)",
    info:
      'input to histogram_quantile has NaN observations, result is skewed higher for metric name "lost"',
  },
  {
    query: "histogram_fraction(0, 1, lost)",
    info:
      'input to histogram_fraction has NaN observations, which are excluded from all fractions for metric name "lost"',
  },
  {
    query: "histogram_quantile(0.5, classic_bucket)",
    warning:
      'bucket label "le" is missing or has a malformed value of "many" for metric name "classic_bucket"',
  },
  {
    query: "histogram_quantile(0.5, both)",
    warning: 'vector contains a mix of classic and native histograms for metric name "both"',
  },
  {
    query: "limit_ratio(-2, counter)",
    warning: "ratio value should be between -1 and 1, got -2, capping to -1",
  },
  {
    query: "delta(counter[1m] anchored)",
    at: 60,
    warning: 'this native histogram metric is not a gauge: "counter"',
  },
  { query: "delta(gauge[1m] smoothed)", at: 90 },
  { query: "rate(mixed[30s] anchored)", at: 120, warning: MIXED },
  { query: "rate(mixed[30s] smoothed)", at: 0, warning: MIXED },
  { query: "mixed smoothed", at: 30, warning: MIXED },
  {
    query: "histogram_quantile(2, falling_bucket)",
    warning: "quantile value should be between 0 and 1, got 2",
  },
  {
    query: "counter * on() steady",
    info: 'incompatible sample types encountered for binary operator "*": histogram * histogram',
  },
])("$query", async ({ query, at = 0, warning, info }) => {
  const { warnings, infos } = await engineOver(SERIES).instant(query, at * 1000);
  expect(warnings.map(({ message }) => message)).toEqual(
    warning === undefined ? [] : [`PromQL warning: ${warning}`],
  );
  expect(infos.map(({ message }) => message)).toEqual(
    info === undefined ? [] : [`PromQL info: ${info}`],
  );
});

test.each([
  {
    query: "info(m)",
    error: 'found duplicate series for info metric: existing {__name__="target_info", data="1", ' +
      'instance="i", job="j"} @ 0, new {__name__="target_info", data="2", instance="i", job="j"} @ 0',
  },
  { query: 'info(m, {__name__=~"a_info|b_info"})', error: "conflicting label: data" },
  {
    query: 'info(m, {__name__="h_info"})',
    error: 'this should be an info metric, with float samples: {__name__="h_info", ',
  },
  {
    query: '{__name__="h_info"}[5m] smoothed',
    error: "smoothed modifier is not supported with histograms",
  },
  {
    query: '{__name__="h_info"}[5m] anchored',
    error: "anchored modifier is not supported with histograms",
  },
  {
    query: "changes(m[5m] smoothed)",
    error: "smoothed modifier can only be used with: delta, increase, rate - not with changes",
  },
  {
    query: "-{__name__=~'m|n'}",
    error: "vector cannot contain metrics with the same labelset",
  },
  {
    query: "m + on() group_left() target_info",
    error:
      "found duplicate series for the match group {} on the right hand-side of the operation: ",
  },
])("$query fails", async ({ query, error }) => {
  const engine = engineOver([
    'm{job="j",instance="i"} 1',
    'n{job="j",instance="i"} 1',
    'target_info{job="j",instance="i",data="1"} 1',
    'target_info{job="j",instance="i",data="2"} 1',
    'a_info{job="j",instance="i",data="1"} 1',
    'b_info{job="j",instance="i",data="2"} 1',
    'h_info{job="j",instance="i",data="2"} {{schema:0 count:2 sum:3 buckets:[1 1]}}',
  ]);
  await expect(engine.instant(query, 0)).rejects.toThrow(error);
});
