/** SELECT and the clauses that other statements share with it. */
import type {
  Call,
  Dimension,
  Expr,
  Field,
  Fill,
  Limits,
  SelectStatement,
  Source,
  Target,
} from "./ast.ts";
import { parseExpression, parseSegments } from "./parser_expressions.ts";
import { printExpression } from "./printer.ts";
import { SyntaxFailure } from "../values/result.ts";
import { parseTimeText } from "../values/time_text.ts";
import type { TokenStream } from "./token_stream.ts";

/** Whether INTO may, may not or must stand there. */
type Into = "optional" | "forbidden" | "required";

const CONDITION_OPERATORS: ReadonlySet<string> = new Set(
  ["=", "!=", "=~", "!~", "<", "<=", ">", ">=", "and", "or"],
);

/** SELECT is the current token. */
export function parseSelect(tokens: TokenStream, into: Into = "optional"): SelectStatement {
  tokens.expectKeywords("SELECT");
  const fields = parseFields(tokens);
  const target = parseTarget(tokens, into);
  tokens.expectKeywords("FROM");
  const sources = parseSources(tokens, true);
  const where = parseWhere(tokens);
  const dimensions = parseDimensions(tokens);
  const fill = parseFill(tokens);
  const descending = parseOrder(tokens);
  const rows = parseLimits(tokens, "LIMIT", "OFFSET");
  const series = parseLimits(tokens, "SLIMIT", "SOFFSET");
  const zone = parseZone(tokens);
  return {
    kind: "select",
    fields,
    into: target,
    sources,
    where,
    dimensions,
    fill,
    descending,
    rows,
    series,
    zone,
  };
}

function parseFields(tokens: TokenStream): Field[] {
  const fields: Field[] = [];
  do {
    const first = tokens.current;
    const expr = tokens.takeRegex() ?? parseExpression(tokens);
    const wrong = conditionIn(expr);
    if (wrong !== undefined) {
      const { message } = tokens.failure(`invalid operator ${wrong} in SELECT clause`, first);
      throw new SyntaxFailure(`${message}; operator is intended for WHERE clause`);
    }
    fields.push({ expr, alias: tokens.takeKeyword("AS") ? tokens.expectName() : "" });
  } while (tokens.takeSymbol(","));
  return fields;
}

/** The first operator that belongs into conditions. */
function conditionIn(expr: Expr): string | undefined {
  switch (expr.kind) {
    case "binary":
      if (CONDITION_OPERATORS.has(expr.op)) return expr.op.toUpperCase();
      return conditionIn(expr.left) ?? conditionIn(expr.right);
    case "parentheses":
      return conditionIn(expr.inner);
    case "call":
      for (const each of expr.args) {
        const wrong = conditionIn(each);
        if (wrong !== undefined) return wrong;
      }
  }
  return undefined;
}

function parseTarget(tokens: TokenStream, into: Into): Target | undefined {
  if (!tokens.isKeyword("INTO")) {
    if (into === "required") throw tokens.unexpected("INTO");
    return undefined;
  }
  if (into === "forbidden") throw tokens.unexpected("FROM");
  tokens.take();
  const segments = parseSegments(tokens);
  let name: string | undefined;
  if (segments.length < 3 && tokens.isSymbolAdjacent(":")) {
    tokens.take();
    tokens.expectKeywords("MEASUREMENT");
  } else name = segments.pop();
  const policy = segments.pop() ?? "";
  return { database: segments.pop() ?? "", policy, name };
}

export function parseSources(tokens: TokenStream, subqueries: boolean): Source[] {
  const sources: Source[] = [];
  do sources.push(parseSource(tokens, subqueries)); while (tokens.takeSymbol(","));
  return sources;
}

export function parseSource(tokens: TokenStream, subqueries: boolean): Source {
  const pattern = tokens.takeRegex();
  if (pattern !== undefined) {
    return { kind: "measurement", database: "", policy: "", name: pattern };
  }
  if (subqueries && tokens.takeSymbol("(")) {
    tokens.enterSubquery();
    const statement = parseSelect(tokens, "forbidden");
    tokens.leaveSubquery();
    tokens.expectSymbol(")");
    return { kind: "subquery", statement };
  }
  const segments = parseSegments(tokens);
  const isPath = segments.length < 3 && tokens.isSymbolAdjacent("/");
  const name = (isPath ? tokens.takeRegex() : undefined) ?? segments.pop()!;
  const policy = segments.pop() ?? "";
  return { kind: "measurement", database: segments.pop() ?? "", policy, name };
}

export function parseWhere(tokens: TokenStream): Expr | undefined {
  return tokens.takeKeyword("WHERE") ? parseExpression(tokens) : undefined;
}

export function parseDimensions(tokens: TokenStream): Dimension[] {
  const dimensions: Dimension[] = [];
  if (!tokens.takeKeyword("GROUP")) return dimensions;
  tokens.expectKeywords("BY");
  do {
    const expr = tokens.takeRegex() ?? parseExpression(tokens);
    dimensions.push(dimensionOf(expr));
  } while (tokens.takeSymbol(","));
  return dimensions;
}

