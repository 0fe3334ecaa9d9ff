/** Short ways to ask the PromQL engine over series written as text. */
import { labelsText } from "../../src/promql/labels.ts";
import { formatDecimal } from "../../src/promql/number_format.ts";
import { QueryEngine, type QueryEngineOptions } from "../../src/promql/query_engine.ts";
import { loadBlock } from "./promql_series.ts";
import { ArrayStorage } from "./promql_storage.ts";

/** An engine over series lines with a sample a minute from time 0. */
export function engineOver(
  series: readonly string[],
  options: Omit<QueryEngineOptions, "queryable"> = {},
): QueryEngine {
  const queryable = new ArrayStorage();
  loadBlock(queryable, { every: "1m", series });
  return new QueryEngine({ queryable, ...options });
}

/** The result at a time in seconds as lines `{labels} value`, in the order of the result. */
export async function ask(engine: QueryEngine, query: string, atSeconds = 0): Promise<string[]> {
  const { value } = await engine.instant(query, atSeconds * 1000);
  if (value.type === "scalar") return [formatDecimal(value.value)];
  if (value.type === "string") return [value.value];
  if (value.type === "vector") {
    return value.labels.map((labels, at) =>
      `${labelsText(labels)} ${
        value.histograms?.[at] === undefined ? formatDecimal(value.values[at]!) : "histogram"
      }`
    );
  }
  return value.series.map(({ labels, count, times, values }) =>
    `${labelsText(labels)} ` +
    Array.from({ length: count }, (_, at) => `${values[at]}@${times[at]! / 1000}`).join(" ")
  );
}

/** As `ask`, but sorted: for results whose order nobody promises. */
export async function askSorted(
  engine: QueryEngine,
  query: string,
  atSeconds = 0,
): Promise<string[]> {
  return (await ask(engine, query, atSeconds)).sort();
}
