/** Names, label matchers and label lists. */
import type { VectorSelector } from "./ast.ts";
import type { LabelMatcher, MatchOperator } from "./queryable.ts";
import { LABEL_MATCHING, type TokenStream } from "./token_stream.ts";
import { isIdentifier, quote } from "./strings.ts";

/** The label that carries the metric name. */
const METRIC_NAME = "__name__";
const MATCH_OPERATORS: ReadonlySet<string> = new Set(["=", "!=", "=~", "!~"]);

/** `name{matchers}`, `name` or `{matchers}`; modifiers follow elsewhere. */
export function parseSelector(tokens: TokenStream): VectorSelector {
  const start = tokens.current.start;
  const name = tokens.current.kind === "word" ? tokens.take().text : undefined;
  const matchers: LabelMatcher[] = [];
  if (name !== undefined) matchers.push({ name: METRIC_NAME, operator: "=", value: name });
  const set = tokens.isSymbol("{") ? parseMatchers(tokens, name, matchers) : name;
  if (set !== undefined) {
    let isNamed = false;
    for (const matcher of matchers) {
      if (matcher.name !== METRIC_NAME) continue;
      // One of them is the name itself.
      if (isNamed || matcher.value !== set) {
        throw nameTwice(tokens, { start, name: set, other: matcher.value });
      }
      isNamed = true;
    }
  }
  return {
    kind: "vector_selector",
    type: "vector",
    name,
    matchers,
    offset: undefined,
    at: undefined,
    modifier: undefined,
    position: { start, end: tokens.lastEnd },
  };
}

/**
 * Fills `matchers`, with a quoted string by itself as `__name__=`. The result is the name in that string, or the
 * one given before the braces.
 */
function parseMatchers(
  tokens: TokenStream,
  given: string | undefined,
  matchers: LabelMatcher[],
): string | undefined {
  const place = LABEL_MATCHING;
  let name = given;
  tokens.take();
  while (!tokens.isSymbol("}")) {
    const { kind, start } = tokens.current;
    if (kind === "end") throw tokens.error(tokens.current, "unexpected end of input inside braces");
    if (kind !== "word" && kind !== "string") throw tokens.unexpected(place, 'identifier or "}"');
    const label = tokens.take().text;
    if (kind === "string" && (tokens.isSymbol(",") || tokens.isSymbol("}"))) {
      if (name !== undefined) throw nameTwice(tokens, { start, name, other: label });
      name = label;
      matchers.push({ name: METRIC_NAME, operator: "=", value: name });
    } else {
      matchers.push(parseMatcher(tokens, label));
    }
    if (!tokens.takeSymbol(",") && !tokens.isSymbol("}")) {
      if (tokens.current.kind === "end") {
        throw tokens.error(tokens.current, "unexpected end of input inside braces");
      }
      throw tokens.unexpected(place, '"," or "}"');
    }
  }
  tokens.take();
  return name;
}

function parseMatcher(tokens: TokenStream, name: string): LabelMatcher {
  const { kind, text } = tokens.current;
  if (kind === "end") throw tokens.error(tokens.current, "unexpected end of input inside braces");
  if (kind !== "symbol" || !MATCH_OPERATORS.has(text)) {
    throw tokens.unexpected(LABEL_MATCHING, "label matching operator");
  }
  const operator = tokens.take().text as MatchOperator;
  if (tokens.isEnd) throw tokens.error(tokens.current, "unexpected end of input inside braces");
  if (tokens.current.kind !== "string") throw tokens.unexpected(LABEL_MATCHING, "string");
  return { name, operator, value: tokens.take().text };
}

function nameTwice(
  tokens: TokenStream,
  names: { readonly start: number; readonly name: string; readonly other: string },
): Error {
  const position = { start: names.start, end: tokens.lastEnd };
  const both = `${JSON.stringify(names.name)} or ${JSON.stringify(names.other)}`;
  return tokens.error(position, `metric name must not be set twice: ${both}`);
}

/** `(a, "b c", ...)` with an optional comma at the end; each name once, in the order written. */
export function parseLabelList(tokens: TokenStream): string[] {
  const place = "grouping opts";
  const labels = new Set<string>();
  tokens.expectSymbol("(", place);
  while (!tokens.isSymbol(")")) {
    const { kind, text } = tokens.current;
    if (kind === "string" && (text === "" || !text.isWellFormed())) {
      throw tokens.error(tokens.current, `invalid label name for grouping: ${quote(text)}`);
    }
    if (kind !== "string" && (kind !== "word" || !isIdentifier(text))) {
      throw tokens.unexpected(place, "label");
    }
    labels.add(tokens.take().text);
    if (!tokens.takeSymbol(",") && !tokens.isSymbol(")")) {
      throw tokens.unexpected(place, '"," or ")"');
    }
  }
  tokens.take();
  return [...labels];
}
