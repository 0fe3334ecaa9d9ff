/**
 * What the functions of InfluxQL are given and give. They work on columns, bucket by bucket; planning, time ranges, fill and
 * tags are their caller's.
 *
 * Invariants
 * - The column of an input holds no missing values; its times ascend, equal ones stay in the order of their series.
 * - Every bucket of an input has at least one row.
 */
import type { Pauses } from "../../slices.ts";
import type { Kind } from "../values/columns.ts";
import type { Instants } from "../values/instants.ts";
import type { Column } from "../values/result.ts";
import type { Points } from "../values/table.ts";
import type { Buckets } from "../values/windows.ts";

/** A literal behind the first argument: a number, a duration in nanoseconds, or a word. */
export type Argument = number | bigint | string;

export interface FunctionInput {
  readonly times: Instants;
  readonly column: Column;
  /** Without GROUP BY time one bucket holds all rows. */
  readonly buckets: Buckets;
  readonly args: readonly Argument[];
  /** Half-open bounds of bucket i in nanoseconds; undefined without GROUP BY time. */
  readonly spanOf:
    | ((bucket: number) => { readonly start: bigint; readonly end: bigint })
    | undefined;
  /** For top and bottom with tags: which combination of their values each row has. */
  readonly tagSets: Int32Array | undefined;
  /** Numbers in 0 <= x < 1. */
  readonly random: () => number;
}

/** One value for each bucket; a missing one is null in the answer. */
export interface Aggregate {
  readonly type: "aggregate";
  readonly accepts: ReadonlySet<Kind>;
  readonly kindOf: (kind: Kind) => Kind;
  readonly run: (input: FunctionInput) => Column;
}

/** One row of each bucket; -1: none. */
export interface Selector {
  readonly type: "selector";
  readonly accepts: ReadonlySet<Kind>;
  readonly run: (input: FunctionInput) => Int32Array;
}

/** Any number of rows of each bucket: rows[bounds[i]..bounds[i + 1]] are those of bucket i, in the order of the answer. */
export interface RowSelector {
  readonly type: "rows";
  readonly accepts: ReadonlySet<Kind>;
  readonly run: (input: FunctionInput) => Picked;
}

export interface Picked {
  readonly rows: Int32Array;
  readonly bounds: Int32Array;
}

export interface TransformInput {
  /** Values that are there, of raw rows or of an aggregate's buckets, in the order of the answer: times may descend. */
  readonly points: Points;
  readonly args: readonly Argument[];
  /** Nanoseconds, for derivatives: the unit written, else one second over raw rows and the bucket's length over an aggregate. */
  readonly unitNs: bigint;
  /** Length of a bucket of GROUP BY time; 0 without. */
  readonly everyNs: bigint;
}

/** New rows from the rows of a series; a value may be missing where it is not finite. */
export interface Transformation {
  readonly type: "transformation";
  readonly accepts: ReadonlySet<Kind>;
  readonly kindOf: (kind: Kind) => Kind;
  readonly run: (input: TransformInput) => Points;
  /** The same for what may take seconds; throws the signal's reason once it is aborted. */
  readonly runInSlices?: (
    input: TransformInput,
    running: { readonly pauses: Pauses; readonly signal: AbortSignal },
  ) => Promise<Points>;
}

export type InfluxqlFunction = (Aggregate | Selector | RowSelector | Transformation) & {
  readonly name: string;
  /** Arguments that it takes, the first one included. */
  readonly arity: { readonly min: number; readonly max: number };
};

export const ALL_KINDS: ReadonlySet<Kind> = new Set<Kind>([
  "float",
  "integer",
  "unsigned",
  "boolean",
  "string",
]);
export const NUMBERS: ReadonlySet<Kind> = new Set<Kind>(["float", "integer", "unsigned"]);
export const NUMBERS_AND_BOOLEANS: ReadonlySet<Kind> = new Set<Kind>([...NUMBERS, "boolean"]);

/** The kinds that functions give. */
export function toFloat(): Kind {
  return "float";
}

export function toInteger(): Kind {
  return "integer";
}

export function sameKind(kind: Kind): Kind {
  return kind;
}
