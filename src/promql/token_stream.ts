/** The tokens of one query with one token of look-ahead, and the errors of a parser that meets the wrong one. */
import type { PositionRange } from "./errors.ts";
import { ParseError } from "./errors.ts";
import type { Token } from "./lexer.ts";
import { Lexer } from "./lexer.ts";
import { quote } from "./strings.ts";

/** Deepest nesting of a query: operators, calls and parentheses on one path. */
export const QUERY_DEPTH_MAX: number = 1_000;
/** Longest query, in UTF-16 units. */
export const QUERY_LENGTH_MAX: number = 262_144;

const OPERATOR_SYMBOLS = /^(?:[-+*\/%^]|==|!=|<|<=|>|>=|=~|!~|<\/|>\/)$/;
const OPERATOR_WORDS = /^(?:and|or|unless|atan2)$/i;
const KEYWORDS =
  /^(?:by|without|on|ignoring|group_left|group_right|bool|offset|anchored|smoothed)$/i;
const AGGREGATIONS =
  /^(?:sum|avg|min|max|count|group|stddev|stdvar|quantile|count_values|topk|bottomk|limitk|limit_ratio)$/i;

/** Functions that are keywords. */
const PREPROCESSORS = /^(?:start|end|step|range)$/i;

/** What is read between braces, as errors call it. */
export const LABEL_MATCHING = "label matching";

export class TokenStream {
  readonly query: string;
  readonly #lexer: Lexer;
  #current: Token;
  #ahead: Token | undefined;
  #lastEnd = 0;
  /** Parentheses and brackets that are open, the innermost last. */
  readonly #open: string[] = [];
  /** The last token taken opened brackets. */
  #afterBracket = false;
  #depth = 0;
  /** What is being read, for errors that do not say it themselves. */
  place: string = "";

  constructor(query: string) {
    this.query = query;
    if (query.length > QUERY_LENGTH_MAX) {
      throw new ParseError(
        query,
        { start: QUERY_LENGTH_MAX, end: query.length },
        `query of ${query.length} characters is longer than ${QUERY_LENGTH_MAX}`,
      );
    }
    this.#lexer = new Lexer(query);
    this.#current = this.#lexer.next();
  }

  /** The token to be read next. */
  get current(): Token {
    return this.#current;
  }

  /** The token behind `current`. */
  get ahead(): Token {
    this.#ahead ??= this.#lexer.next();
    return this.#ahead;
  }

  get isEnd(): boolean {
    return this.#current.kind === "end";
  }

  /** Where the last token taken ended. */
  get lastEnd(): number {
    return this.#lastEnd;
  }

  /** Takes the current token. */
  take(): Token {
    const token = this.#current;
    this.#lastEnd = token.end;
    this.#afterBracket = token.kind === "symbol" && token.text === "[";
    if (token.kind === "symbol") this.#noteDelimiter(token.text);
    this.#current = this.#ahead ?? this.#lexer.next();
    this.#ahead = undefined;
    return token;
  }

  #noteDelimiter(symbol: string): void {
    if (symbol === "(" || symbol === "[") this.#open.push(symbol);
    else if (symbol === ")" || symbol === "]") this.#open.pop();
  }

  isSymbol(symbol: string): boolean {
    return this.#current.kind === "symbol" && this.#current.text === symbol;
  }

  /** Whether the current token is this keyword, in any case. */
  isWord(word: string): boolean {
    const { kind, text } = this.#current;
    return kind === "word" && text.length === word.length && text.toLowerCase() === word;
  }

  /** Whether the token behind the current one is this symbol. */
  isSymbolAhead(symbol: string): boolean {
    const ahead = this.ahead;
    return ahead.kind === "symbol" && ahead.text === symbol;
  }

  /** Takes the symbol if it is next. */
  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.take();
    return true;
  }

  /** Takes the symbol, or throws that `context` wants it. */
  expectSymbol(symbol: string, context: string): Token {
    if (!this.isSymbol(symbol)) throw this.unexpected(context, JSON.stringify(symbol));
    return this.take();
  }

  /** Goes one level deeper; every call is undone by `leave`. */
  enter(): void {
    this.#depth++;
    if (this.#depth > QUERY_DEPTH_MAX) {
      throw this.error(this.#current, `query is nested deeper than ${QUERY_DEPTH_MAX} levels`);
    }
  }

  leave(): void {
    this.#depth--;
  }

  error(position: PositionRange, reason: string): ParseError {
    return new ParseError(this.query, { start: position.start, end: position.end }, reason);
  }

  /** The current token does not belong here. */
  unexpected(context: string = this.place, expected = ""): ParseError {
    if (this.isEnd && this.#open.length > 0) {
      const reason = this.#afterBracket
        ? "unexpected end of input in duration expression"
        : `unclosed left ${this.#open.includes("(") ? "parenthesis" : "bracket"}`;
      return this.error(this.#current, reason);
    }
    if (this.isSymbol(")") && !this.#open.includes("(")) {
      const { end } = this.#current;
      return this.error({ start: end, end }, "unexpected right parenthesis ')'");
    }
    const place = context === "" ? "" : ` in ${context}`;
    const wanted = expected === "" ? "" : `, expected ${expected}`;
    return this.error(
      this.#current,
      `unexpected ${this.#describe(context === LABEL_MATCHING)}${place}${wanted}`,
    );
  }

  /** The current token; between braces all words are names. */
  #describe(inBraces: boolean): string {
    const token = this.#current;
    if (inBraces && token.kind === "word") return `identifier ${JSON.stringify(token.text)}`;
    return describe(token, this.query);
  }
}

function describe(token: Token, query: string): string {
  switch (token.kind) {
    case "end":
      return "end of input";
    case "number":
      return `${token.isDuration ? "duration" : "number"} ${JSON.stringify(token.text)}`;
    case "string": {
      const spelled = query.slice(token.start, token.end);
      return `string ${quote(spelled.length > 40 ? spelled.slice(0, 40) + "..." : spelled)}`;
    }
    case "symbol":
      return OPERATOR_SYMBOLS.test(token.text) ? `<op:${token.text}>` : JSON.stringify(token.text);
    case "word":
      if (OPERATOR_WORDS.test(token.text)) return `<op:${token.text}>`;
      if (KEYWORDS.test(token.text)) return `<${token.text}>`;
      if (AGGREGATIONS.test(token.text)) return `<aggr:${token.text}>`;
      if (PREPROCESSORS.test(token.text)) return JSON.stringify(token.text);
      return `${token.text.includes(":") ? "metric identifier" : "identifier"} ${
        JSON.stringify(token.text)
      }`;
  }
}
