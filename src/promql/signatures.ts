/**
 * The functions of PromQL: names, argument and result types. What they compute stands in functions.ts and its
 * neighbours; parser and type check need only this.
 */
import type { ValueType } from "./ast.ts";

export interface FunctionSignature {
  readonly name: string;
  /** Types by position; the last one repeats for further arguments. */
  readonly args: readonly ValueType[];
  readonly argsMin: number;
  /** Infinity: any number. */
  readonly argsMax: number;
  readonly returns: ValueType;
  /** A setting may turn these off; the parser then refuses the name. */
  readonly experimental: boolean;
}

type SignatureOptions = { readonly optional?: number; readonly experimental?: boolean };

function signature(
  names: string,
  args: readonly ValueType[],
  returns: ValueType,
  options: SignatureOptions = {},
): FunctionSignature[] {
  const { optional, experimental = false } = options;
  // An optional tail is the last declared type; it may be absent, or appear up to `optional` times.
  const argsMin = optional === undefined ? args.length : args.length - 1;
  const argsMax = optional === undefined ? args.length : argsMin + optional;
  return names.split(" ").map((name) => ({ name, args, argsMin, argsMax, returns, experimental }));
}

const experimental = { experimental: true } as const;

const TABLE: readonly FunctionSignature[] = [
  ...signature("abs ceil floor exp sqrt ln log2 log10 sgn", ["vector"], "vector"),
  ...signature("sin cos tan asin acos atan sinh cosh tanh", ["vector"], "vector"),
  ...signature("asinh acosh atanh deg rad", ["vector"], "vector"),
  ...signature("round", ["vector", "scalar"], "vector", { optional: 1 }),
  ...signature("clamp", ["vector", "scalar", "scalar"], "vector"),
  ...signature("clamp_min clamp_max", ["vector", "scalar"], "vector"),
  ...signature(
    "minute hour day_of_week day_of_month day_of_year days_in_month month year",
    ["vector"],
    "vector",
    { optional: 1 },
  ),
  ...signature("timestamp absent sort sort_desc", ["vector"], "vector"),
  ...signature("start_timestamp", ["vector"], "vector", experimental),
  ...signature("scalar", ["vector"], "scalar"),
  ...signature("vector", ["scalar"], "vector"),
  ...signature("time pi", [], "scalar"),
  ...signature("start end range step", [], "scalar", experimental),
  ...signature("min_of max_of", ["scalar", "scalar"], "scalar", experimental),
  ...signature("sort_by_label sort_by_label_desc", ["vector", "string"], "vector", {
    optional: Infinity,
    experimental: true,
  }),
  ...signature("label_replace", ["vector", "string", "string", "string", "string"], "vector"),
  ...signature("label_join", ["vector", "string", "string", "string"], "vector", {
    optional: Infinity,
  }),
  ...signature("info", ["vector", "vector"], "vector", { optional: 1, experimental: true }),

  ...signature("count_over_time present_over_time absent_over_time", ["matrix"], "vector"),
  ...signature("sum_over_time avg_over_time min_over_time max_over_time", ["matrix"], "vector"),
  ...signature("stddev_over_time stdvar_over_time", ["matrix"], "vector"),
  ...signature("quantile_over_time", ["scalar", "matrix"], "vector"),
  ...signature("first_over_time last_over_time", ["matrix"], "vector"),
  ...signature("mad_over_time", ["matrix"], "vector", experimental),
  ...signature(
    "ts_of_first_over_time ts_of_last_over_time ts_of_min_over_time ts_of_max_over_time",
    ["matrix"],
    "vector",
    experimental,
  ),
  ...signature("changes resets deriv", ["matrix"], "vector"),
  ...signature("rate increase delta irate idelta", ["matrix"], "vector"),
  ...signature("predict_linear", ["matrix", "scalar"], "vector"),
  ...signature(
    "double_exponential_smoothing",
    ["matrix", "scalar", "scalar"],
    "vector",
    experimental,
  ),

  ...signature("histogram_count histogram_sum histogram_avg", ["vector"], "vector"),
  ...signature("histogram_stddev histogram_stdvar", ["vector"], "vector"),
  ...signature("histogram_quantile", ["scalar", "vector"], "vector"),
  ...signature("histogram_fraction", ["scalar", "scalar", "vector"], "vector"),
  ...signature("histogram_quantiles", ["vector", "string", "scalar", "scalar"], "vector", {
    optional: 9,
    experimental: true,
  }),
];

const BY_NAME: ReadonlyMap<string, FunctionSignature> = new Map(
  TABLE.map((entry) => [entry.name, entry]),
);

/** The function of that name, spelled exactly. */
export function functionSignature(name: string): FunctionSignature | undefined {
  return BY_NAME.get(name);
}

/** All functions, in the order of the table. */
export function functionSignatures(): readonly FunctionSignature[] {
  return TABLE;
}
