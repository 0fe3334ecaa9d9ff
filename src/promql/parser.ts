/**
 * From the text of a query to its tree.
 *
 * A descent over the grammar with precedence climbing for binary operators. `parseQuery` gives only trees that passed
 * the type check. The first error ends parsing; its message has line, column and what was found.
 *
 * Precedence, high to low: postfix modifiers; `^` (right-associative); unary sign; `* / % atan2`; `+ -`; comparisons
 * and trims; `and unless`; `or`.
 */
import type {
  Aggregation,
  AggregationOperator,
  BinaryExpr,
  BinaryOperator,
  Call,
  Expr,
  MatrixSelector,
  NumberLiteral,
  Subquery,
  UnaryExpr,
  VectorMatching,
} from "./ast.ts";
import { parseAt, parseOffset, parsePositiveDuration } from "./duration_parser.ts";
import { parseLabelList, parseSelector } from "./selector_parser.ts";
import { functionSignature } from "./signatures.ts";
import { TokenStream } from "./token_stream.ts";
import type { SyntaxOptions } from "./type_check.ts";
import { checkTypes } from "./type_check.ts";

const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  ["or", 1],
  ["and", 2],
  ["unless", 2],
  ...["==", "!=", "<", "<=", ">", ">=", "</", ">/"].map((symbol) => [symbol, 3] as const),
  ["+", 4],
  ["-", 4],
  ["*", 5],
  ["/", 5],
  ["%", 5],
  ["atan2", 5],
  ["^", 6],
]);
const POWER_PRECEDENCE = 6;
const SET_OPERATORS: ReadonlySet<string> = new Set(["and", "or", "unless"]);

/** Operators, and whether they take a parameter before the vector. */
const AGGREGATIONS: ReadonlyMap<string, boolean> = new Map([
  ...["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"].map(
    (name) => [name, false] as const,
  ),
  ...["quantile", "count_values", "topk", "bottomk", "limitk", "limit_ratio"].map(
    (name) => [name, true] as const,
  ),
]);

/** Words that never name a metric outside braces, in any case. */
const RESERVED: ReadonlySet<string> = new Set([
  "bool",
  "on",
  "ignoring",
  "group_left",
  "group_right",
  "atan2",
]);
/** Keywords that name a metric, but no function. */
const NO_FUNCTIONS: ReadonlySet<string> = new Set([
  "by",
  "without",
  "offset",
  "anchored",
  "smoothed",
  "and",
  "or",
  "unless",
]);
/** Functions that are keywords and so may be spelled in any case. */
const KEYWORD_FUNCTIONS: ReadonlySet<string> = new Set([
  "start",
  "end",
  "step",
  "range",
  "min_of",
  "max_of",
]);

/** Parses and type-checks a query. Throws a `ParseError`. */
export function parseQuery(query: string, options: SyntaxOptions = {}): Expr {
  const tokens = new TokenStream(query);
  if (tokens.isEnd) throw tokens.error({ start: 0, end: 0 }, "no expression found in input");
  const expr = parseExpr(tokens, 1);
  if (!tokens.isEnd) throw tokens.unexpected();
  checkTypes(query, expr, options);
  return expr;
}

function parseExpr(tokens: TokenStream, minimum: number): Expr {
  tokens.enter();
  let left = parseUnary(tokens);
  for (;;) {
    const { kind, text } = tokens.current;
    if (kind !== "symbol" && kind !== "word") break;
    const precedence = PRECEDENCE.get(kind === "word" ? text.toLowerCase() : text);
    if (precedence === undefined || precedence < minimum) break;
    left = parseBinary(tokens, left, precedence);
  }
  tokens.leave();
  return left;
}

function parseUnary(tokens: TokenStream): Expr {
  const token = tokens.current;
  const isSign = token.kind === "symbol" && (token.text === "+" || token.text === "-");
  if (!isSign) return parsePostfix(tokens);
  tokens.take();
  const expr = parseExpr(tokens, POWER_PRECEDENCE);
  const position = { start: token.start, end: expr.position.end };
  const operator = token.text as "+" | "-";
  if (expr.kind === "number" && !expr.isDuration) {
    return { ...expr, value: operator === "-" ? -expr.value : expr.value, position };
  }
  return { kind: "unary", type: expr.type, operator, expr, position } satisfies UnaryExpr;
}

