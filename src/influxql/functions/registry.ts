/** All functions of InfluxQL but the mathematical ones, by name. */
import type { InfluxqlFunction } from "./function.ts";
import { first, last, max, min } from "./selectors.ts";
import { count, mean, sum } from "./sums.ts";

const FUNCTIONS: ReadonlyMap<string, InfluxqlFunction> = new Map(
  [count, sum, mean, min, max, first, last].map((each) => [each.name, each]),
);

/** Names are in lower case. */
export function influxqlFunction(name: string): InfluxqlFunction | undefined {
  return FUNCTIONS.get(name);
}
