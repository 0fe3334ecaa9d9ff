/**
 * Splits a query into tokens, one at a time, in time linear in its length.
 *
 * What a character means depends on the brackets around it: a colon is part of a metric name, but separates range and
 * step inside `[...]`; inside `{...}` all words, `inf` and `nan` too, are label names. What may not stand there at all is
 * an error here, before the parser sees it.
 */
import { ParseError } from "./errors.ts";
import { parseDuration } from "./durations.ts";
import { StringError, unquote } from "./strings.ts";

export type TokenKind =
  | "number" // `value` holds the number, or the seconds of a duration
  | "string" // `text` holds the decoded string
  | "word" // identifier, keyword or operator spelled with letters
  | "symbol"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As spelled; for strings decoded, for the end empty. */
  readonly text: string;
  readonly value: number;
  readonly isDuration: boolean;
  readonly start: number;
  readonly end: number;
}

const SPACE_AND_COMMENTS = /(?:[ \t\r\n]+|#[^\n]*)*/y;
const WORD = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const METRIC_WORD = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
/** The longest run that could be a number or a duration; what it is shows afterwards. */
const NUMBER_RUN =
  /(?:0[xX][0-9a-zA-Z_]*|[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?[0-9a-zA-Z_]*/y;
const HEXADECIMAL = /^0[xX](?:_?[0-9a-fA-F])+$/;
const DECIMAL =
  /^(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9]+)?$/;
const OCTAL = /^0(?:_?[0-7])+$/;
/** Two-character symbols first; a regular expression is matched inside braces only. */
const SYMBOL = /==|=(?!~)|!=|<=|<\/|>=|>\/|[-+*\/%^<>@,(){}[\]:]/y;
const SYMBOL_IN_BRACES = /=~|!=|!~|[=,}]/y;
const SYMBOL_IN_DURATION = /[-+*\/%^,()\]:]/y;
const WORD_IN_DURATION = /^(?:step|range|min_of|max_of)$/i;
/** A number and units, whatever their order. */
const UNITS = /^(?:0[xX][0-9a-fA-F_]*|[0-9._]+)[smhdwy]s?(?:[0-9]+[smhdw]s?)*$/;

/** What a character may begin; a colon is a symbol where it begins no word. Symbols of two characters are left out. */
const STARTS = startsOf({
  space: " \t\r\n#",
  word: "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
  digit: "0123456789",
  colon: ":",
  point: ".",
  quote: "\"'`",
  symbol: "-+*/%^,(){}[]@",
});

/** By character code. */
function startsOf<Start extends string>(
  characters: Readonly<Record<Start, string>>,
): readonly (Start | undefined)[] {
  const starts: (Start | undefined)[] = new Array(128).fill(undefined);
  for (const start in characters) {
    for (const character of characters[start]) starts[character.charCodeAt(0)] = start;
  }
  return starts;
}

/**
 * Queries that differ in a host alone come by the dozen, and after a start all of this runs uncompiled: a token costs as few
 * calls as may be.
 */
export class Lexer {
  readonly #query: string;
  #at = 0;
  #inBraces = false;
  #inBrackets = false;
  /** Inside brackets, and no number came yet. */
  #awaitsNumber = false;
  #hasColon = false;

  constructor(query: string) {
    this.#query = query;
  }