function parseBinary(tokens: TokenStream, left: Expr, precedence: number): BinaryExpr {
  const operator = tokens.take().text.toLowerCase() as BinaryOperator;
  let bool = false;
  if (tokens.isWord("bool")) {
    tokens.take();
    bool = true;
  }
  const written = parseMatching(tokens, operator);
  const right = parseExpr(tokens, operator === "^" ? precedence : precedence + 1);
  const vectors = left.type === "vector" && right.type === "vector";
  const matching = written ?? (vectors ? defaultMatching(operator) : undefined);
  const position = { start: left.position.start, end: right.position.end };
  const type = left.type === "scalar" && right.type === "scalar" ? "scalar" : "vector";
  return { kind: "binary", type, operator, left, right, bool, matching, position };
}

function defaultMatching(operator: BinaryOperator): VectorMatching {
  return {
    cardinality: SET_OPERATORS.has(operator) ? "many-to-many" : "one-to-one",
    on: false,
    labels: [],
    include: [],
    fillLeft: undefined,
    fillRight: undefined,
  };
}

/** The clauses between operator and right operand; undefined when there are none. */
function parseMatching(tokens: TokenStream, operator: BinaryOperator): VectorMatching | undefined {
  let { cardinality, on, labels, include, fillLeft, fillRight } = defaultMatching(operator);
  let written = false;
  if (tokens.isWord("on") || tokens.isWord("ignoring")) {
    written = true;
    on = tokens.take().text.toLowerCase() === "on";
    labels = parseLabelList(tokens);
    const group = tokens.isWord("group_left")
      ? "many-to-one"
      : tokens.isWord("group_right")
      ? "one-to-many"
      : undefined;
    if (group !== undefined) {
      const start = tokens.take().start;
      cardinality = group;
      if (tokens.isSymbol("(")) include = parseLabelList(tokens);
      if (SET_OPERATORS.has(operator)) {
        const position = { start, end: tokens.lastEnd };
        throw tokens.error(
          position,
          `no grouping allowed for ${JSON.stringify(operator)} operation`,
        );
      }
    }
  }
  for (;;) {
    const word = tokens.current.kind === "word" ? tokens.current.text.toLowerCase() : "";
    if (word !== "fill" && word !== "fill_left" && word !== "fill_right") break;
    if (!tokens.isSymbolAhead("(")) break;
    const taken = (word !== "fill_right" && fillLeft !== undefined) ||
      (word !== "fill_left" && fillRight !== undefined);
    if (taken) throw tokens.unexpected("fill modifiers");
    written = true;
    const value = parseFill(tokens);
    if (word !== "fill_right") fillLeft = value;
    if (word !== "fill_left") fillRight = value;
  }
  return written ? { cardinality, on, labels, include, fillLeft, fillRight } : undefined;
}

function parseFill(tokens: TokenStream): number {
  tokens.take();
  tokens.expectSymbol("(", "fill modifier");
  const sign = tokens.isSymbol("+") || tokens.isSymbol("-") ? tokens.take().text : "+";
  if (tokens.current.kind !== "number") throw tokens.unexpected("fill modifier", "number");
  const { value } = tokens.take();
  tokens.expectSymbol(")", "fill modifier");
  return sign === "-" ? -value : value;
}

/** A primary expression and all that may follow it: ranges, subqueries, `offset`, `@`, `anchored`, `smoothed`. */
function parsePostfix(tokens: TokenStream): Expr {
  let expr = parsePrimary(tokens);
  let levels = 0;
  for (;;) {
    const { kind, text } = tokens.current;
    if (kind === "symbol" && text === "[") {
      tokens.enter();
      levels++;
      expr = parseRange(tokens, expr);
    } else if (kind === "symbol" && text === "@") {
      expr = parseShift(tokens, expr);
    } else if (kind !== "word") {
      break;
    } else if (tokens.isWord("offset")) {
      expr = parseShift(tokens, expr);
    } else if (tokens.isWord("anchored") || tokens.isWord("smoothed")) {
      expr = parseExtended(tokens, expr);
    } else {
      break;
    }
  }
  for (; levels > 0; levels--) tokens.leave();
  return expr;
}

