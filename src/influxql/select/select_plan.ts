/** The second step of a SELECT: what its names stand for in what is stored, which columns it gives and what it computes. */
import type { Pauses } from "../../slices.ts";
import type { Call, Expr } from "../language/ast.ts";
import { isNumeric, type Kind, narrow } from "../values/columns.ts";
import { columnNames, visitTerms } from "./column_names.ts";
import { expand } from "./expand_fields.ts";
import { isPicking, isTopOrBottom } from "./field_rules.ts";
import type {
  Aggregate,
  Argument,
  InfluxqlFunction,
  RowSelector,
  Selector,
  Transformation,
} from "../functions/function.ts";
import { influxqlFunction } from "../functions/registry.ts";
import { isMathFunction } from "../expressions/math_functions.ts";
import { printExpression } from "../language/printer.ts";
import { StatementError } from "../values/result.ts";
import type { CompiledSelect } from "./select_compile.ts";
import { type Origin, SelectSchema } from "./select_schema.ts";
import type { SeriesSource } from "../sources/series_source.ts";

/** A field or tag that is read. */
export interface Term {
  readonly key: string;
  readonly name: string;
  readonly origin: NonNullable<Origin>;
}

/** A function over the points of a field, bucket by bucket. */
export interface LeafPlan {
  readonly type: "leaf";
  readonly fn: (Aggregate | Selector | RowSelector) & Pick<InfluxqlFunction, "name">;
  /** As it was called. */
  readonly name: string;
  readonly term: Term;
  readonly args: readonly Argument[];
  /** For top and bottom. */
  readonly tags: readonly string[];
  readonly kind: Kind;
}

/** All points of a field. */
export interface PointsPlan {
  readonly type: "points";
  readonly term: Term;
  readonly kind: Kind;
}

export interface TransformPlan {
  readonly type: "transformation";
  readonly fn: Transformation & Pick<InfluxqlFunction, "name">;
  readonly args: readonly Argument[];
  /** A duration that was written. */
  readonly unitNs: bigint | undefined;
  readonly input: CallPlan;
  /** It needs a bucket before the range for the first row. */
  readonly reachesBack: boolean;
  readonly kind: Kind;
}

export type CallPlan = LeafPlan | PointsPlan | TransformPlan;

export interface OutputColumn {
  readonly name: string;
  /** As it is written; empty: none. */
  readonly alias: string;
  readonly expr: Expr;
  /** Undefined: nothing is known by its names. */
  readonly kind: Kind | undefined;
}

export interface SelectPlan {
  readonly compiled: CompiledSelect;
  readonly columns: readonly OutputColumn[];
  /** Calls by their text; undefined stands for those over names that there are not. */
  readonly calls: ReadonlyMap<string, CallPlan | undefined>;
  /** What stands outside of calls, by key. */
  readonly terms: ReadonlyMap<string, Term | undefined>;
  /** The only call picks points, whose times its rows keep. */
  readonly keepsTimes: boolean;
  /** Columns that INTO writes as tags: those that top and bottom were given. */
  readonly writtenTags: readonly number[];
  /** Tags of GROUP BY. */
  readonly dimensions: readonly string[];
  readonly sources: readonly SeriesSource[];
}

/** Transformations that reach no bucket back. */
const FORWARD: readonly string[] = ["cumulative_sum", "holt_winters", "holt_winters_with_fit"];

export async function planSelect(
  compiled: CompiledSelect,
  sources: readonly SeriesSource[],
  pauses: Pauses,
): Promise<SelectPlan> {
  const schema = new SelectSchema(sources);
  const { fields, dimensions } = await expand(compiled, schema, pauses);
  const calls = new Map<string, CallPlan | undefined>();
  const terms = new Map<string, Term | undefined>();
  for (const { expr } of fields) {
    visitTerms(expr, (term) => {
      if (term.kind === "reference") terms.set(keyOf(term), termOf(term, schema));
      else calls.set(printExpression(term), callOf(term, schema));
    });
  }
  const names = columnNames(fields);
  const [only] = [...calls.values()];
  const typing: Typing = { calls, terms };
  return {
    compiled,
    columns: fields.map(({ expr, alias }, at) => ({
      name: names[at]!,
      alias,
      expr,
      kind: kindOf(expr, typing),
    })),
    calls,
    terms,
    keepsTimes: calls.size === 1 && only?.type === "leaf" && isPicking(only.name),
    writtenTags: compiled.statement.into === undefined || only?.type !== "leaf"
      ? []
      : only.tags.map((_, at) => at + 1),
    dimensions,
    sources,
  };
}

/** What stands outside of calls. */
export function termsOf({ terms }: SelectPlan, from: "field" | "tag"): Term[] {
  return [...terms.values()].filter((term) => term?.origin.from === from) as Term[];
}

export function keyOf({ name, cast }: Expr & { kind: "reference" }): string {
  return `${cast ?? ""}:${name}`;
}

