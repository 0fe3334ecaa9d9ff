/**
 * The tree of an InfluxQL query, as the parser leaves it: statements of what was written, nothing looked up.
 *
 * Invariants
 * - Bind parameters are replaced by their values; keywords and function names are in lower case.
 * - Depth is bounded by `EXPRESSION_DEPTH_MAX` and `SUBQUERY_DEPTH_MAX`, so recursion over a tree is safe.
 */

/** What a `::` behind a name asks for. */
export type Cast = "float" | "integer" | "unsigned" | "string" | "boolean" | "tag" | "field";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "&" | "|" | "^";
export type ComparisonOperator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~";
export type LogicalOperator = "and" | "or";

export type Expr =
  | Reference
  | Wildcard
  | RegexLiteral
  | NumberLiteral
  | IntegerLiteral
  | StringLiteral
  | BooleanLiteral
  | DurationLiteral
  | Call
  | Binary
  | Parentheses;

/** A field, tag or `time`. */
export interface Reference {
  readonly kind: "reference";
  readonly name: string;
  readonly cast: Cast | undefined;
}

/** `*`, `*::field` or `*::tag`. */
export interface Wildcard {
  readonly kind: "wildcard";
  readonly of: "all" | "field" | "tag";
}

/** RE2 syntax, without the slashes. */
export interface RegexLiteral {
  readonly kind: "regex";
  readonly pattern: string;
}

export interface NumberLiteral {
  readonly kind: "number";
  readonly value: number;
}

/** Whole numbers from -2^63 to 2^64 - 1. */
export interface IntegerLiteral {
  readonly kind: "integer";
  readonly value: bigint;
}

export interface StringLiteral {
  readonly kind: "string";
  readonly value: string;
}

export interface BooleanLiteral {
  readonly kind: "boolean";
  readonly value: boolean;
}

export interface DurationLiteral {
  readonly kind: "duration";
  readonly ns: bigint;
}

/** `count(distinct(x))` is a call in a call; `distinct x` is the call `distinct(x)`. */
export interface Call {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Expr[];
}

export interface Binary {
  readonly kind: "binary";
  readonly op: ArithmeticOperator | ComparisonOperator | LogicalOperator;
  readonly left: Expr;
  readonly right: Expr;
}

export interface Parentheses {
  readonly kind: "parentheses";
  readonly inner: Expr;
}

export interface Field {
  readonly expr: Expr;
  /** Empty: none. */
  readonly alias: string;
}

/** A measurement with what stands before it; `database` and `policy` are empty where nothing does. */
export interface MeasurementSource {
  readonly kind: "measurement";
  readonly database: string;
  readonly policy: string;
  /** A name, or a pattern that names match. */
  readonly name: string | RegexLiteral;
}

export interface SubquerySource {
  readonly kind: "subquery";
  readonly statement: SelectStatement;
}

export type Source = MeasurementSource | SubquerySource;

/** GROUP BY: a bucket of time, a tag, `*`, or a pattern that names of tags match. */
export type Dimension =
  | { readonly kind: "time"; readonly every: bigint; readonly offset: bigint | "now" }
  | { readonly kind: "tag"; readonly name: string }
  | Wildcard
  | RegexLiteral
  /** What InfluxDB finds wrong only when it runs the statement: `reason` is the statement's error. */
  | { readonly kind: "invalid"; readonly reason: string };

export type Fill =
  | { readonly kind: "null" | "none" | "previous" | "linear" }
  | { readonly kind: "number"; readonly value: number | bigint };

/** INTO; `name` is undefined for `:MEASUREMENT`. */
export interface Target {
  readonly database: string;
  readonly policy: string;
  readonly name: string | undefined;
}

/** Counts from 0; 0 limits nothing. */
export interface Limits {
  readonly limit: number;
  readonly offset: number;
}

export interface SelectStatement {
  readonly kind: "select";
  readonly fields: readonly Field[];
  readonly into: Target | undefined;
  readonly sources: readonly Source[];
  readonly where: Expr | undefined;
  readonly dimensions: readonly Dimension[];
  /** Undefined: none written, which is `null`. */
  readonly fill: Fill | undefined;
  readonly descending: boolean;
  readonly rows: Limits;
  readonly series: Limits;
  /** IANA name; undefined: UTC. */
  readonly zone: string | undefined;
}