function parseRange(tokens: TokenStream, expr: Expr): MatrixSelector | Subquery {
  const bracket = tokens.take();
  const range = parsePositiveDuration(tokens, "range");
  if (tokens.takeSymbol(":")) {
    const step = tokens.isSymbol("]") ? undefined : parsePositiveDuration(tokens, "step");
    tokens.expectSymbol("]", "subquery selector");
    const position = { start: expr.position.start, end: tokens.lastEnd };
    const type = "matrix";
    return {
      kind: "subquery",
      type,
      expr,
      range,
      step,
      offset: undefined,
      at: undefined,
      position,
    };
  }
  if (!tokens.takeSymbol("]")) throw tokens.unexpected("subquery or range", '":" or "]"');
  const brackets = { start: bracket.start, end: tokens.lastEnd };
  if (expr.kind !== "vector_selector") {
    throw tokens.error(brackets, "ranges only allowed for vector selectors");
  }
  if (expr.offset !== undefined) {
    throw tokens.error(brackets, "no offset modifiers allowed before range");
  }
  if (expr.at !== undefined) throw tokens.error(brackets, "no @ modifiers allowed before range");
  const position = { start: expr.position.start, end: tokens.lastEnd };
  return { kind: "matrix_selector", type: "matrix", selector: expr, range, position };
}

/** `offset` and `@`; in a matrix selector they belong to the selector inside. */
function parseShift(tokens: TokenStream, expr: Expr): Expr {
  const isOffset = tokens.take().text !== "@";
  const name = isOffset ? "offset" : "@";
  const shift = isOffset ? { offset: parseOffset(tokens) } : { at: parseAt(tokens, expr.position) };
  const position = { start: expr.position.start, end: tokens.lastEnd };
  const target = expr.kind === "matrix_selector" ? expr.selector : expr;
  if (target.kind !== "vector_selector" && target.kind !== "subquery") {
    throw tokens.error(
      position,
      `${name} modifier must be preceded by an instant vector selector or range vector selector or a subquery`,
    );
  }
  const present = isOffset ? target.offset : target.at;
  if (present !== undefined) {
    const written = isOffset ? name : "@ <timestamp>";
    throw tokens.error(position, `${written} may not be set multiple times`);
  }
  const shifted = { ...target, ...shift };
  if (expr.kind === "matrix_selector" && shifted.kind === "vector_selector") {
    return { ...expr, selector: shifted, position };
  }
  return { ...shifted, position };
}

function parseExtended(tokens: TokenStream, expr: Expr): Expr {
  const modifier = tokens.take().text.toLowerCase() as "anchored" | "smoothed";
  const position = { start: expr.position.start, end: tokens.lastEnd };
  const selector = expr.kind === "matrix_selector" ? expr.selector : expr;
  if (selector.kind !== "vector_selector") {
    const reason = selector.kind === "subquery"
      ? "is not supported for subqueries"
      : "not implemented";
    throw tokens.error(position, `${modifier} modifier ${reason}`);
  }
  if (selector.modifier !== undefined && selector.modifier !== modifier) {
    throw tokens.error(position, "anchored and smoothed modifiers cannot be used together");
  }
  if (expr.kind === "matrix_selector") {
    return { ...expr, selector: { ...selector, modifier }, position };
  }
  return { ...selector, modifier, position };
}

function parsePrimary(tokens: TokenStream): Expr {
  const { kind, text, start, end } = tokens.current;
  switch (kind) {
    case "number":
      return parseNumber(tokens);
    case "string":
      tokens.take();
      return { kind: "string", type: "string", value: text, position: { start, end } };
    case "word":
      return parseWord(tokens);
    case "symbol":
      if (text === "{") return parseSelector(tokens);
      if (text === "(") return parseParen(tokens);
      break;
  }
  throw tokens.unexpected();
}

