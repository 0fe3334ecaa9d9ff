/**
 * Runs jobs in a worker thread: started with the first job, ended when it has been idle for a while.
 *
 * A worker costs 3 to 6 ms to start and 4 to 5 MB; an idle device need not carry it. Where no worker can be had, `run`
 * rejects with "unsupported" and the caller does the work on the event loop, in slices.
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../components.ts";
import { EngineError, type EngineErrorCode } from "../errors.ts";
import { AnswerChannel, type Asked } from "./ask_channel.ts";
import type { WorkerHandle } from "./worker_handle.ts";
import type { FromWorker, ToWorker } from "./worker_protocol.ts";

export interface WorkerExecutorOptions {
  readonly clock: Clock;
  readonly start: () => WorkerHandle<ToWorker>;
  /** Milliseconds without a job after which the worker is ended. */
  readonly idleMs: number;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** Answers a question of the job; what it throws ends the job. */
  readonly answer: (question: unknown) => Uint8Array;
}

const ERROR_CODES: readonly EngineErrorCode[] = [
  "invalid",
  "limit",
  "closed",
  "locked",
  "unsupported",
  "corrupt",
  "io",
  "failed",
];

interface Running {
  readonly options: RunOptions;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly stopListening: () => void;
  refusal: unknown;
}

export class WorkerExecutor implements Disposable {
  readonly #options: WorkerExecutorOptions;
  readonly #channel = new AnswerChannel();
  #worker: WorkerHandle<ToWorker> | undefined;
  #wasReady = false;
  #isDisposed = false;
  #running: Running | undefined;
  #cancelIdle: (() => void) | undefined;

  constructor(options: WorkerExecutorOptions) {
    this.#options = options;
  }

  /** Whether a worker is alive. */
  get isStarted(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * Runs a job; one at a time. Rejects with the job's error, "closed" when aborted before its end, "unsupported" where no
   * worker can be started, "io" when the worker died.
   */
  run(job: unknown, options: RunOptions): Promise<unknown> {
    assert(this.#running === undefined, "A job is running");
    assert(!this.#isDisposed, "Executor is closed");
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    this.#channel.isAborted = options.signal.aborted;
    const onAbort = () => {
      this.#channel.isAborted = true;
    };
    options.signal.addEventListener("abort", onAbort);
    const stopListening = () => options.signal.removeEventListener("abort", onAbort);
    const running: Running = {
      options,
      resolve,
      reject,
      stopListening,
      refusal: undefined,
    };
    this.#running = running;
    try {
      const worker = this.#worker ??= this.#start();
      worker.ref?.();
      worker.postMessage({ kind: "run", job, shared: this.#channel.shared });
    } catch (error) {
      this.#drop();
      this.#end();
      reject(unavailable(error));
    }
    return promise;
  }

  /** Ends the worker, and a job that runs with "closed". */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#cancelIdle?.();
    this.#drop();
    this.#end()?.reject(new EngineError("closed", "Cannot go on: the executor is closed"));
  }

  #start(): WorkerHandle<ToWorker> {
    const worker = this.#options.start();
    worker.onmessage = ({ data }) => this.#receive(data as FromWorker);
    worker.onerror = (event) => {
      event.preventDefault();
      const error = new Error(event.message);
      const reason = this.#wasReady
        ? new EngineError("io", `Cannot go on: the worker died: ${event.message}`, { cause: error })
        : unavailable(error);
      this.#drop();
      this.#end()?.reject(reason);
    };
    return worker;
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case "ready":
        this.#wasReady = true;
        return;
      case "ask":
        this.#answer(message.asked);
        return;
      case "done":
        this.#finish()?.resolve(message.result);
        return;
      case "failed": {
        const running = this.#finish();
        running?.reject(running.refusal ?? errorOf(message));
      }
    }
  }

  #answer(asked: Asked): void {
    const running = this.#running;
    if (running === undefined) return;
    try {
      this.#channel.give(asked, running.options.answer);
    } catch (error) {
      running.refusal = error;
    }
  }

  /** The job has ended by itself: the worker waits for another one for a while. */
  #finish(): Running | undefined {
    this.#worker?.unref?.();
    this.#cancelIdle = this.#options.clock.after(this.#options.idleMs, () => this.#drop());
    return this.#end();
  }

  #end(): Running | undefined {
    const running = this.#running;
    running?.stopListening();
    this.#running = undefined;
    return running;
  }

  #drop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

function errorOf(message: { readonly code: string | undefined; readonly message: string }): Error {
  const code = ERROR_CODES.find((each) => each === message.code);
  return code === undefined ? new Error(message.message) : new EngineError(code, message.message);
}

function unavailable(cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EngineError("unsupported", `Cannot start a worker: ${reason}`, { cause });
}
