/**
 * An answer whose query runs as its pieces are taken, with its slot, its time and its place among the running queries.
 *
 * Invariant: whatever happens (the end, an error, the client gone, the time over, nobody reading), all is given back once.
 */
import { StatementError } from "../../influxql/values/result.ts";
import type { BegunQuery } from "../../influxql/running_queries.ts";
import type { Piece } from "../answer_stream.ts";

export interface RunningAnswerParts {
  readonly pieces: AsyncGenerator<Piece>;
  readonly begun: BegunQuery;
  /** Aborted when the client has gone. */
  readonly client: AbortSignal | undefined;
  /** 0: any time. */
  readonly timeoutMs: number;
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Called once, at the end. */
  readonly onEnd: () => void;
}

/** How long a client that takes nothing may hold a query whose time is over. */
const GRACE_MS = 10_000;

export class RunningAnswer implements AsyncIterator<Piece> {
  readonly #parts: RunningAnswerParts;
  readonly #onClientGone = (): void => {
    this.#parts.begun.abort(new StatementError("query interrupted"));
    void this.return();
  };
  #cancelTimer: () => void = () => {};
  #isEnded = false;

  constructor(parts: RunningAnswerParts) {
    this.#parts = parts;
    const { client, timeoutMs, after } = parts;
    if (timeoutMs > 0) this.#cancelTimer = after(timeoutMs, () => this.#timeIsOver());
    client?.addEventListener("abort", this.#onClientGone);
    if (client?.aborted === true) this.#onClientGone();
  }

  async next(): Promise<IteratorResult<Piece>> {
    try {
      const next = await this.#parts.pieces.next();
      if (next.done === true) this.#end();
      return next;
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** Ends the query; one that runs ends when it next looks at its signal. */
  async return(): Promise<IteratorResult<Piece>> {
    this.#parts.begun.abort(new StatementError("query interrupted"));
    try {
      await this.#parts.pieces.return(undefined);
    } finally {
      this.#end();
    }
    return { done: true, value: undefined };
  }

  /** A query that runs says so in its answer; one whose client takes nothing more is cut off. */
  #timeIsOver(): void {
    const { begun, after } = this.#parts;
    begun.abort(new StatementError("query-timeout limit exceeded"));
    this.#cancelTimer = after(GRACE_MS, () => void this.return());
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { client, begun, onEnd } = this.#parts;
    this.#cancelTimer();
    client?.removeEventListener("abort", this.#onClientGone);
    begun[Symbol.dispose]();
    onEnd();
  }
}