function parseNumber(tokens: TokenStream): NumberLiteral {
  const { value, isDuration, start, end } = tokens.take();
  return { kind: "number", type: "scalar", value, isDuration, position: { start, end } };
}

function parseParen(tokens: TokenStream): Expr {
  const { start } = tokens.take();
  const expr = parseExpr(tokens, 1);
  closeParen(tokens);
  const position = { start, end: tokens.lastEnd };
  return { kind: "paren", type: expr.type, expr, position };
}

function closeParen(tokens: TokenStream): void {
  if (!tokens.takeSymbol(")")) throw tokens.unexpected();
}

/** An aggregation, a call, or a selector that begins with a name. */
function parseWord(tokens: TokenStream): Expr {
  const { text } = tokens.current;
  const lower = text.toLowerCase();
  const called = tokens.isSymbolAhead("(");
  if (AGGREGATIONS.has(lower) && (called || isGroupingWord(tokens.ahead.text))) {
    return parseAggregation(tokens, lower as AggregationOperator);
  }
  if (RESERVED.has(lower)) throw tokens.unexpected();
  if (called && !NO_FUNCTIONS.has(lower) && !text.includes(":")) {
    return parseCall(tokens, KEYWORD_FUNCTIONS.has(lower) ? lower : text);
  }
  return parseSelector(tokens);
}

function isGroupingWord(text: string): boolean {
  return /^(?:by|without)$/i.test(text);
}

function parseCall(tokens: TokenStream, name: string): Call {
  const word = tokens.take();
  const signature = functionSignature(name);
  const args = parseArguments(tokens);
  if (signature === undefined) {
    throw tokens.error(word, `unknown function with name ${JSON.stringify(name)}`);
  }
  const position = { start: word.start, end: tokens.lastEnd };
  return { kind: "call", type: signature.returns, signature, args, position };
}

function parseArguments(tokens: TokenStream): Expr[] {
  const args: Expr[] = [];
  tokens.take();
  if (tokens.takeSymbol(")")) return args;
  for (;;) {
    args.push(parseExpr(tokens, 1));
    if (!tokens.isSymbol(",")) break;
    const comma = tokens.take();
    if (!beginsExpr(tokens) && !tokens.isEnd) {
      throw tokens.error(comma, "trailing commas not allowed in function call args");
    }
  }
  closeParen(tokens);
  return args;
}

/** Whether an expression may begin with the current token. */
function beginsExpr({ current: { kind, text } }: TokenStream): boolean {
  if (kind === "symbol") return /^[-+({]$/.test(text);
  return kind === "word" ? !RESERVED.has(text.toLowerCase()) : kind !== "end";
}

function parseAggregation(tokens: TokenStream, operator: AggregationOperator): Aggregation {
  const { start } = tokens.take();
  const { place } = tokens;
  tokens.place = "aggregation";
  let grouping = parseGrouping(tokens);
  if (!tokens.isSymbol("(")) throw tokens.unexpected();
  const args = parseArguments(tokens);
  tokens.place = place;
  grouping ??= parseGrouping(tokens);
  const position = { start, end: tokens.lastEnd };
  const wanted = AGGREGATIONS.get(operator) ? 2 : 1;
  if (args.length === 0) {
    throw tokens.error(position, "no arguments for aggregate expression provided");
  }
  if (args.length !== wanted) {
    throw tokens.error(
      position,
      `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
    );
  }
  return {
    kind: "aggregation",
    type: "vector",
    operator,
    expr: args[wanted - 1]!,
    param: wanted === 2 ? args[0] : undefined,
    labels: grouping?.labels ?? [],
    without: grouping?.without ?? false,
    position,
  };
}

function parseGrouping(
  tokens: TokenStream,
): { readonly labels: readonly string[]; readonly without: boolean } | undefined {
  if (!tokens.isWord("by") && !tokens.isWord("without")) return undefined;
  const without = tokens.take().text.toLowerCase() === "without";
  return { labels: parseLabelList(tokens), without };
}
