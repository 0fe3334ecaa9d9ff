/** Rates of histograms whose start is known. */
import { describe, expect, test } from "bun:test";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import { loadBlock } from "../support/promql_series.ts";
import { ArrayStorage } from "../support/promql_storage.ts";

const storage = new ArrayStorage();
loadBlock(storage, {
  every: "1m",
  series: [
    ["gauge _ {{count:3 sum:3 buckets:[3] counter_reset_hint:gauge}}", "_ -30s"],
    [
      "schemas _ {{schema:0 count:3 sum:3 buckets:[3]}} " +
      "{{schema:-53 count:4 sum:4 custom_values:[2] buckets:[4]}} " +
      "{{schema:-53 count:6 sum:6 custom_values:[2] buckets:[6]}}",
      "_ -30s -30s -90s",
    ],
  ],
});
const engine = new QueryEngine({ queryable: storage });

describe("a known start", () => {
  test("lets one sample suffice, which comes as it is", async () => {
    const { value, warnings } = await engine.instant("increase(gauge[1m])", 60_000);
    expect(value).toMatchObject({ histograms: [{ count: 3, hint: "gauge" }] });
    expect(warnings).toEqual([]);
  });

  test("of a histogram that does not go with the others leaves no result", async () => {
    const { value, warnings } = await engine.instant("increase(schemas[3m])", 180_000);
    expect(value).toMatchObject({ labels: [] });
    expect(warnings.map(({ message }) => message)).toEqual([
      "PromQL warning: vector contains a mix of histograms with exponential and custom buckets " +
      'schemas for metric name "schemas"',
    ]);
  });
});