function dimensionOf(expr: Expr): Dimension {
  switch (expr.kind) {
    case "regex":
    case "wildcard":
      return expr;
    case "reference":
      if (expr.name === "time") {
        return invalid("time() is a function and expects at least one argument");
      }
      return { kind: "tag", name: expr.name };
    case "call":
      return timeDimension(expr);
    default:
      return invalid("only time and tag dimensions allowed");
  }
}

function timeDimension({ name, args }: Call): Dimension {
  if (name !== "time") return invalid("only time() calls allowed in dimensions");
  const [every, offset] = args;
  if (every === undefined || args.length > 2) {
    return invalid("time dimension expected 1 or 2 arguments");
  }
  if (every.kind !== "duration") return invalid("time dimension must have duration argument");
  const kind = "time";
  if (offset === undefined) return { kind, every: every.ns, offset: 0n };
  if (offset.kind === "duration") return { kind, every: every.ns, offset: offset.ns };
  if (offset.kind === "call") {
    if (offset.name !== "now") return invalid("time dimension offset function must be now()");
    if (offset.args.length > 0) {
      return invalid("time dimension offset now() function requires no arguments");
    }
    return { kind, every: every.ns, offset: "now" };
  }
  const time = offset.kind === "string" ? parseTimeText(offset.value) : undefined;
  if (time === undefined) return invalid("time dimension offset must be duration or now()");
  return { kind, every: every.ns, offset: time.ns };
}

function invalid(reason: string): Dimension {
  return { kind: "invalid", reason };
}

function isCallOf(tokens: TokenStream, name: string): boolean {
  const { kind, text } = tokens.current;
  return kind === "word" && text.toLowerCase() === name;
}

function parseFill(tokens: TokenStream): Fill | undefined {
  if (!isCallOf(tokens, "fill")) return undefined;
  const call = parseExpression(tokens);
  if (call.kind !== "call") throw new SyntaxFailure("fill must be a function call");
  const [value] = call.args;
  if (value === undefined || call.args.length !== 1) {
    throw new SyntaxFailure("fill requires an argument, e.g.: 0, null, none, previous, linear");
  }
  if (value.kind === "integer" || value.kind === "number") {
    return { kind: "number", value: value.value };
  }
  const kind = printExpression(value);
  if (kind === "null" || kind === "none" || kind === "previous" || kind === "linear") {
    return { kind };
  }
  throw new SyntaxFailure("expected number argument in fill()");
}

/** Whether it goes from the last to the first. */
export function parseOrder(tokens: TokenStream): boolean {
  const unsupported = () => new SyntaxFailure("only ORDER BY time supported at this time");
  if (!tokens.takeKeyword("ORDER")) return false;
  tokens.expectKeywords("BY");
  const { kind, text } = tokens.current;
  if (kind === "word") {
    tokens.take();
    if (text !== "time") throw unsupported();
  } else if (!tokens.isKeyword("ASC") && !tokens.isKeyword("DESC")) {
    throw tokens.unexpected("identifier", "ASC", "DESC");
  }
  const descending = tokens.takeKeyword("DESC");
  if (!descending) tokens.takeKeyword("ASC");
  if (tokens.isSymbol(",")) throw unsupported();
  return descending;
}

export function parseLimits(tokens: TokenStream, limit: string, offset: string): Limits {
  return { limit: parseCount(tokens, limit), offset: parseCount(tokens, offset) };
}

function parseCount(tokens: TokenStream, keyword: string): number {
  if (!tokens.takeKeyword(keyword)) return 0;
  const token = tokens.current;
  const count = tokens.expectInteger();
  // Bound values may be negative; the text itself has a sign and a number as two tokens.
  if (count < 0n) throw tokens.failure(`${keyword} must be >= 0`, token);
  return Number(count);
}

function parseZone(tokens: TokenStream): string | undefined {
  if (!isCallOf(tokens, "tz")) return undefined;
  const call = parseExpression(tokens);
  if (call.kind !== "call") throw new SyntaxFailure("tz must be a function call");
  const [zone] = call.args;
  if (zone === undefined || call.args.length !== 1) {
    throw new SyntaxFailure("tz requires exactly one argument");
  }
  if (zone.kind !== "string") throw new SyntaxFailure("expected string argument in tz()");
  return zoneOf(zone.value);
}

/** The name, if the runtime knows it. */
function zoneOf(name: string): string {
  if (name === "") return "UTC";
  try {
    // Offsets are zones to the runtime, but no names of zones.
    if (/^[+-]/.test(name)) throw new RangeError(name);
    return new Intl.DateTimeFormat("en-US", { timeZone: name }) && name;
  } catch {
    throw new SyntaxFailure(`unable to find time zone ${name}`);
  }
}
