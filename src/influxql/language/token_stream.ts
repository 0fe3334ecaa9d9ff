/** The tokens of one query with look-ahead, bound parameters in place, and the errors of a parser that meets the wrong one. */
import { EXPRESSION_DEPTH_MAX, type RegexLiteral, SUBQUERY_DEPTH_MAX } from "./ast.ts";
import type { BindParameters } from "./bind_parameters.ts";
import { parseDuration } from "./durations.ts";
import { Lexer, type Token } from "./lexer.ts";
import { compileSearch } from "./regex.ts";
import { SyntaxFailure } from "../values/result.ts";

/** Longest query, in UTF-16 units. */
export const QUERY_LENGTH_MAX: number = 1_048_576;

/** What a token looks like where it cannot be shown. */
const EMPTY_NAMES: Readonly<Record<string, string>> = {
  end: "EOF",
  string: "STRING",
  word: "IDENT",
};

export class TokenStream {
  readonly #lexer: Lexer;
  readonly #parameters: BindParameters;
  #current: Token;
  #last: Token;
  #depth = 0;
  #subqueryDepth = 0;

  constructor(text: string, parameters: BindParameters) {
    if (text.length > QUERY_LENGTH_MAX) {
      throw new SyntaxFailure(
        `query of ${text.length} characters is longer than ${QUERY_LENGTH_MAX}`,
      );
    }
    this.#lexer = new Lexer(text);
    this.#parameters = parameters;
    this.#current = this.#scan(0);
    this.#last = { ...this.#current, end: 0 };
  }

  /** The token to be read next. */
  get current(): Token {
    return this.#current;
  }

  /** The last token taken. */
  get last(): Token {
    return this.#last;
  }

  /** The text between two places, as it was written. */
  slice(start: number, end: number): string {
    return this.#lexer.text.slice(start, end);
  }

  take(): Token {
    const token = this.#current;
    this.#last = token;
    this.#current = this.#scan(token.end);
    return token;
  }

  isKeyword(keyword: string): boolean {
    return this.#current.kind === "keyword" && this.#current.text === keyword;
  }

  isSymbol(symbol: string): boolean {
    return this.#current.kind === "symbol" && this.#current.text === symbol;
  }

  /** Whether the symbol follows with nothing between. */
  isSymbolAdjacent(symbol: string): boolean {
    return this.isSymbol(symbol) && !this.#current.spaced;
  }

  takeKeyword(keyword: string): boolean {
    if (!this.isKeyword(keyword)) return false;
    this.take();
    return true;
  }

  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.take();
    return true;
  }

  expectKeywords(...keywords: string[]): void {
    for (const keyword of keywords) {
      if (!this.takeKeyword(keyword)) throw this.unexpected(keyword);
    }
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected(symbol);
  }

  /** A name, quoted or not. */
  expectName(): string {
    if (this.#current.kind !== "word") throw this.unexpected("identifier");
    return this.take().text;
  }

  expectString(): string {
    if (this.#current.kind !== "string") throw this.unexpected("string");
    return this.take().text;
  }

  /** A whole number without sign. */
  expectInteger(): bigint {
    if (this.#current.kind !== "integer") throw this.unexpected("integer");
    return BigInt(this.take().text);
  }

  /** Nanoseconds; 0 for INF. */
  expectDuration(): bigint {
    if (this.takeKeyword("INF")) return 0n;
    if (this.#current.kind !== "duration") throw this.unexpected("duration");
    return this.durationOf(this.take());
  }

  durationOf(token: Token): bigint {
    const negative = token.text.startsWith("-");
    const ns = parseDuration(negative ? token.text.slice(1) : token.text);
    if (ns === undefined) throw this.failure("invalid duration", token);
    if (ns === "overflow") {
      throw this.failure(
        `overflow duration ${token.text}: choose a smaller duration or INF`,
        token,
      );
    }
    return negative ? -ns : ns;
  }

  /** The regular expression that begins here, checked; undefined where none does. */
  takeRegex(): RegexLiteral | undefined {
    const token = this.#current.kind === "regex"
      ? this.#current
      : this.isSymbol("/")
      ? this.#lexer.scanRegex(this.#last.end)
      : undefined;
    if (token === undefined) return undefined;
    try {
      compileSearch(token.text);
    } catch (error) {
      throw this.failure(error instanceof Error ? error.message : String(error), token);
    }
    this.#current = token;
    this.take();
    return { kind: "regex", pattern: token.text };
  }

  /** Goes one level deeper; every call is undone by `leave`. */
  enter(): void {
    this.#depth++;
    if (this.#depth > EXPRESSION_DEPTH_MAX) {
      throw this.failure(`expression is nested deeper than ${EXPRESSION_DEPTH_MAX} levels`);
    }
  }

  leave(): void {
    this.#depth--;
  }

  enterSubquery(): void {
    this.#subqueryDepth++;
    if (this.#subqueryDepth > SUBQUERY_DEPTH_MAX) {
      throw this.failure(`subqueries are nested deeper than ${SUBQUERY_DEPTH_MAX} levels`);
    }
  }

  leaveSubquery(): void {
    this.#subqueryDepth--;
  }

  failure(message: string, token: Token = this.#current): SyntaxFailure {
    return this.#lexer.failure(message, token.at);
  }

  /** The current token does not belong here. */
  unexpected(...expected: string[]): SyntaxFailure {
    return this.unexpectedToken(this.#current, ...expected);
  }

  unexpectedToken(token: Token, ...expected: string[]): SyntaxFailure {
    const shown = token.kind === "parameter"
      ? `$${token.text}`
      : token.text === ""
      ? EMPTY_NAMES[token.kind] ?? "REGEX"
      : token.text;
    return this.failure(`found ${shown}, expected ${expected.join(", ")}`, token);
  }

  #scan(from: number): Token {
    const token = this.#lexer.scan(from);
    if (token.kind !== "parameter") return token;
    const value = this.#parameters.get(token.text);
    return value === undefined ? token : { ...token, ...value };
  }
}
