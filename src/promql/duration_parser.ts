/**
 * Ranges, steps, offsets and `@` times. Inside `[...]`, and after `offset` in parentheses, any expression over numbers,
 * durations, `step()`, `range()`, `min_of` and `max_of`; precedence as elsewhere in the language.
 */
import type { AtModifier, Duration, DurationBinary, DurationLiteral } from "./ast.ts";
import { DURATION_MS_MAX, DurationError, durationMs, isConstantDuration } from "./durations.ts";
import type { PositionRange } from "./errors.ts";
import { fixedNumber } from "./number_text.ts";
import type { TokenStream } from "./token_stream.ts";

const PRECEDENCE: Readonly<Record<string, number>> = {
  "+": 1,
  "-": 1,
  "*": 2,
  "/": 2,
  "%": 2,
  "^": 3,
};
const UNARY_PRECEDENCE = 3;

type DurationOperator = DurationBinary["operator"];

/** Where a duration stands, and what may stand there, as errors call it. */
interface Place {
  readonly name: string;
  readonly expected: string;
}

const PLACES = {
  range: { name: "subquery or range selector", expected: "number, duration, step(), or range()" },
  step: { name: "subquery selector", expected: 'number, duration, step(), range(), or "]"' },
  offset: { name: "offset", expected: "number, duration, step(), or range()" },
} as const satisfies Record<string, Place>;

/** A range or step: an expression whose value must be above zero. */
export function parsePositiveDuration(tokens: TokenStream, of: "range" | "step"): Duration {
  const duration = parseExpression(tokens, 1, PLACES[of]);
  const ms = checkedMs(tokens, duration);
  if (ms !== undefined && ms <= 0) {
    throw tokens.error(duration.position, "duration must be greater than 0");
  }
  return duration;
}

/** What follows `offset`: a signed duration, a signed function, or an expression in parentheses. */
export function parseOffset(tokens: TokenStream): Duration {
  const start = tokens.current.start;
  let offset: Duration;
  if (tokens.isSymbol("+") || tokens.isSymbol("-")) {
    const operator = tokens.take().text as "+" | "-";
    const operand = parsePrimary(tokens, PLACES.offset);
    offset = signed(operator, operand, start);
  } else {
    offset = parsePrimary(tokens, PLACES.offset);
  }
  checkedMs(tokens, offset);
  return offset;
}

/** What follows the `@` of an expression: a signed number of seconds, `start()` or `end()`. */
export function parseAt(tokens: TokenStream, position: PositionRange): AtModifier {
  for (const kind of ["start", "end"] as const) {
    if (tokens.isWord(kind)) {
      tokens.take();
      if (!tokens.takeSymbol("(") || !tokens.takeSymbol(")")) {
        throw tokens.unexpected("@", "timestamp");
      }
      return { kind };
    }
  }
  let sign = 1;
  if (tokens.isSymbol("+") || tokens.isSymbol("-")) sign = tokens.take().text === "-" ? -1 : 1;
  if (tokens.current.kind !== "number") throw tokens.unexpected("@", "timestamp");
  const seconds = sign * tokens.take().value;
  const ms = Math.round(seconds * 1000);
  if (!(Math.abs(ms) < 2 ** 63)) {
    throw tokens.error(
      position,
      `timestamp out of bounds for @ modifier: ${fixedNumber(seconds)}`,
    );
  }
  return { kind: "time", ms: ms === 0 ? 0 : ms };
}

/** Value of a constant duration; undefined when it depends on the evaluation. */
function checkedMs(tokens: TokenStream, duration: Duration): number | undefined {
  if (!isConstantDuration(duration)) return undefined;
  try {
    return durationMs(duration, { stepMs: 0, rangeMs: 0 });
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw tokens.error(error.duration.position, error.message);
  }
}

function parseExpression(tokens: TokenStream, minimum: number, place: Place): Duration {
  tokens.enter();
  let levels = 1;
  let left = parseUnary(tokens, place);
  for (;;) {
    const { kind, text } = tokens.current;
    const precedence = kind === "symbol" ? PRECEDENCE[text] : undefined;
    if (precedence === undefined || precedence < minimum) break;
    tokens.enter();
    levels++;
    const operator = tokens.take().text as DurationOperator;
    const right = parseExpression(tokens, operator === "^" ? precedence : precedence + 1, place);
    const position = { start: left.position.start, end: right.position.end };
    left = { kind: "binary", operator, left, right, position };
  }
  for (; levels > 0; levels--) tokens.leave();
  return left;
}

function parseUnary(tokens: TokenStream, place: Place): Duration {
  if (!tokens.isSymbol("+") && !tokens.isSymbol("-")) return parsePrimary(tokens, place);
  const token = tokens.take();
  const operand = parseExpression(tokens, UNARY_PRECEDENCE, place);
  return signed(token.text as "+" | "-", operand, token.start);
}

/** A sign before a literal becomes part of it. */
function signed(operator: "+" | "-", operand: Duration, start: number): Duration {
  const position = { start, end: operand.position.end };
  if (operand.kind !== "literal") return { kind: "unary", operator, operand, position };
  return { ...operand, seconds: operator === "-" ? -operand.seconds : operand.seconds, position };
}

function parsePrimary(tokens: TokenStream, place: Place): Duration {
  const { kind, start, text } = tokens.current;
  if (kind === "number") return parseLiteral(tokens);
  if (tokens.isSymbol("(")) {
    tokens.take();
    const operand = parseExpression(tokens, 1, place);
    expectSymbol(tokens, ")", place);
    return { kind: "paren", operand, position: { start, end: tokens.lastEnd } };
  }
  const word = kind === "word" ? text.toLowerCase() : "";
  switch (word) {
    case "step":
    case "range":
      tokens.take();
      expectSymbol(tokens, "(", place);
      expectSymbol(tokens, ")", place);
      return { kind: word, position: { start, end: tokens.lastEnd } };
    case "min_of":
    case "max_of": {
      tokens.take();
      expectSymbol(tokens, "(", place);
      const left = parseExpression(tokens, 1, place);
      expectSymbol(tokens, ",", place);
      const right = parseExpression(tokens, 1, place);
      expectSymbol(tokens, ")", place);
      const position = { start, end: tokens.lastEnd };
      return { kind: "binary", operator: word, left, right, position };
    }
  }
  throw tokens.unexpected(place.name, place.expected);
}

function expectSymbol(tokens: TokenStream, symbol: string, place: Place): void {
  if (!tokens.takeSymbol(symbol)) throw tokens.unexpected(place.name, place.expected);
}

function parseLiteral(tokens: TokenStream): DurationLiteral {
  const token = tokens.take();
  const position = { start: token.start, end: token.end };
  if (!(token.value * 1000 <= DURATION_MS_MAX)) {
    throw tokens.error(position, "duration out of range");
  }
  return { kind: "literal", seconds: token.value, isDuration: token.isDuration, position };
}
