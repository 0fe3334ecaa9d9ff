/** Parses InfluxQL: statements, separated by semicolons. */
import type { Call, Expr, SelectStatement, Statement } from "./ast.ts";
import { type BindParameters, NO_PARAMETERS } from "./bind_parameters.ts";
import { formatGoDuration } from "./durations.ts";
import {
  parseAlterPolicy,
  parseCreateDatabase,
  parseCreatePolicy,
  parseCreateUser,
  parseGrant,
  parseKill,
  parseNameOn,
  parseRemoval,
  parseSetPassword,
  parseSubscription,
} from "./parser_changes.ts";
import { parseSelect } from "./parser_select.ts";
import { parseShow } from "./parser_show.ts";
import { printContinuousQuery } from "./printer.ts";
import { SyntaxFailure } from "../values/result.ts";
import { TokenStream } from "./token_stream.ts";

const STATEMENTS: readonly string[] = [
  "SELECT",
  "DELETE",
  "SHOW",
  "CREATE",
  "DROP",
  "EXPLAIN",
  "GRANT",
  "REVOKE",
  "ALTER",
  "SET",
  "KILL",
];
const CREATED: readonly string[] = ["CONTINUOUS", "DATABASE", "USER", "RETENTION", "SUBSCRIPTION"];
const DROPPED: readonly string[] = [
  "CONTINUOUS",
  "DATABASE",
  "MEASUREMENT",
  "RETENTION",
  "SERIES",
  "SHARD",
  "SUBSCRIPTION",
  "USER",
];

/** The statements of a query. Throws a SyntaxFailure. */
export function parseInfluxql(
  text: string,
  parameters: BindParameters = NO_PARAMETERS,
): Statement[] {
  const tokens = new TokenStream(text, parameters);
  const statements: Statement[] = [];
  let isSeparated = true;
  while (tokens.current.kind !== "end") {
    if (tokens.takeSymbol(";")) {
      isSeparated = true;
      continue;
    }
    if (!isSeparated) throw tokens.unexpected(";");
    statements.push(parseStatement(tokens));
    isSeparated = false;
  }
  return statements;
}

/** The keyword that is next, which is one of those. */
function takeOneOf(tokens: TokenStream, keywords: readonly string[]): string {
  const { kind, text } = tokens.current;
  if (kind !== "keyword" || !keywords.includes(text)) throw tokens.unexpected(...keywords);
  return tokens.take().text;
}

function parseStatement(tokens: TokenStream): Statement {
  if (tokens.isKeyword("SELECT")) return parseSelect(tokens);
  switch (takeOneOf(tokens, STATEMENTS)) {
    case "DELETE":
      return parseRemoval(tokens, "delete");
    case "SHOW":
      return parseShow(tokens);
    case "CREATE":
      return parseCreate(tokens);
    case "DROP":
      return parseDrop(tokens);
    case "EXPLAIN": {
      const analyze = tokens.takeKeyword("ANALYZE");
      return { kind: "explain", analyze, statement: parseSelect(tokens) };
    }
    case "GRANT":
      return parseGrant(tokens, "grant");
    case "REVOKE":
      return parseGrant(tokens, "revoke");
    case "ALTER":
      return parseAlterPolicy(tokens);
    case "SET":
      return parseSetPassword(tokens);
    default:
      return parseKill(tokens);
  }
}

function parseCreate(tokens: TokenStream): Statement {
  switch (takeOneOf(tokens, CREATED)) {
    case "CONTINUOUS":
      tokens.expectKeywords("QUERY");
      return parseContinuousQuery(tokens);
    case "DATABASE":
      return parseCreateDatabase(tokens);
    case "USER":
      return parseCreateUser(tokens);
    case "RETENTION":
      tokens.expectKeywords("POLICY");
      return parseCreatePolicy(tokens);
    default:
      return parseSubscription(tokens, "create_subscription");
  }
}

function parseDrop(tokens: TokenStream): Statement {
  switch (takeOneOf(tokens, DROPPED)) {
    case "CONTINUOUS":
      tokens.expectKeywords("QUERY");
      return { kind: "drop_continuous_query", ...parseNameOn(tokens) };
    case "DATABASE":
      return { kind: "drop_database", name: tokens.expectName() };
    case "MEASUREMENT":
      return { kind: "drop_measurement", name: tokens.expectName() };
    case "RETENTION":
      tokens.expectKeywords("POLICY");
      return { kind: "drop_policy", ...parseNameOn(tokens) };
    case "SERIES":
      return parseRemoval(tokens, "drop_series");
    case "SHARD":
      return { kind: "drop_shard", id: tokens.expectInteger() };
    case "SUBSCRIPTION":
      return parseSubscription(tokens, "drop_subscription");
    default:
      return { kind: "drop_user", name: tokens.expectName() };
  }
}

function parseContinuousQuery(tokens: TokenStream): Statement {
  const { name, database } = parseNameOn(tokens);
  let everyNs = 0n;
  let forNs = 0n;
  if (tokens.takeKeyword("RESAMPLE")) {
    if (!tokens.isKeyword("EVERY") && !tokens.isKeyword("FOR")) {
      throw tokens.unexpected("EVERY", "FOR");
    }
    if (tokens.takeKeyword("EVERY")) everyNs = tokens.expectDuration();
    if (tokens.takeKeyword("FOR")) forNs = tokens.expectDuration();
  }
  tokens.expectKeywords("BEGIN");
  const statement = parseSelect(tokens, "required");
  const intervalNs = intervalOf(statement);
  if (intervalNs === 0n) throw tokens.unexpectedToken(tokens.last, "GROUP BY time(...)");
  checkSpan(intervalNs ?? 0n, everyNs, forNs);
  tokens.expectKeywords("END");
  const query = { kind: "create_continuous_query" as const, name, database, everyNs, forNs };
  const text = printContinuousQuery({ ...query, statement, text: "" });
  return { ...query, statement, text };
}

/** The interval of a query that aggregates, 0 where it names none; undefined for any other, which InfluxDB keeps and never runs. */
function intervalOf({ fields, dimensions }: SelectStatement): bigint | undefined {
  if (!fields.some(({ expr }) => callIn(expr) !== undefined)) return undefined;
  const time = dimensions.find((each) => each.kind === "time");
  return time?.kind === "time" ? time.every : 0n;
}

/** A run looks back over one interval at least. */
function checkSpan(intervalNs: bigint, everyNs: bigint, forNs: bigint): void {
  const leastNs = everyNs > intervalNs ? everyNs : intervalNs;
  if (forNs === 0n || forNs >= leastNs) return;
  const least = formatGoDuration(leastNs);
  throw new SyntaxFailure(
    `FOR duration must be >= GROUP BY time duration: must be a minimum of ${least}, got ${
      formatGoDuration(forNs)
    }`,
  );
}

function callIn(expr: Expr): Call | undefined {
  switch (expr.kind) {
    case "call":
      return expr;
    case "binary":
      return callIn(expr.left) ?? callIn(expr.right);
    case "parentheses":
      return callIn(expr.inner);
    default:
      return undefined;
  }
}
