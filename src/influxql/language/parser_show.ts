/** SHOW, behind its first word. */
import type { Expr, KeyCondition, Limits, ShowSchemaStatement, Source, Statement } from "./ast.ts";
import {
  parseDimensions,
  parseLimits,
  parseOrder,
  parseSource,
  parseSources,
  parseWhere,
} from "./parser_select.ts";
import type { TokenStream } from "./token_stream.ts";

type Of = ShowSchemaStatement["of"];
type Cardinality = ShowSchemaStatement["cardinality"];

const SHOWN: readonly string[] = (
  "CONTINUOUS DATABASES DIAGNOSTICS FIELD GRANTS MEASUREMENT MEASUREMENTS QUERIES RETENTION SERIES SHARD SHARDS STATS " +
  "SUBSCRIPTIONS TAG USERS"
).split(" ");
const NO_LIMITS: Limits = { limit: 0, offset: 0 };

export function parseShow(tokens: TokenStream): Statement {
  const { kind, text } = tokens.current;
  if (kind !== "keyword" || !SHOWN.includes(text)) throw tokens.unexpected(...SHOWN);
  tokens.take();
  switch (text) {
    case "CONTINUOUS":
      tokens.expectKeywords("QUERIES");
      return { kind: "show", of: "continuous_queries" };
    case "SHARD":
      tokens.expectKeywords("GROUPS");
      return { kind: "show", of: "shard_groups" };
    case "GRANTS":
      tokens.expectKeywords("FOR");
      return { kind: "show_grants", user: tokens.expectName() };
    case "RETENTION":
      tokens.expectKeywords("POLICIES");
      return { kind: "show_policies", database: parseOn(tokens) };
    case "STATS":
    case "DIAGNOSTICS":
      if (tokens.takeKeyword("FOR")) tokens.expectString();
      return { kind: "show", of: text === "STATS" ? "stats" : "diagnostics" };
    case "DATABASES":
    case "QUERIES":
    case "SHARDS":
    case "SUBSCRIPTIONS":
    case "USERS":
      return { kind: "show", of: text.toLowerCase() as "databases" };
    default:
      return parseShowSchema(tokens, text);
  }
}

function parseShowSchema(tokens: TokenStream, first: string): ShowSchemaStatement {
  switch (first) {
    case "MEASUREMENT":
      return parseCardinality(tokens, "measurements", expectCardinality(tokens));
    case "MEASUREMENTS":
      return parseMeasurements(tokens);
    case "SERIES": {
      const cardinality = takeCardinality(tokens);
      if (cardinality !== undefined) return parseCardinality(tokens, "series", cardinality);
      return parseNames(tokens, "series");
    }
    case "FIELD":
      if (tokens.takeKeyword("KEY")) {
        return parseCardinality(tokens, "field_keys", expectCardinality(tokens));
      }
      if (tokens.takeKeyword("KEYS")) return parseNames(tokens, "field_keys");
      throw tokens.unexpected("KEY", "KEYS");
    default:
      if (tokens.takeKeyword("KEY")) {
        return parseCardinality(tokens, "tag_keys", expectCardinality(tokens));
      }
      if (tokens.takeKeyword("KEYS")) return parseNames(tokens, "tag_keys");
      if (!tokens.takeKeyword("VALUES")) throw tokens.unexpected("KEY", "KEYS", "VALUES");
      return parseTagValues(tokens);
  }
}

function takeCardinality(tokens: TokenStream): Cardinality {
  if (tokens.takeKeyword("EXACT")) {
    tokens.expectKeywords("CARDINALITY");
    return "exact";
  }
  return tokens.takeKeyword("CARDINALITY") ? "estimated" : undefined;
}

function expectCardinality(tokens: TokenStream): Cardinality {
  const cardinality = takeCardinality(tokens);
  if (cardinality === undefined) throw tokens.unexpected("EXACT", "CARDINALITY");
  return cardinality;
}

