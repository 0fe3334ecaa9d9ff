/**
 * What a statement gives: series with named columns, handed out one after the other so that no answer is held whole.
 *
 * Invariants
 * - All columns of a frame and its times have `count` entries.
 * - A frame is the receiver's until it asks for the next one.
 */

/** Values of one column; an entry is there where `present` is absent or not 0. */
export type Column =
  | { readonly kind: "float"; readonly values: Float64Array; readonly present?: Uint8Array }
  | {
    readonly kind: "integer";
    /** Doubles where all values are whole numbers below 2^53 in size, which costs far less than BigInts. */
    readonly values: Float64Array | BigInt64Array;
    readonly present?: Uint8Array;
  }
  | {
    readonly kind: "unsigned";
    readonly values: Float64Array | BigUint64Array;
    readonly present?: Uint8Array;
  }
  | { readonly kind: "boolean"; readonly values: Uint8Array; readonly present?: Uint8Array }
  | { readonly kind: "string"; readonly values: readonly (string | undefined)[] };

/** Nanoseconds since the epoch, as a whole and a part so that loops need no BigInt: `origin + offsets[i]`. */
export interface Times {
  readonly origin: bigint;
  /** Whole numbers below 2^53 in size. */
  readonly offsets: Float64Array;
}

/** One series, or the next part of a long one. */
export interface Frame {
  /** Empty: none. */
  readonly name: string;
  /** The keys of GROUP BY, sorted; undefined: no tags in the answer. */
  readonly tags: readonly (readonly [key: string, value: string])[] | undefined;
  /** Names of all columns, `time` among them where `times` is there. */
  readonly columns: readonly string[];
  readonly count: number;
  /** The first column; undefined for answers that have no times. */
  readonly times: Times | undefined;
  /** The other columns. */
  readonly data: readonly Column[];
  /** More of the same series follows. */
  readonly continues: boolean;
}

export interface Message {
  readonly level: "warning" | "info";
  readonly text: string;
}

/** The answer to one statement. Errors that come late are thrown by the iteration. */
export interface StatementResult {
  readonly frames: AsyncIterable<Frame> | Iterable<Frame>;
  readonly messages: readonly Message[];
}

/** An error of one statement: it becomes the `error` of its result. */
export class StatementError extends Error {
  override readonly name = "StatementError";
}

/** An error of the query's text: the request is refused as a whole. `message` is without "error parsing query: ". */
export class SyntaxFailure extends Error {
  override readonly name = "SyntaxFailure";
}