export interface ExplainStatement {
  readonly kind: "explain";
  readonly analyze: boolean;
  readonly statement: SelectStatement;
}

/** SHOW MEASUREMENTS, TAG KEYS, TAG VALUES, FIELD KEYS, SERIES and their cardinalities. */
export interface ShowSchemaStatement {
  readonly kind: "show_schema";
  readonly of: "measurements" | "tag_keys" | "tag_values" | "field_keys" | "series";
  /** Undefined: the names themselves. */
  readonly cardinality: "estimated" | "exact" | undefined;
  /** ON; empty: the request's database. */
  readonly database: string;
  /** FROM, or WITH MEASUREMENT. */
  readonly sources: readonly Source[];
  /** WITH KEY: how names of tags compare with values; undefined: all. */
  readonly key: KeyCondition | undefined;
  readonly where: Expr | undefined;
  readonly dimensions: readonly Dimension[];
  readonly rows: Limits;
  readonly series: Limits;
}

export interface KeyCondition {
  /** `in` compares with each of the names. */
  readonly op: "=" | "!=" | "=~" | "!~" | "in";
  /** Names, or one pattern for `=~` and `!~`. */
  readonly values: readonly string[];
}

/** Durations in nanoseconds, 0 for ever; undefined: not named. */
export interface PolicySpecification {
  readonly durationNs: bigint | undefined;
  readonly replication: number | undefined;
  readonly shardNs: bigint | undefined;
  readonly isDefault: boolean;
}

/** Which privilege a grant gives. */
export type Privilege = "read" | "write" | "all";

export type Statement =
  | SelectStatement
  | ExplainStatement
  | ShowSchemaStatement
  | {
    readonly kind: "show";
    readonly of:
      | "databases"
      | "users"
      | "queries"
      | "shards"
      | "shard_groups"
      | "diagnostics"
      | "stats"
      | "continuous_queries"
      | "subscriptions";
  }
  | { readonly kind: "show_policies"; readonly database: string }
  | { readonly kind: "show_grants"; readonly user: string }
  | {
    readonly kind: "create_database";
    readonly name: string;
    /** Of WITH; undefined: nothing is said of a policy. */
    readonly policy: (PolicySpecification & { readonly name: string }) | undefined;
  }
  | { readonly kind: "drop_database"; readonly name: string }
  | {
    readonly kind: "create_policy" | "alter_policy";
    readonly name: string;
    readonly database: string;
    readonly policy: PolicySpecification;
  }
  | { readonly kind: "drop_policy"; readonly name: string; readonly database: string }
  | { readonly kind: "drop_measurement"; readonly name: string }
  | {
    /** DROP SERIES hides all times of what is selected, DELETE those of the condition. */
    readonly kind: "drop_series" | "delete";
    readonly sources: readonly Source[];
    readonly where: Expr | undefined;
  }
  | { readonly kind: "drop_shard"; readonly id: bigint }
  | {
    readonly kind: "create_user";
    readonly name: string;
    readonly password: string;
    readonly admin: boolean;
  }
  | { readonly kind: "set_password"; readonly name: string; readonly password: string }
  | { readonly kind: "drop_user"; readonly name: string }
  | {
    readonly kind: "grant" | "revoke";
    readonly privilege: Privilege;
    /** Empty: on everything, which makes or unmakes an administrator. */
    readonly database: string;
    readonly user: string;
  }
  | { readonly kind: "kill_query"; readonly id: bigint }
  | {
    readonly kind: "create_continuous_query";
    readonly name: string;
    readonly database: string;
    readonly everyNs: bigint;
    readonly forNs: bigint;
    readonly statement: SelectStatement;
    /** The text as it was written, for SHOW. */
    readonly text: string;
  }
  | { readonly kind: "drop_continuous_query"; readonly name: string; readonly database: string }
  | { readonly kind: "create_subscription" | "drop_subscription" };

/** Deepest nesting of an expression, and of subqueries. */
export const EXPRESSION_DEPTH_MAX = 250;
export const SUBQUERY_DEPTH_MAX = 10;
