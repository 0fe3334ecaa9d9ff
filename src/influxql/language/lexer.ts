/**
 * Splits a query into tokens. What a slash begins, a division or a regular expression, only the parser knows: it asks for
 * the one or the other.
 *
 * Invariants
 * - Positions are those InfluxDB reports, oddities included: a string counts from the character before its quote, and the end
 *   of a text that ends in a word or a space lies one character further.
 */
import { SyntaxFailure } from "../values/result.ts";

export type TokenKind =
  | "word" // a name; `text` is decoded
  | "keyword" // `text` in upper case
  | "string" // `text` is decoded
  | "number" // with a decimal point
  | "integer"
  | "duration" // digits and letters; whether they make a duration shows when it is read
  | "regex" // `text` is the pattern
  | "parameter" // `text` is the name, without the dollar sign
  | "symbol"
  | "illegal"
  | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Where it begins, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Where InfluxDB says that it is. */
  readonly at: number;
  /** Spaces or a comment stand before it. */
  readonly spaced: boolean;
}

const KEYWORDS: ReadonlySet<string> = new Set(
  ("ALL ALTER ANALYZE AND ANY AS ASC BEGIN BY CARDINALITY CONTINUOUS CREATE DATABASE DATABASES DEFAULT DELETE DESC " +
    "DESTINATIONS DIAGNOSTICS DISTINCT DROP DURATION END EVERY EXACT EXPLAIN FALSE FIELD FOR FROM GRANT GRANTS GROUP GROUPS " +
    "IN INF INSERT INTO KEY KEYS KILL LIMIT MEASUREMENT MEASUREMENTS NAME OFFSET ON OR ORDER PASSWORD POLICIES POLICY " +
    "PRIVILEGES QUERIES QUERY READ REPLICATION RESAMPLE RETENTION REVOKE SELECT SERIES SET SHARD SHARDS SHOW SLIMIT SOFFSET " +
    "STATS SUBSCRIPTION SUBSCRIPTIONS TAG TO TRUE USER USERS VALUES WHERE WITH WRITE").split(" "),
);

const SPACE = /[ \t\n]+/y;
const LINE_COMMENT = /--[^\n]*\n?/y;
const BLOCK_COMMENT = /\/\*[^]*?\*\//y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /[0-9]*\.[0-9]+/y;
/** Digits; with a letter behind them, all letters and digits that follow. */
const INTEGER_OR_DURATION = /[0-9]+(?:[A-Za-zµμ][A-Za-z0-9µμ]*)?/y;
const DIGITS = /^[0-9]+$/;
/** Two-character symbols first. */
const SYMBOL = /=~|!=|!~|<=|>=|<>|::|[-+*\/%&|^=<>(),;:.]/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", "\\": "\\", '"': '"', "'": "'" };

/** Whether a name is one of the words with a meaning, so that it must be quoted. */
export function isKeyword(word: string): boolean {
  return KEYWORDS.has(word.toUpperCase());
}

export class Lexer {
  readonly text: string;

  /** Line ends are made one: InfluxDB counts them so. */
  constructor(text: string) {
    this.text = text.replace(/\r\n?/g, "\n");
  }

  /** The token at a place, behind spaces and comments. */
  scan(from: number): Token {
    const { start, ends } = this.#skipSpace(from);
    const spaced = start > from;
    const text = this.text;
    if (start >= text.length) {
      const isWord = from > 0 && from === text.length && /[A-Za-z0-9_]/.test(text[from - 1]!) &&
        this.#lastIsWord(from);
      const at = text.length + (isWord || (spaced && ends) ? 1 : 0);
      return { kind: "end", text: "", start, end: start, at, spaced };
    }
    const character = text[start]!;
    const word = match(WORD, text, start);
    if (word > start) return this.#word(start, word, spaced);
    if (character === '"') return this.#quoted("word", start, spaced);
    if (character === "'") return this.#quoted("string", start, spaced);
    if (character === "$") return this.#parameter(start, spaced);
    const number = match(NUMBER, text, start);
    const make = (kind: TokenKind, end: number): Token => (
      { kind, text: text.slice(start, end), start, end, at: start, spaced }
    );
    if (number > start) return make("number", number);
    const digits = match(INTEGER_OR_DURATION, text, start);
    if (digits > start) {
      return make(DIGITS.test(text.slice(start, digits)) ? "integer" : "duration", digits);
    }
    const symbol = match(SYMBOL, text, start);
    if (symbol > start) {
      const token = make("symbol", symbol);
      return token.text === "<>" ? { ...token, text: "!=" } : token;
    }
    return make("illegal", start + String.fromCodePoint(text.codePointAt(start)!).length);
  }

