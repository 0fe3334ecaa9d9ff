/**
 * What can go wrong with a query, in the words of the Prometheus HTTP API, and where in its text.
 *
 * A position is an index into the query as a JavaScript string; ranges are half-open. Lines and columns
 * shown to people start at 1.
 */

/** Half-open range of the query text. */
export interface PositionRange {
  readonly start: number;
  readonly end: number;
}

/** The `errorType` of an answer; src/http maps each to a status code. */
export type PromqlErrorKind =
  | "bad_data" // the request is wrong; change it
  | "execution" // evaluation failed; the query does not fit the data or a limit
  | "timeout" // took too long
  | "canceled" // the client went away
  | "internal" // storage failed
  | "unavailable"; // too busy; try again

export class PromqlError extends Error {
  readonly kind: PromqlErrorKind;

  constructor(kind: PromqlErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PromqlError";
    this.kind = kind;
  }
}

/** The text is not a query. The message is complete: `1:5: parse error: unexpected ...`. */
export class ParseError extends PromqlError {
  readonly position: PositionRange;
  /** The message without line, column and `parse error`. */
  readonly reason: string;

  constructor(query: string, position: PositionRange, reason: string) {
    super("bad_data", `${lineAndColumn(query, position.start)}: parse error: ${reason}`);
    this.name = "ParseError";
    this.position = position;
    this.reason = reason;
  }
}

/** `line:column` of an index of the query, both from 1; the column counts UTF-16 units. */
export function lineAndColumn(query: string, index: number): string {
  let line = 1;
  let lineStart = 0;
  for (let at = query.indexOf("\n"); at !== -1 && at < index; at = query.indexOf("\n", at + 1)) {
    line++;
    lineStart = at + 1;
  }
  return `${line}:${index - lineStart + 1}`;
}
