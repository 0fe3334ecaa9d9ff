/** Expressions: operators by precedence, calls, names with casts, literals. */
import type {
  ArithmeticOperator,
  Binary,
  Call,
  Cast,
  ComparisonOperator,
  Expr,
  LogicalOperator,
  Wildcard,
} from "./ast.ts";
import { SyntaxFailure } from "../values/result.ts";
import type { TokenStream } from "./token_stream.ts";

type Operator = ArithmeticOperator | ComparisonOperator | LogicalOperator;

/** Operators by how tightly they bind, loosest first. */
const PRECEDENCE: readonly (readonly Operator[])[] = [
  ["or"],
  ["and"],
  ["=", "!=", "=~", "!~", "<", "<=", ">", ">="],
  ["+", "-", "|", "^"],
  ["*", "/", "%", "&"],
];
const CASTS = ["float", "integer", "unsigned", "string", "boolean", "field", "tag"] as const;
const INT64_MAX = (1n << 63n) - 1n;
const UINT64_MAX = (1n << 64n) - 1n;
/** Names of a path: database, policy, measurement. */
const SEGMENTS_MAX = 3;

export function parseExpression(tokens: TokenStream): Expr {
  tokens.enter();
  const result = parseLevel(tokens, 0);
  tokens.leave();
  return result;
}

function parseLevel(tokens: TokenStream, level: number): Expr {
  const operators = PRECEDENCE[level];
  if (operators === undefined) return parseUnary(tokens);
  let left = parseLevel(tokens, level + 1);
  const chain = [left];
  let depth = 0;
  for (;;) {
    const op = operatorOf(tokens);
    if (op === undefined || !operators.includes(op)) break;
    tokens.take();
    const right = op === "=~" || op === "!~" ? expectRegex(tokens) : parseLevel(tokens, level + 1);
    if (op === "and" || op === "or") chain.push(right);
    else {
      tokens.enter();
      depth++;
      left = { kind: "binary", op, left, right };
    }
  }
  for (; depth > 0; depth--) tokens.leave();
  return chain.length > 1 ? balanced(operators[0] as LogicalOperator, chain) : left;
}

/** Long lists of alternatives are common; as a balanced tree they are not deep. */
function balanced(op: LogicalOperator, parts: readonly Expr[]): Expr {
  if (parts.length === 1) return parts[0]!;
  const half = parts.length >> 1;
  const left = balanced(op, parts.slice(0, half));
  return { kind: "binary", op, left, right: balanced(op, parts.slice(half)) };
}

function operatorOf(tokens: TokenStream): Operator | undefined {
  const { kind, text } = tokens.current;
  if (kind === "keyword") return text === "AND" ? "and" : text === "OR" ? "or" : undefined;
  return kind === "symbol" ? text as Operator : undefined;
}

function expectRegex(tokens: TokenStream): Expr {
  const regex = tokens.takeRegex();
  if (regex === undefined) throw tokens.unexpected("regex");
  return regex;
}

function parseUnary(tokens: TokenStream): Expr {
  const { kind, text } = tokens.current;
  switch (kind) {
    case "word":
      return parseName(tokens);
    case "string":
      tokens.take();
      return { kind: "string", value: text };
    case "number":
      tokens.take();
      return { kind: "number", value: Number(text) };
    case "integer":
      return parseInteger(tokens);
    case "duration":
      return { kind: "duration", ns: tokens.durationOf(tokens.take()) };
    case "regex":
      return tokens.takeRegex()!;
    case "parameter":
      throw new SyntaxFailure(text === "" ? "empty bound parameter" : `missing parameter: ${text}`);
    case "keyword":
      if (text === "TRUE" || text === "FALSE") {
        tokens.take();
        return { kind: "boolean", value: text === "TRUE" };
      }
      if (text === "DISTINCT") return parseDistinct(tokens);
      break;
    case "symbol":
      if (text === "(") return parseParentheses(tokens);
      if (text === "*") return parseWildcard(tokens);
      if (text === "+" || text === "-") return parseSign(tokens);
      if (text === "/") return tokens.takeRegex()!;
      break;
    case "illegal":
    case "end":
  }
  throw tokens.unexpected("identifier", "string", "number", "bool");
}

function parseParentheses(tokens: TokenStream): Expr {
  tokens.expectSymbol("(");
  const inner = parseExpression(tokens);
  tokens.expectSymbol(")");
  return { kind: "parentheses", inner };
}

