/** What the parts of a running SELECT share. */
import type { CallCache } from "./call_setup.ts";
import type { SelectBudget } from "../sources/select_budget.ts";
import type { SelectPlan } from "./select_plan.ts";
import type { Bounds } from "../expressions/time_range.ts";

/** What a statement runs with. */
export interface SelectRun {
  readonly budget: SelectBudget;
  readonly signal: AbortSignal;
  /** Numbers in 0 <= x < 1. */
  readonly random: () => number;
  /** Points that are read at once where series can be read in parts. */
  readonly slicePoints: number;
  /** Points that a series has about in the range of the statement. */
  readonly pointsPerSeries: () => number;
}

export interface GroupSettings {
  readonly plan: SelectPlan;
  readonly bounds: Bounds;
  /** What is older is not read though the range has no lower bound: its buckets would be too many. */
  readonly readFromNs: bigint | undefined;
  readonly run: SelectRun;
  /** Of all groups of the plan. */
  readonly cache: CallCache;
}