function parseOn(tokens: TokenStream): string {
  return tokens.takeKeyword("ON") ? tokens.expectName() : "";
}

function parseFrom(tokens: TokenStream): Source[] {
  return tokens.takeKeyword("FROM") ? parseSources(tokens, false) : [];
}

function parseMeasurements(tokens: TokenStream): ShowSchemaStatement {
  const database = parseOn(tokens);
  const sources: Source[] = [];
  if (tokens.takeKeyword("WITH")) {
    tokens.expectKeywords("MEASUREMENT");
    if (!tokens.takeSymbol("=") && !tokens.takeSymbol("=~")) throw tokens.unexpected("=", "=~");
    sources.push(parseSource(tokens, false));
  }
  return finish(tokens, { of: "measurements", database, sources });
}

/** SERIES, TAG KEYS, FIELD KEYS. */
function parseNames(tokens: TokenStream, of: Of): ShowSchemaStatement {
  const database = parseOn(tokens);
  const sources = parseFrom(tokens);
  const key = of === "tag_keys" && tokens.isKeyword("WITH") ? parseKey(tokens) : undefined;
  return finish(tokens, { of, database, sources, key });
}

function parseTagValues(tokens: TokenStream): ShowSchemaStatement {
  const cardinality = takeCardinality(tokens);
  if (cardinality !== undefined) return parseCardinality(tokens, "tag_values", cardinality);
  const database = parseOn(tokens);
  const sources = parseFrom(tokens);
  return finish(tokens, { of: "tag_values", database, sources, key: parseKey(tokens) });
}

interface Begun {
  readonly of: Of;
  readonly database: string;
  readonly sources: readonly Source[];
  readonly key?: KeyCondition | undefined;
}

/** The clauses behind FROM and WITH. */
function finish(tokens: TokenStream, { of, database, sources, key }: Begun): ShowSchemaStatement {
  const where = of === "field_keys" ? undefined : parseWhere(tokens);
  parseOrder(tokens);
  const rows = parseLimits(tokens, "LIMIT", "OFFSET");
  const series = of === "tag_keys" ? parseLimits(tokens, "SLIMIT", "SOFFSET") : NO_LIMITS;
  return {
    kind: "show_schema",
    of,
    cardinality: undefined,
    database,
    sources,
    key,
    where,
    dimensions: [],
    rows,
    series,
  };
}

function parseCardinality(
  tokens: TokenStream,
  of: Of,
  cardinality: Cardinality,
): ShowSchemaStatement {
  const database = parseOn(tokens);
  const sources = parseFrom(tokens);
  const key = of === "tag_values" ? parseKey(tokens) : undefined;
  const where: Expr | undefined = parseWhere(tokens);
  const dimensions = parseDimensions(tokens);
  const rows = parseLimits(tokens, "LIMIT", "OFFSET");
  return {
    kind: "show_schema",
    of,
    cardinality,
    database,
    sources,
    key,
    where,
    dimensions,
    rows,
    series: NO_LIMITS,
  };
}

/** WITH KEY. */
function parseKey(tokens: TokenStream): KeyCondition {
  tokens.expectKeywords("WITH", "KEY");
  if (tokens.takeKeyword("IN")) {
    tokens.expectSymbol("(");
    const values: string[] = [];
    do values.push(tokens.expectName()); while (tokens.takeSymbol(","));
    tokens.expectSymbol(")");
    return { op: "in", values };
  }
  for (const op of ["=", "!="] as const) {
    if (tokens.takeSymbol(op)) return { op, values: [tokens.expectName()] };
  }
  for (const op of ["=~", "!~"] as const) {
    if (!tokens.takeSymbol(op)) continue;
    const regex = tokens.takeRegex();
    if (regex === undefined) throw tokens.unexpected("regex");
    return { op, values: [regex.pattern] };
  }
  throw tokens.unexpected("IN", "=", "=~");
}
