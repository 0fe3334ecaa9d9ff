/**
 * Ranges, steps, offsets and `@` times. Inside `[...]`, and after `offset` in parentheses, any expression over numbers,
 * durations, `step()`, `range()`, `min_of` and `max_of`; precedence as elsewhere in the language.
 */
import type { AtModifier, Duration, DurationBinary, DurationLiteral } from "./ast.ts";
import { DURATION_MS_MAX, DurationError, durationMs, isConstantDuration } from "./durations.ts";
import { fixedNumber } from "./number_text.ts";
import type { TokenStream } from "./token_stream.ts";

const PLACE = "duration expression";
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

/** A range or step: an expression whose value must be above zero. */
export function parsePositiveDuration(tokens: TokenStream): Duration {
  const duration = parseExpression(tokens, 1);
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
    const operand = parsePrimary(tokens, "offset");
    offset = signed(operator, operand, start);
  } else {
    offset = parsePrimary(tokens, "offset");
  }
  checkedMs(tokens, offset);
  return offset;
}

/** What follows `@`: a signed number of seconds, `start()` or `end()`. */
export function parseAt(tokens: TokenStream): AtModifier {
  for (const kind of ["start", "end"] as const) {
    if (tokens.isWord(kind)) {
      tokens.take();
      tokens.expectSymbol("(", "@ modifier");
      tokens.expectSymbol(")", "@ modifier");
      return { kind };
    }
  }
  const start = tokens.current.start;
  let sign = 1;
  if (tokens.isSymbol("+") || tokens.isSymbol("-")) sign = tokens.take().text === "-" ? -1 : 1;
  if (tokens.current.kind !== "number") throw tokens.unexpected("@ modifier", "timestamp");
  const seconds = sign * tokens.take().value;
  const ms = Math.round(seconds * 1000);
  if (!(Math.abs(ms) < 2 ** 63)) {
    throw tokens.error(
      { start, end: tokens.lastEnd },
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

function parseExpression(tokens: TokenStream, minimum: number): Duration {
  tokens.enter();
  let levels = 1;
  let left = parseUnary(tokens);
  for (;;) {
    const { kind, text } = tokens.current;
    const precedence = kind === "symbol" ? PRECEDENCE[text] : undefined;
    if (precedence === undefined || precedence < minimum) break;
    tokens.enter();
    levels++;
    const operator = tokens.take().text as DurationOperator;
    const right = parseExpression(tokens, operator === "^" ? precedence : precedence + 1);
    const position = { start: left.position.start, end: right.position.end };
    left = { kind: "binary", operator, left, right, position };
  }
  for (; levels > 0; levels--) tokens.leave();
  return left;
}

function parseUnary(tokens: TokenStream): Duration {
  if (!tokens.isSymbol("+") && !tokens.isSymbol("-")) return parsePrimary(tokens, PLACE);
  const token = tokens.take();
  const operand = parseExpression(tokens, UNARY_PRECEDENCE);
  return signed(token.text as "+" | "-", operand, token.start);
}

/** A sign before a literal becomes part of it. */
function signed(operator: "+" | "-", operand: Duration, start: number): Duration {
  const position = { start, end: operand.position.end };
  if (operand.kind !== "literal") return { kind: "unary", operator, operand, position };
  return { ...operand, seconds: operator === "-" ? -operand.seconds : operand.seconds, position };
}

function parsePrimary(tokens: TokenStream, place: string): Duration {
  const { kind, start, text } = tokens.current;
  if (kind === "number") return parseLiteral(tokens);
  if (tokens.isSymbol("(")) {
    tokens.take();
    const operand = parseExpression(tokens, 1);
    tokens.expectSymbol(")", place);
    return { kind: "paren", operand, position: { start, end: tokens.lastEnd } };
  }
  const word = kind === "word" ? text.toLowerCase() : "";
  switch (word) {
    case "step":
    case "range":
      tokens.take();
      tokens.expectSymbol("(", place);
      tokens.expectSymbol(")", place);
      return { kind: word, position: { start, end: tokens.lastEnd } };
    case "min_of":
    case "max_of": {
      tokens.take();
      tokens.expectSymbol("(", place);
      const left = parseExpression(tokens, 1);
      tokens.expectSymbol(",", place);
      const right = parseExpression(tokens, 1);
      tokens.expectSymbol(")", place);
      const position = { start, end: tokens.lastEnd };
      return { kind: "binary", operator: word, left, right, position };
    }
  }
  throw tokens.unexpected(place, "number, duration, step(), range(), min_of() or max_of()");
}

function parseLiteral(tokens: TokenStream): DurationLiteral {
  const token = tokens.take();
  const position = { start: token.start, end: token.end };
  if (!(token.value * 1000 <= DURATION_MS_MAX)) {
    throw tokens.error(position, "duration out of range");
  }
  return { kind: "literal", seconds: token.value, isDuration: token.isDuration, position };
}
