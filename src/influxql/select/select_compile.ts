/**
 * The first step of a SELECT: what can be said without looking at what is stored. Subqueries are compiled within their outer
 * statement, whose time range, interval, order and tags they inherit.
 */
import type {
  Dimension,
  Expr,
  Field,
  Fill,
  RegexLiteral,
  SelectStatement,
  SubquerySource,
  Wildcard,
} from "../language/ast.ts";
import { checkCondition, FieldRules } from "./field_rules.ts";
import { influxqlFunction } from "../functions/registry.ts";
import { reduce } from "./reduce.ts";
import { StatementError } from "../values/result.ts";
import {
  type Bounds,
  intersect,
  splitCondition,
  TIME_MAX_NS,
  TIME_MIN_NS,
} from "../expressions/time_range.ts";
import { modulo, type WindowSettings } from "../values/windows.ts";
import { zoneOf } from "../values/zones.ts";

/** GROUP BY without time. */
export type TagDimension =
  | { readonly kind: "tag"; readonly name: string }
  | Wildcard
  | RegexLiteral;

export interface CompiledSelect {
  readonly statement: SelectStatement;
  /** Without time, constants folded. */
  readonly fields: readonly Field[];
  readonly timeName: string;
  readonly hasCalls: boolean;
  /** The statement's own: those of the outer one limit them when it runs. */
  readonly bounds: Bounds;
  /** What it and its subqueries may read beyond their ranges: as much as the outermost statement opens. */
  readonly readable: Bounds;
  /** Without time. */
  readonly condition: Expr | undefined;
  /** Of GROUP BY time, the statement's own or inherited; undefined: none. */
  readonly windows: WindowSettings | undefined;
  readonly dimensions: readonly TagDimension[];
  readonly fill: Fill;
  readonly descending: boolean;
  readonly isSubquery: boolean;
  readonly subqueries: ReadonlyMap<SubquerySource, CompiledSelect>;
}

export function compileSelect(
  statement: SelectStatement,
  nowNs: bigint,
  outer?: CompiledSelect,
): CompiledSelect {
  const zone = statement.zone === undefined ? undefined : zoneOf(statement.zone);
  const { bounds, condition } = splitCondition(statement.where, { nowNs, zone });
  checkCondition(condition);
  const own = timeDimension(statement.dimensions, nowNs);
  const windows = own === undefined ? outer?.windows : { ...own, zone };
  const limited = own !== undefined && bounds.max === TIME_MAX_NS
    ? { min: bounds.min, max: nowNs }
    : bounds;
  if (outer !== undefined) checkOrder(statement, outer);
  const rules = new FieldRules({
    hasInterval: windows !== undefined,
    isInherited: own === undefined,
    hasTarget: statement.into !== undefined,
    limit: statement.rows.limit,
    fill: statement.fill?.kind ?? "null",
  });
  const { fields, timeName } = compileFields(statement.fields, rules);
  const subqueries = new Map<SubquerySource, CompiledSelect>();
  const descending = outer?.descending ?? statement.descending;
  const compiled: CompiledSelect = {
    statement,
    fields,
    timeName,
    hasCalls: rules.hasCalls,
    bounds: limited,
    condition: condition === undefined ? undefined : reduceCondition(condition),
    windows,
    dimensions: statement.dimensions.filter((each) => each.kind !== "time") as TagDimension[],
    fill: fillOf(statement.fill, outer !== undefined),
    descending,
    readable: outer?.readable ?? extended(
      limited,
      Math.max(0, ...fields.map(({ expr }) => bucketsReadable(expr))),
      { windows, descending },
    ),
    isSubquery: outer !== undefined,
    subqueries,
  };
  for (const source of statement.sources) {
    if (source.kind !== "subquery") continue;
    subqueries.set(source, compileSelect(source.statement, nowNs, compiled));
  }
  return compiled;
}

/** Nulls of a subquery's buckets would be dropped by the outer statement. */
function fillOf(fill: Fill | undefined, isSubquery: boolean): Fill {
  const written = fill ?? { kind: "null" };
  return isSubquery && written.kind === "null" ? { kind: "none" } : written;
}

function checkOrder(statement: SelectStatement, outer: CompiledSelect): void {
  if (!statement.descending || outer.descending) return;
  throw new StatementError(
    "subqueries must be ordered in the same direction as the query itself",
  );
}