  /** The next token; "end" again and again after the last. Throws a ParseError. */
  next(): Token {
    const query = this.#query;
    let code = query.charCodeAt(this.#at);
    let start = STARTS[code];
    if (start === "space") {
      this.#at = matchEnd(SPACE_AND_COMMENTS, query, this.#at);
      code = query.charCodeAt(this.#at);
      start = STARTS[code];
    }
    switch (start) {
      case "word":
        return this.#word();
      case "symbol":
        return this.#symbol(this.#at + 1);
      case "quote":
        if (this.#awaitsNumber) throw this.#misplaced();
        return this.#string(query[this.#at]!);
      case "digit":
        return this.#number();
      case "colon":
        return this.#inBraces || this.#inBrackets ? this.#symbol(this.#at + 1) : this.#word();
      case "point":
        if (STARTS[query.charCodeAt(this.#at + 1)] === "digit") return this.#number();
    }
    if (this.#at >= query.length) return this.#token("end", "", this.#at);
    return this.#symbol(matchEnd(this.#inBraces ? SYMBOL_IN_BRACES : SYMBOL, query, this.#at));
  }

  #token(kind: TokenKind, text: string, end: number): Token {
    const start = this.#at;
    this.#at = end;
    return { kind, text, value: 0, isDuration: false, start, end };
  }

  #word(): Token {
    const end = matchEnd(
      this.#inBraces || this.#inBrackets ? WORD : METRIC_WORD,
      this.#query,
      this.#at,
    );
    const text = this.#query.slice(this.#at, end);
    if (this.#inBrackets && !WORD_IN_DURATION.test(text)) throw this.#misplaced();
    if (text.length === 3 && !this.#inBraces && /^(?:inf|nan)$/i.test(text)) {
      const value = text[0]!.toLowerCase() === "i" ? Infinity : NaN;
      return { ...this.#token("number", text, end), value };
    }
    return this.#token("word", text, end);
  }

  /** The symbol that ends there; no symbol where that is at once. */
  #symbol(end: number): Token {
    const query = this.#query;
    if (end === this.#at) throw this.#misplaced();
    if (this.#inBraces || this.#awaitsNumber) {
      const allowed = this.#inBraces ? SYMBOL_IN_BRACES : SYMBOL_IN_DURATION;
      if (matchEnd(allowed, query, this.#at) !== end) throw this.#misplaced();
    }
    const text = query.slice(this.#at, end);
    if (text === "{") {
      this.#inBraces = true;
    } else if (text === "}") {
      if (!this.#inBraces) throw this.#misplaced();
      this.#inBraces = false;
    } else if (text === "[") {
      if (this.#inBrackets) throw this.#error("unexpected left bracket '['", end);
      this.#inBrackets = true;
      this.#awaitsNumber = true;
      this.#hasColon = false;
    } else if (text === "]") {
      if (!this.#inBrackets) throw this.#error("unexpected right bracket ']'", end);
      this.#inBrackets = false;
      this.#awaitsNumber = false;
    } else if (text === ":") {
      if (this.#hasColon) throw this.#error("unexpected colon ':'", end);
      this.#hasColon = true;
    }
    return this.#token("symbol", text, end);
  }

  /** The error of a character where it may not stand. */
  #misplaced(): ParseError {
    const query = this.#query;
    const shown = (at: number) => {
      if (at >= query.length) return "'\ufffd'";
      const character = String.fromCodePoint(query.codePointAt(at)!);
      return /['\\]/.test(character) ? `'\\${character}'` : `'${character}'`;
    };
    const first = query[this.#at]!;
    const here = shown(this.#at);
    const place = this.#inBraces ? " inside braces" : "";
    let reason = `unexpected character${place}: ${here}`;
    if (this.#awaitsNumber) reason = `unexpected character in duration expression: ${here}`;
    else if (this.#inBrackets) reason = `unexpected character: ${here}, expected ':'`;
    else if (first === "{") reason = `unexpected left brace ${here}`;
    else if (first === "!" || first === "=") {
      reason = `unexpected character after ${here}${place}: ${shown(this.#at + 1)}`;
    }
    return this.#error(reason, this.#at + (query.codePointAt(this.#at)! > 0xffff ? 2 : 1));
  }

  #number(): Token {
    if (this.#inBraces) throw this.#misplaced();
    this.#awaitsNumber = false;
    const end = matchEnd(NUMBER_RUN, this.#query, this.#at);
    const text = this.#query.slice(this.#at, end);
    const value = parseNumber(text);
    if (value !== undefined) return { ...this.#token("number", text, end), value };
    const ms = text === "" ? undefined : parseDuration(text);
    if (ms === undefined) {
      const reason = /^(?:[0-9]+[a-z]+)+$/.test(text) && parseable(text)
        ? "duration out of range"
        : UNITS.test(text)
        ? `not a valid duration string: ${JSON.stringify(text)}`
        : `bad number or duration syntax: ${JSON.stringify(text)}`;
      throw this.#error(reason, end);
    }
    return { ...this.#token("number", text, end), value: ms / 1000, isDuration: true };
  }

  #string(quote: string): Token {
    const query = this.#query;
    const start = this.#at + 1;
    let end = query.indexOf(quote, start);
    if (end >= 0) {
      const plain = query.slice(start, end);
      if (quote === "`" || !/[\\\n]/.test(plain)) return this.#token("string", plain, end + 1);
    }
    end = start;
    for (; end < query.length; end++) {
      const character = query[end]!;
      if (character === quote) break;
      if (quote === "`") continue;
      if (character === "\\") end++;
      else if (character === "\n") break;
    }
    if (end >= query.length || query[end] !== quote) {
      const kind = quote === "`" ? "raw string" : "quoted string";
      throw this.#error(`unterminated ${kind}`, Math.min(end, query.length));
    }
    try {
      return this.#token("string", unquote(query, { start, end }), end + 1);
    } catch (error) {
      if (!(error instanceof StringError)) throw error;
      throw this.#error(error.message, end + 1);
    }
  }

  #error(reason: string, end: number): ParseError {
    return new ParseError(this.#query, { start: this.#at, end }, reason);
  }
}

/** Number of a literal without sign: decimal, hexadecimal, octal with a leading zero. */
export function parseNumber(text: string): number | undefined {
  if (HEXADECIMAL.test(text)) return Number(text.replaceAll("_", ""));
  if (!DECIMAL.test(text)) return undefined;
  const plain = text.replaceAll("_", "");
  return OCTAL.test(text) ? Number(`0o${plain}`) : Number(plain);
}

/** Whether the text has the form of a duration, however long. */
function parseable(text: string): boolean {
  return parseDuration(text.replace(/[0-9]+/g, "1")) !== undefined;
}

function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
