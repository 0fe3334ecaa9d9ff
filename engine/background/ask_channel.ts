/**
 * How a worker asks the event loop: it posts a question, sleeps, and finds the answer in shared memory, in parts where
 * that is longer than ANSWER_BYTES. So the work of a worker is one straight run, whatever it needs of the loop.
 *
 * Shared memory: WORD of 32 bits each, then, from ANSWER_START, the current part of an answer. One question at a time.
 */
import { EngineError } from "../errors.ts";

/** Words of the shared memory. */
const WORD = {
  /** What the worker waits for: see ANSWER. */
  answer: 0,
  /** Bytes of the whole answer. */
  answerBytes: 1,
  /** 1: the work should end soon. */
  isAborted: 2,
  /** Never changes; a worker that wants to sleep waits for it. */
  never: 3,
} as const;
/** Values of WORD.answer. */
const ANSWER = { none: 0, given: 1, refused: 2 } as const;
const ANSWER_START = 64;
const ANSWER_BYTES: number = 256 << 10;
/** An answer may take as long as the event loop is busy; this is how often an abort is looked for meanwhile. */
const WAIT_MS = 100;

/** A question, or the wish for the answer's bytes from `from` on. */
export interface Asked {
  readonly question: unknown;
  readonly from: number;
}

/** The event loop's end. */
export class AnswerChannel {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #part: Uint8Array;
  /** The answer that is being given in parts. */
  #answer = new Uint8Array(0);

  constructor() {
    this.shared = new SharedArrayBuffer(ANSWER_START + ANSWER_BYTES);
    this.#words = new Int32Array(this.shared, 0, ANSWER_START / 4);
    this.#part = new Uint8Array(this.shared, ANSWER_START);
  }

  set isAborted(isAborted: boolean) {
    Atomics.store(this.#words, WORD.isAborted, isAborted ? 1 : 0);
  }

  /** Answers what was asked; what `answer` throws refuses it, and is thrown again. */
  give({ question, from }: Asked, answer: (question: unknown) => Uint8Array): void {
    let state: number = ANSWER.refused;
    try {
      if (from === 0) this.#answer = answer(question) as Uint8Array<ArrayBuffer>;
      this.#part.set(this.#answer.subarray(from, from + ANSWER_BYTES));
      Atomics.store(this.#words, WORD.answerBytes, this.#answer.length);
      state = ANSWER.given;
    } finally {
      Atomics.store(this.#words, WORD.answer, state);
      Atomics.notify(this.#words, WORD.answer);
    }
  }
}

/** The worker's end. */
export class AskChannel {
  readonly #words: Int32Array;
  readonly #part: Uint8Array;
  readonly #post: (asked: Asked) => void;

  constructor(shared: SharedArrayBuffer, post: (asked: Asked) => void) {
    this.#words = new Int32Array(shared, 0, ANSWER_START / 4);
    this.#part = new Uint8Array(shared, ANSWER_START);
    this.#post = post;
  }

  /** Whether the work should end soon. */
  get isAborted(): boolean {
    return Atomics.load(this.#words, WORD.isAborted) === 1;
  }

  /** Asks and waits. Throws "closed" when the work is aborted, "failed" when the question is refused. */
  ask(question: unknown): Uint8Array<ArrayBuffer> {
    let answer: Uint8Array<ArrayBuffer> | undefined;
    let done = 0;
    do {
      this.#askPart({ question, from: done });
      answer ??= new Uint8Array(Atomics.load(this.#words, WORD.answerBytes));
      const take = Math.min(answer.length - done, ANSWER_BYTES);
      answer.set(this.#part.subarray(0, take), done);
      done += take;
    } while (done < answer.length);
    return answer;
  }

  /** Sleeps; shorter when the work is aborted. */
  sleep(ms: number): void {
    for (let left = ms; left > 0 && !this.isAborted; left -= WAIT_MS) {
      Atomics.wait(this.#words, WORD.never, 0, Math.min(left, WAIT_MS));
    }
  }

  #askPart(asked: Asked): void {
    Atomics.store(this.#words, WORD.answer, ANSWER.none);
    this.#post(asked);
    for (;;) {
      Atomics.wait(this.#words, WORD.answer, ANSWER.none, WAIT_MS);
      const state = Atomics.load(this.#words, WORD.answer);
      if (state === ANSWER.given) return;
      if (state === ANSWER.refused) {
        throw new EngineError("failed", "Cannot go on: the question was refused");
      }
      if (this.isAborted) throw new EngineError("closed", "Cannot go on: the work is aborted");
    }
  }
}
