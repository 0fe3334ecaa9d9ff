/** The worker's end of worker_protocol.ts: takes jobs one after the other, asks the event loop, sleeps, notices an abort. */
import { EngineError, isEngineError } from "../errors.ts";
import {
  ANSWER,
  ANSWER_BYTES,
  ANSWER_START,
  type FromWorker,
  type ToWorker,
  WORD,
} from "./worker_protocol.ts";

/** What a job may do besides computing. */
export interface WorkerContext {
  /** Whether the job should end soon. */
  readonly isAborted: boolean;
  /** Asks the event loop and waits for its answer. Throws "closed" when the job is aborted, "failed" when it is refused. */
  ask(question: unknown): Uint8Array;
  /** Sleeps; shorter when the job is aborted. */
  sleep(ms: number): void;
}

/** What of a worker's global scope is used here. */
interface WorkerScope {
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
}

/** An answer may take as long as the event loop is busy; this is how often an abort is looked for meanwhile. */
const WAIT_MS = 100;

/** Serves jobs with `handler` for as long as the worker lives. */
export function serveJobs(
  handler: (job: unknown, context: WorkerContext) => Promise<unknown>,
): void {
  const scope = globalThis as unknown as WorkerScope;
  scope.onmessage = ({ data }) => {
    const context = new Context(scope, data.shared);
    handler(data.job, context).then(
      (result) => scope.postMessage({ kind: "done", result }),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        const code = isEngineError(error) ? error.code : undefined;
        scope.postMessage({ kind: "failed", code, message });
      },
    );
  };
  scope.postMessage({ kind: "ready" });
}

class Context implements WorkerContext {
  readonly #scope: WorkerScope;
  readonly #words: Int32Array;
  readonly #part: Uint8Array;

  constructor(scope: WorkerScope, shared: SharedArrayBuffer) {
    this.#scope = scope;
    this.#words = new Int32Array(shared, 0, ANSWER_START / 4);
    this.#part = new Uint8Array(shared, ANSWER_START);
  }

  get isAborted(): boolean {
    return Atomics.load(this.#words, WORD.isAborted) === 1;
  }

  ask(question: unknown): Uint8Array {
    let answer: Uint8Array | undefined;
    let done = 0;
    do {
      this.#askPart(question, done);
      answer ??= new Uint8Array(Atomics.load(this.#words, WORD.answerBytes));
      const take = Math.min(answer.length - done, ANSWER_BYTES);
      answer.set(this.#part.subarray(0, take), done);
      done += take;
    } while (done < answer.length);
    return answer;
  }

  sleep(ms: number): void {
    for (let left = ms; left > 0 && !this.isAborted; left -= WAIT_MS) {
      Atomics.wait(this.#words, WORD.never, 0, Math.min(left, WAIT_MS));
    }
  }

  #askPart(question: unknown, from: number): void {
    Atomics.store(this.#words, WORD.answer, ANSWER.none);
    this.#scope.postMessage({ kind: "ask", question, from });
    for (;;) {
      Atomics.wait(this.#words, WORD.answer, ANSWER.none, WAIT_MS);
      const state = Atomics.load(this.#words, WORD.answer);
      if (state === ANSWER.given) return;
      if (state === ANSWER.refused) {
        throw new EngineError("failed", "Cannot go on: the question was refused");
      }
      if (this.isAborted) throw new EngineError("closed", "Cannot go on: the job is aborted");
    }
  }
}