function parseInteger(tokens: TokenStream): Expr {
  const token = tokens.take();
  const value = BigInt(token.text);
  if (value > UINT64_MAX) throw tokens.failure("unable to parse integer", token);
  return { kind: "integer", value };
}

function parseWildcard(tokens: TokenStream): Wildcard {
  tokens.take();
  if (!tokens.isSymbolAdjacent("::")) return { kind: "wildcard", of: "all" };
  tokens.take();
  if (tokens.takeKeyword("FIELD")) return { kind: "wildcard", of: "field" };
  if (tokens.takeKeyword("TAG")) return { kind: "wildcard", of: "tag" };
  throw tokens.unexpected("field", "tag");
}

/** A sign: part of a literal, a factor of all else. */
function parseSign(tokens: TokenStream): Expr {
  const negative = tokens.take().text === "-";
  const { kind } = tokens.current;
  const fits = kind === "number" || kind === "integer" || kind === "duration" || kind === "word";
  if (!fits && !tokens.isSymbol("(")) {
    throw tokens.unexpected("identifier", "number", "duration", "(");
  }
  const operand = parseUnary(tokens);
  switch (operand.kind) {
    case "number":
      return negative ? { kind: "number", value: -operand.value } : operand;
    case "integer":
      if (!negative) return operand;
      if (operand.value > INT64_MAX + 1n) {
        throw new SyntaxFailure(`constant -${operand.value} underflows int64`);
      }
      return { kind: "integer", value: -operand.value };
    case "duration":
      return negative ? { kind: "duration", ns: -operand.ns } : operand;
    default: {
      const factor: Expr = { kind: "integer", value: negative ? -1n : 1n };
      return { kind: "binary", op: "*", left: factor, right: operand } satisfies Binary;
    }
  }
}

/** `distinct(x)`, or `distinct x`. */
function parseDistinct(tokens: TokenStream): Expr {
  tokens.take();
  if (tokens.isSymbolAdjacent("(")) return parseCall(tokens, "distinct");
  if (!tokens.current.spaced) throw tokens.unexpected("(", "identifier");
  const name = tokens.expectName();
  return { kind: "call", name: "distinct", args: [{ kind: "reference", name, cast: undefined }] };
}

/** A call, where a parenthesis follows at once; else a column. */
function parseName(tokens: TokenStream): Expr {
  const first = tokens.current;
  const segments = parseSegments(tokens);
  if (segments.length === 1 && tokens.isSymbolAdjacent("(")) return parseCall(tokens, first.text);
  let cast: Cast | undefined;
  if (tokens.isSymbolAdjacent("::")) {
    tokens.take();
    const type = tokens.current.text.toLowerCase();
    const known = CASTS.find((each) => each === type);
    if (known === undefined || tokens.current.spaced) throw tokens.unexpected(...CASTS);
    tokens.take();
    cast = known;
  }
  return { kind: "reference", name: segments.join("."), cast };
}

function parseCall(tokens: TokenStream, name: string): Call {
  tokens.enter();
  tokens.expectSymbol("(");
  const args: Expr[] = [];
  if (!tokens.isSymbol(")")) {
    do {
      args.push(tokens.takeRegex() ?? parseExpression(tokens));
    } while (tokens.takeSymbol(","));
  }
  tokens.expectSymbol(")");
  tokens.leave();
  return { kind: "call", name: name.toLowerCase(), args };
}

/**
 * Names joined by dots; an empty one stands between two dots. Ends before a dot that a slash or a colon follows: then the
 * dot is taken and the caller goes on.
 */
export function parseSegments(tokens: TokenStream): string[] {
  const first = tokens.current;
  const segments = [tokens.expectName()];
  while (tokens.isSymbolAdjacent(".")) {
    tokens.take();
    if (!tokens.current.spaced) {
      if (tokens.isSymbol("/") || tokens.isSymbol(":") || tokens.isSymbol("::")) break;
      if (tokens.isSymbol(".")) {
        segments.push("");
        continue;
      }
    }
    segments.push(tokens.expectName());
  }
  if (segments.length > SEGMENTS_MAX) {
    const names = segments.map((each) => JSON.stringify(each)).join(".");
    throw tokens.failure(`too many segments in ${names}`, { ...first, at: 0 });
  }
  return segments;
}
