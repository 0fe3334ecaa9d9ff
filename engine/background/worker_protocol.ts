/**
 * What event loop and worker say to each other.
 *
 * A job goes over as one message, its result comes back as one. A worker that needs something of the event loop asks and
 * sleeps until it is answered, so that its work is one straight run: question by message, answer through shared memory,
 * in parts when it is longer than ANSWER_BYTES.
 *
 * Shared memory: WORD of 32 bits each, then, from ANSWER_START, the current part of an answer.
 */

/** Words of the shared memory. */
export const WORD = {
  /** What the worker waits for: see ANSWER. */
  answer: 0,
  /** Bytes of the whole answer. */
  answerBytes: 1,
  /** 1: the job should end soon. */
  isAborted: 2,
  /** Never changes; a worker that wants to sleep waits for it. */
  never: 3,
} as const;
/** Values of WORD.answer. */
export const ANSWER = { none: 0, given: 1, refused: 2 } as const;
export const ANSWER_START = 64;
export const ANSWER_BYTES: number = 256 << 10;

export type ToWorker = {
  readonly kind: "run";
  readonly job: unknown;
  readonly shared: SharedArrayBuffer;
};

export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly result: unknown }
  | { readonly kind: "failed"; readonly code: string | undefined; readonly message: string }
  /** Asks for the answer's bytes from `from` on. */
  | { readonly kind: "ask"; readonly question: unknown; readonly from: number };