function compileFields(
  fields: readonly Field[],
  rules: FieldRules,
): { readonly fields: Field[]; readonly timeName: string } {
  let timeName = "time";
  const compiled: Field[] = [];
  for (const { expr, alias } of fields) {
    if (expr.kind === "reference" && expr.name === "time") {
      timeName = alias || "time";
      continue;
    }
    const reduced = reduce(expr);
    rules.check(reduced);
    compiled.push({ expr: reduced, alias });
  }
  rules.finish(compiled.length);
  return { fields: compiled, timeName };
}

/** Operands of a condition are folded; what compares and combines them stays as it is. */
function reduceCondition(expr: Expr): Expr {
  if (expr.kind === "parentheses") return { ...expr, inner: reduceCondition(expr.inner) };
  if (expr.kind !== "binary") return reduce(expr);
  return { ...expr, left: reduceCondition(expr.left), right: reduceCondition(expr.right) };
}

function timeDimension(
  dimensions: readonly Dimension[],
  nowNs: bigint,
): { readonly every: bigint; readonly offset: bigint } | undefined {
  let found: { readonly every: bigint; readonly offset: bigint } | undefined;
  for (const dimension of dimensions) {
    if (dimension.kind === "invalid") throw new StatementError(dimension.reason);
    if (dimension.kind !== "time") continue;
    if (found !== undefined) throw new StatementError("multiple time dimensions not allowed");
    const { every } = dimension;
    // An interval of nothing is as if it was not there.
    if (every === 0n) continue;
    const offset = dimension.offset === "now" ? nowNs : dimension.offset;
    found = { every, offset: modulo(offset, every) };
  }
  return found;
}

/** Bounds that begin some buckets earlier, as far as can be read: later, where the answer begins with the latest. */
export function reachBack(
  bounds: Bounds,
  buckets: number,
  compiled: Pick<CompiledSelect, "windows" | "descending" | "readable">,
): Bounds {
  return intersect(extended(bounds, buckets, compiled), compiled.readable);
}

function extended(
  { min, max }: Bounds,
  buckets: number,
  { windows, descending }: Pick<CompiledSelect, "windows" | "descending">,
): Bounds {
  const length = (windows?.every ?? 0n) * BigInt(buckets);
  if (descending) return { min, max: max > TIME_MAX_NS - length ? max : max + length };
  return { min: min < TIME_MIN_NS + length ? min : min - length, max };
}

/** Buckets before the range that the transformations of an outermost statement open to it and to its subqueries. */
function bucketsReadable(expr: Expr): number {
  switch (expr.kind) {
    case "call": {
      const inner = Math.max(0, ...expr.args.map(bucketsReadable));
      if (influxqlFunction(expr.name)?.type !== "transformation") return inner;
      if (expr.name.startsWith("holt_winters")) return inner;
      const period = expr.args[1];
      const own = period?.kind === "integer" ? Number(period.value) : 1;
      return Math.max(own, inner);
    }
    case "binary":
      return Math.max(bucketsReadable(expr.left), bucketsReadable(expr.right));
    case "parentheses":
      return bucketsReadable(expr.inner);
    default:
      return 0;
  }
}

/** All times that a statement and its subqueries may read, within those of the outer statement. */
export function viewBounds(compiled: CompiledSelect, outer: Bounds = compiled.bounds): Bounds {
  const depth = Math.max(0, ...compiled.fields.map(({ expr }) => callDepth(expr)));
  const own = reachBack(intersect(compiled.bounds, outer), depth, compiled);
  let all = own;
  for (const inner of compiled.subqueries.values()) all = union(all, viewBounds(inner, own));
  return all;
}

function union(left: Bounds, right: Bounds): Bounds {
  return {
    min: left.min < right.min ? left.min : right.min,
    max: left.max > right.max ? left.max : right.max,
  };
}

function callDepth(expr: Expr): number {
  switch (expr.kind) {
    case "call":
      return 1 + Math.max(0, ...expr.args.map(callDepth));
    case "binary":
      return Math.max(callDepth(expr.left), callDepth(expr.right));
    case "parentheses":
      return callDepth(expr.inner);
    default:
      return 0;
  }
}