  /** The regular expression at a place, behind spaces; undefined where none begins. */
  scanRegex(from: number): Token | undefined {
    const { start } = this.#skipSpace(from);
    const text = this.text;
    if (text[start] !== "/") return undefined;
    let pattern = "";
    for (let at = start + 1; at < text.length && text[at] !== "\n"; at++) {
      const character = text[at]!;
      if (character === "/") {
        const spaced = start > from;
        return { kind: "regex", text: pattern, start, end: at + 1, at: start, spaced };
      }
      if (character === "\\" && text[at + 1] === "/") at++;
      else if (character === "\\" && at + 1 < text.length && text[at + 1] !== "\n") {
        pattern += character;
        at++;
      }
      pattern += text[at]!;
    }
    throw this.failure(`bad regex: ${pattern}`, start);
  }

  /** A failure that names its place. */
  failure(message: string, at: number): SyntaxFailure {
    const before = this.text.slice(0, Math.min(at, this.text.length));
    const lines = before.split("\n");
    const beyond = at - before.length;
    const char = [...lines.at(-1)!].length + beyond + 1;
    return new SyntaxFailure(`${message} at line ${lines.length}, char ${char}`);
  }

  /** `ends`: whether what was skipped reads past the end of the text, as spaces and `--` comments do. */
  #skipSpace(from: number): { start: number; ends: boolean } {
    const text = this.text;
    let start = from;
    let ends = false;
    for (;;) {
      let next = match(SPACE, text, start);
      if (next === start) next = match(LINE_COMMENT, text, start);
      if (next > start) ends = true;
      else {
        next = match(BLOCK_COMMENT, text, start);
        if (next > start) ends = false;
      }
      if (next === start) return { start, ends };
      start = next;
    }
  }

  /** Whether the token that ends there is a word and no number. */
  #lastIsWord(end: number): boolean {
    let start = end;
    while (start > 0 && /[A-Za-z0-9_]/.test(this.text[start - 1]!)) start--;
    return !/[0-9]/.test(this.text[start]!);
  }

  #word(start: number, end: number, spaced: boolean): Token {
    const spelled = this.text.slice(start, end);
    const upper = spelled.toUpperCase();
    const isWord = !KEYWORDS.has(upper);
    const kind = isWord ? "word" : "keyword";
    return { kind, text: isWord ? spelled : upper, start, end, at: start, spaced };
  }

  #quoted(kind: "word" | "string", start: number, spaced: boolean): Token {
    const { text } = this;
    const quote = text[start]!;
    const at = kind === "string" ? Math.max(0, start - 1) : start;
    let decoded = "";
    let from = start + 1;
    for (let end = from; end < text.length; end++) {
      const character = text[end]!;
      if (character === quote) {
        decoded += text.slice(from, end);
        return { kind, text: decoded, start, end: end + 1, at, spaced };
      }
      if (character === "\n") break;
      if (character !== "\\") continue;
      const escaped = ESCAPES[text[end + 1] ?? ""];
      if (escaped === undefined) {
        const spelled = text.slice(end, end + 2);
        return { kind: "illegal", text: spelled, start, end: end + 2, at: end + 1, spaced };
      }
      decoded += text.slice(from, end) + escaped;
      from = end + 2;
      end++;
    }
    const line = text.indexOf("\n", from);
    decoded += text.slice(from, line < 0 ? text.length : line);
    const rest = decoded === "" ? "BADSTRING" : decoded;
    return {
      kind: "illegal",
      text: rest,
      start,
      end: text.length,
      at: Math.max(0, start - 1),
      spaced,
    };
  }

  #parameter(start: number, spaced: boolean): Token {
    const { text } = this;
    if (text[start + 1] === '"') {
      const name = this.#quoted("word", start + 1, spaced);
      return name.kind === "word" ? { ...name, kind: "parameter", start, at: start } : name;
    }
    const end = Math.max(start + 1, match(WORD, text, start + 1));
    const name = text.slice(start + 1, end);
    return { kind: "parameter", text: name, start, end, at: start, spaced };
  }
}

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
