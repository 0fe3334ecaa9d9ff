/** What `anchored` and `smoothed` make of histograms. */
import { describe, expect, test } from "bun:test";
import { engineOver } from "../support/promql_query.ts";

const histogram = (count: number, hint: string) =>
  `{{schema:0 count:${count} sum:1 buckets:[${count}] counter_reset_hint:${hint}}}`;

const engine = engineOver([
  `gauge ${histogram(4, "gauge")} ${histogram(2, "gauge")}`,
  `half ${histogram(2, "gauge")} ${histogram(4, "unknown")}`,
  `counter ${histogram(2, "unknown")} ${histogram(4, "not_reset")}`,
  `fallen ${histogram(4, "unknown")} ${histogram(2, "reset")}`,
  "m 1 2",
  "bounds {{schema:-53 count:3 sum:4 custom_values:[1 2 4] buckets:[1 1 1]}} " +
  "{{schema:-53 count:6 sum:8 custom_values:[1 3 4] buckets:[2 2 2]}}",
]);

async function histogramOf(query: string, atSeconds: number) {
  const { value } = await engine.instant(query, atSeconds * 1000);
  return value.type === "vector" ? value.histograms?.[0] : undefined;
}

describe("an instant selector that is smoothed", () => {
  test.each([
    { query: "gauge smoothed", at: 60, count: 2, hint: "gauge" },
    { query: "gauge smoothed", at: 15, count: 3.5, hint: "gauge" },
    { query: "half smoothed", at: 30, count: 3, hint: "gauge" },
    { query: "counter smoothed", at: 30, count: 3, hint: "unknown" },
    { query: "fallen smoothed", at: 30, count: 1, hint: "unknown" },
    { query: "counter smoothed", at: 60, count: 4, hint: "not_reset" },
    // Behind the last sample its hint tells nothing.
    { query: "counter smoothed", at: 90, count: 4, hint: "unknown" },
    { query: "gauge smoothed", at: 90, count: 2, hint: "unknown" },
  ])("$query at $at", async ({ query, at, count, hint }) => {
    expect(await histogramOf(query, at)).toMatchObject({ count, hint });
  });

  test("timestamp tells the time of the sample", async () => {
    expect((await engine.instant("timestamp(m smoothed)", 90_000)).value).toMatchObject({
      values: Float64Array.of(60),
    });
  });
});

test("bounds are reconciled at both borders, and it is told of which operations", async () => {
  const { value, infos } = await engine.instant("increase(bounds[30s] smoothed)", 60_000);
  expect(value).toMatchObject({
    histograms: [{ count: 1.5, customValues: Float64Array.of(1, 4) }],
  });
  expect(infos.map(({ message }) => message).sort()).toEqual([
    "PromQL info: mismatched custom buckets were reconciled during addition",
    "PromQL info: mismatched custom buckets were reconciled during subtraction",
  ]);
});
