/** One continuous query: how it is kept, when it runs, and over which times. */
import type {
  Expr,
  MeasurementSource,
  SelectStatement,
  Source,
  Statement,
} from "../language/ast.ts";
import type { Catalog, StatementContext } from "../context.ts";
import { parseInfluxql } from "../language/parser.ts";
import { notFound } from "../catalog/policies.ts";
import { printContinuousQuery } from "../language/printer.ts";
import { StatementError } from "../values/result.ts";
import { splitCondition } from "../expressions/time_range.ts";
import { Windows } from "../values/windows.ts";
import { zoneOf } from "../values/zones.ts";

type Of<Kind extends Statement["kind"]> = Statement & { readonly kind: Kind };
type Created = Of<"create_continuous_query">;

/** Runs that were missed are made up for by one that reaches back, so far at most. */
const RUNS_MADE_UP_MAX = 100n;

/** Keeps a query with the full names of what it reads and writes: what it means does not change with a default policy. */
export function createContinuousQuery(
  catalog: Catalog,
  statement: Created,
  context: Pick<StatementContext, "database">,
): void {
  const known = catalog.database(statement.database);
  if (known === undefined) throw notFound(statement.database);
  const database = context.database || statement.database;
  const qualified = { ...statement, statement: qualify(statement.statement, catalog, database) };
  const text = printContinuousQuery(qualified);
  const there = known.queries.find(([name]) => name === statement.name);
  if (there === undefined) {
    catalog.put({ ...known, queries: [...known.queries, [statement.name, text]] });
  } else if (there[1].toLowerCase() !== text.toLowerCase()) {
    throw new StatementError("continuous query already exists");
  }
}

/** What is not there is dropped already. */
export function dropContinuousQuery(
  catalog: Catalog,
  { name, database }: Of<"drop_continuous_query">,
): void {
  const known = catalog.database(database);
  if (known?.queries.some(([each]) => each === name) !== true) return;
  catalog.put({ ...known, queries: known.queries.filter(([each]) => each !== name) });
}

function qualify(statement: SelectStatement, catalog: Catalog, database: string): SelectStatement {
  const named = <Each extends { readonly database: string; readonly policy: string }>(
    each: Each,
  ): Each => {
    const name = each.database || database;
    const known = catalog.database(name);
    if (known === undefined) throw notFound(name);
    const policy = each.policy || known.defaultPolicy;
    if (!known.policies.some((there) => there.name === policy)) {
      throw new StatementError(`retention policy not found: ${name}.${policy}`);
    }
    return { ...each, database: name, policy };
  };
  const source = (each: Source): Source =>
    each.kind === "subquery"
      ? { ...each, statement: qualify(each.statement, catalog, database) }
      : named<MeasurementSource>(each);
  return {
    ...statement,
    into: statement.into === undefined ? undefined : named(statement.into),
    sources: statement.sources.map(source),
  };
}

/** Times from `startNs` on, before `endNs`. */
export interface RunRange {
  readonly startNs: bigint;
  readonly endNs: bigint;
}

export class ContinuousQuery {
  readonly database: string;
  readonly name: string;
  readonly text: string;
  readonly #statement: SelectStatement;
  readonly #runs: Windows;
  readonly #buckets: Windows;
  /** How far back a run reaches. */
  readonly #forNs: bigint;

  /** From the text that is kept. Throws a SyntaxFailure or StatementError for one that cannot run. */
  constructor(database: string, text: string) {
    const [query] = parseInfluxql(text);
    if (query?.kind !== "create_continuous_query") {
      throw new StatementError("not a continuous query");
    }
    const { statement, everyNs, forNs } = query;
    const time = statement.dimensions.find((each) => each.kind === "time");
    if (time?.kind !== "time" || time.every <= 0n) {
      throw new StatementError("continuous queries must be aggregate queries");
    }
    this.database = database;
    this.name = query.name;
    this.text = text;
    this.#statement = statement;
    const offset = time.offset === "now" ? 0n : time.offset;
    const zone = statement.zone === undefined ? undefined : zoneOf(statement.zone);
    const runsEvery = everyNs || time.every;
    this.#runs = new Windows({ every: runsEvery, offset, zone });
    this.#buckets = new Windows({ every: time.every, offset, zone });
    this.#forNs = forNs || (runsEvery > time.every ? runsEvery : time.every);
  }

  /** The last time at or before this one at which it was to run. */
  lastRun(nowNs: bigint): bigint {
    return this.#runs.startOf(nowNs);
  }

  nextRun(lastNs: bigint): bigint {
    return this.#runs.next(lastNs);
  }

  /** What a run covers, together with those after `reachedNs` that were missed; undefined where that is no whole bucket. */
  rangeOf(reachedNs: bigint, nowNs: bigint): RunRange | undefined {
    const { every } = this.#buckets;
    const last = this.lastRun(nowNs);
    const oldest = last - RUNS_MADE_UP_MAX * this.#runs.every;
    const first = this.nextRun(reachedNs > oldest ? reachedNs : oldest);
    // With RESAMPLE EVERY below the interval, the bucket that has begun is computed as well.
    const ahead = this.#runs.every < every ? every - this.#runs.every : 0n;
    const startNs = this.#buckets.startOf(first + every - this.#forNs - 1n);
    const endNs = this.#buckets.startOf(last + ahead);
    return startNs < endNs ? { startNs, endNs } : undefined;
  }

  /** The statement over a range of time, in place of what it says of time itself. */
  statementFor({ startNs, endNs }: RunRange, nowNs: bigint): SelectStatement {
    const { where } = this.#statement;
    const { condition } = splitCondition(where, { nowNs, zone: undefined });
    const range = both(compare(">=", startNs), compare("<", endNs));
    const whole = condition === undefined
      ? range
      : both({ kind: "parentheses", inner: condition }, range);
    return { ...this.#statement, where: whole };
  }
}

function compare(op: ">=" | "<", value: bigint): Expr {
  const time: Expr = { kind: "reference", name: "time", cast: undefined };
  return { kind: "binary", op, left: time, right: { kind: "integer", value } };
}

function both(left: Expr, right: Expr): Expr {
  return { kind: "binary", op: "and", left, right };
}
