/** What running the functions of a plan takes and is the same for all of its groups: worked out for the first of them. */
import { type LeafNeed, needsOf } from "./call_rows.ts";
import { seesValuesOnly } from "./bucket_run.ts";
import type { Kind } from "../values/columns.ts";
import { Grids } from "./grid.ts";
import { isJoinable } from "./partial.ts";
import { printExpression } from "../language/printer.ts";
import {
  type CallPlan,
  type LeafPlan,
  type SelectPlan,
  type Term,
  termsOf,
} from "./select_plan.ts";
import { type Bounds, intersect } from "../expressions/time_range.ts";

/** Functions of one field. */
export interface FieldLeaves {
  readonly term: Term;
  readonly leaves: readonly LeafPlan[];
}

/** A column that is what a call gives. */
export interface DirectColumn {
  /** Position of the call. */
  readonly call: number;
  readonly kind: Kind;
}

/** What grids are made for: the functions that read within some bounds. */
export interface GridNeed {
  readonly bounds: Bounds;
  readonly fields: readonly FieldLeaves[];
}

export interface CallSetup {
  /** Those that were asked for. */
  readonly bounds: Bounds;
  readonly calls: readonly (CallPlan | undefined)[];
  readonly needs: readonly LeafNeed[];
  /** Fields that are taken along from the points that are picked, and tags. */
  readonly fields: readonly Term[];
  readonly tags: readonly Term[];
  /** All that is read. */
  readonly terms: readonly Term[];
  /** All that is read within. */
  readonly readBounds: Bounds;
  /** No function needs points of several series or slices at once. */
  readonly areJoinable: boolean;
  /** Which end of the range is enough, where all functions look at one alone. */
  readonly edge: "first" | "last" | undefined;
  /** Undefined: functions need more than numbers. Those that cannot be joined need all points of a bucket at once. */
  readonly gridNeeds: readonly GridNeed[] | undefined;
  /** For each column of the answer the call that it is; undefined: some are computed from calls. */
  readonly direct: readonly DirectColumn[] | undefined;
}

export interface SetupSettings {
  readonly plan: SelectPlan;
  readonly bounds: Bounds;
  readonly readFromNs: bigint | undefined;
}

/** What the groups of a plan share while they are run one after the other. */
export class CallCache {
  readonly grids: Grids;
  #setup: CallSetup | undefined;

  constructor(plan: SelectPlan) {
    this.grids = new Grids(plan.compiled.windows);
  }

  setupOf(settings: SetupSettings): CallSetup {
    const known = this.#setup;
    const { min, max } = settings.bounds;
    if (known?.bounds.min === min && known.bounds.max === max) return known;
    return this.#setup = setupOf(settings);
  }
}

function setupOf({ plan, bounds, readFromNs }: SetupSettings): CallSetup {
  const calls = [...plan.calls.values()];
  const needs = calls.flatMap((call) => call === undefined ? [] : needsOf(call, bounds, { plan }));
  const fields = termsOf(plan, "field");
  const terms = new Map(fields.map((term) => [term.key, term]));
  let readBounds = bounds;
  for (const { leaf, bounds: own } of needs) {
    terms.set(leaf.term.key, leaf.term);
    readBounds = {
      min: own.min < readBounds.min ? own.min : readBounds.min,
      max: own.max > readBounds.max ? own.max : readBounds.max,
    };
  }
  if (readFromNs !== undefined) readBounds = { min: readFromNs, max: readBounds.max };
  return {
    bounds,
    calls,
    needs,
    fields,
    tags: termsOf(plan, "tag"),
    terms: [...terms.values()],
    readBounds,
    areJoinable: needs.every(({ leaf }) => leaf.type === "leaf" && isJoinable(leaf)),
    edge: edgeOf(plan, needs),
    gridNeeds: gridNeedsOf(plan, needs, readBounds),
    direct: directColumns(plan),
  };
}

function edgeOf(plan: SelectPlan, needs: readonly LeafNeed[]): "first" | "last" | undefined {
  if (plan.compiled.windows !== undefined) return undefined;
  const names = needs.map(({ leaf }) => leaf.type === "leaf" ? leaf.fn.name : "");
  const [edge] = names;
  const isEdge = edge === "first" || edge === "last";
  return isEdge && names.every((name) => name === edge) ? edge : undefined;
}

function gridNeedsOf(
  plan: SelectPlan,
  needs: readonly LeafNeed[],
  readBounds: Bounds,
): GridNeed[] | undefined {
  // What is taken along from the points that are picked has to be read with them.
  if (plan.terms.size > 0) return undefined;
  const found: { bounds: Bounds; fields: { term: Term; leaves: LeafPlan[] }[] }[] = [];
  for (const { leaf, bounds } of needs) {
    if (leaf.type !== "leaf" || !(isJoinable(leaf) || seesValuesOnly(leaf))) return undefined;
    const { min, max } = intersect(bounds, readBounds);
    if (min > max) continue;
    let need = found.find((each) => each.bounds.min === min && each.bounds.max === max);
    if (need === undefined) found.push(need = { bounds: { min, max }, fields: [] });
    const field = need.fields.find(({ term }) => term.key === leaf.term.key);
    if (field === undefined) need.fields.push({ term: leaf.term, leaves: [leaf] });
    else field.leaves.push(leaf);
  }
  return found;
}

function directColumns({ calls, columns }: SelectPlan): DirectColumn[] | undefined {
  const keys = [...calls.keys()];
  const direct: DirectColumn[] = [];
  for (const { expr, kind } of columns) {
    const call = expr.kind === "call" ? keys.indexOf(printExpression(expr)) : -1;
    if (call < 0 || kind === undefined) return undefined;
    direct.push({ call, kind });
  }
  return direct;
}