function termOf(reference: Expr & { kind: "reference" }, schema: SelectSchema): Term | undefined {
  const { name, cast } = reference;
  const origin = schema.originOf(name, cast);
  return origin === undefined ? undefined : { key: keyOf(reference), name, origin };
}

function callOf(call: Call, schema: SelectSchema): CallPlan | undefined {
  const isDistinctCount = call.name === "count" && call.args[0]?.kind === "call";
  const fn = influxqlFunction(isDistinctCount ? "count_distinct" : call.name);
  if (fn === undefined) throw new StatementError(`unsupported call: ${call.name}`);
  const argument = isDistinctCount ? (call.args[0] as Call).args[0]! : call.args[0]!;
  const args = call.args.slice(1).flatMap(argumentOf);
  if (fn.type === "transformation") {
    const input = inputOf(argument, schema);
    if (input === undefined) return undefined;
    refuseKind(call.name, fn, input.kind);
    const unit = call.args[1];
    return {
      type: "transformation",
      fn,
      args,
      unitNs: unit?.kind === "duration" ? unit.ns : undefined,
      input,
      reachesBack: !FORWARD.includes(call.name),
      kind: fn.kindOf(input.kind),
    };
  }
  const term = argument.kind === "reference" ? termOf(argument, schema) : undefined;
  if (term === undefined) return undefined;
  const { kind, from } = term.origin;
  if (from === "tag" && !fn.accepts.has(kind)) return undefined;
  refuseKind(call.name, fn, kind);
  return {
    type: "leaf",
    fn,
    name: call.name,
    term,
    args,
    tags: isTopOrBottom(call.name) ? call.args.slice(1, -1).flatMap(nameOf) : [],
    kind: fn.type === "aggregate" ? fn.kindOf(kind) : kind,
  };
}

function inputOf(argument: Expr, schema: SelectSchema): CallPlan | undefined {
  if (argument.kind === "call") return callOf(argument, schema);
  const term = argument.kind === "reference" ? termOf(argument, schema) : undefined;
  return term === undefined ? undefined : { type: "points", term, kind: term.origin.kind };
}

function refuseKind(name: string, fn: InfluxqlFunction, kind: Kind): void {
  if (fn.accepts.has(kind)) return;
  throw new StatementError(`unsupported ${name} iterator type: *query.${kind}InterruptIterator`);
}

function argumentOf(expr: Expr): Argument[] {
  switch (expr.kind) {
    case "number":
    case "string":
      return [expr.value];
    case "integer":
      return [narrow(expr.value)];
    case "duration":
      return [expr.ns];
    default:
      return [];
  }
}

function nameOf(expr: Expr): string[] {
  return expr.kind === "reference" ? [expr.name] : [];
}

interface Typing {
  readonly calls: ReadonlyMap<string, CallPlan | undefined>;
  readonly terms: ReadonlyMap<string, Term | undefined>;
}

/** The kind of what an expression gives. Throws for operands that do not fit. */
function kindOf(expr: Expr, typing: Typing): Kind | undefined {
  switch (expr.kind) {
    case "reference":
      return typing.terms.get(keyOf(expr))?.origin.kind;
    case "call":
      return isMathFunction(expr.name)
        ? mathKind(expr, typing)
        : typing.calls.get(printExpression(expr))?.kind;
    case "parentheses":
      return kindOf(expr.inner, typing);
    case "binary":
      return binaryKind(expr.op, kindOf(expr.left, typing), kindOf(expr.right, typing));
    case "number":
      return "float";
    case "integer":
      return expr.value >= 2n ** 63n ? "unsigned" : "integer";
    case "duration":
      return "integer";
    case "string":
    case "boolean":
      return expr.kind;
    default:
      return undefined;
  }
}

function mathKind({ name, args }: Call, typing: Typing): Kind | undefined {
  const kinds = args.map((each) => kindOf(each, typing));
  kinds.forEach((kind, at) => {
    if (kind === undefined || isNumeric(kind)) return;
    const place = at === 0 ? "first" : "second";
    throw new StatementError(
      `invalid argument type for the ${place} argument in ${name}(): ${kind}`,
    );
  });
  const [first] = kinds;
  if (first === undefined) return undefined;
  return ["abs", "ceil", "floor", "round"].includes(name) ? first : "float";
}

function binaryKind(op: string, left: Kind | undefined, right: Kind | undefined): Kind | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  const isBitwise = op === "&" || op === "|" || op === "^";
  if (isBitwise && left === "boolean" && right === "boolean") return "boolean";
  const isFloat = left === "float" || right === "float";
  if (!isNumeric(left) || !isNumeric(right) || (isBitwise && isFloat)) {
    throw new StatementError(`incompatible types for operator ${op}: ${left} and ${right}`);
  }
  if (op === "/" || isFloat) return "float";
  return left === "unsigned" || right === "unsigned" ? "unsigned" : "integer";
}
