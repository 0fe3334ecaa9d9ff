/**
 * Heavy queries, evaluated in a worker, which is started with the first of them and ended when there has been none for a
 * while: its memory goes back to the system then. The event loop hands out selections and rows of the head, and passes the
 * pieces of answers on.
 */
import {
  AnswerChannel,
  type Logger,
  type ViewHost,
  type WorkerHandle,
} from "../../../engine/mod.ts";
import { PromqlError } from "../../promql/errors.ts";
import type { Piece } from "../answer_stream.ts";
import type { QueryTask } from "../query_runner.ts";
import type { FromQueryWorker, ToQueryWorker, WorkerSettings } from "./messages.ts";

export interface HeavyQueriesParts {
  /** Samples above which a query is heavy. */
  readonly samplesMax: number;
  readonly start: () => WorkerHandle<ToQueryWorker>;
  /** Answers a worker; undefined where no worker could read the database. */
  readonly serveViews: () => ViewHost | undefined;
  /** Those of a worker that is started now. */
  readonly settings: () => Omit<WorkerSettings, "database">;
  readonly logger: Logger;
  /** Runs a callback later; returns what cancels it. */
  readonly after: (ms: number, callback: () => void) => () => void;
  /** Called when the worker has ended. */
  readonly onEnd: () => void;
}

/** A worker without work is ended after this time. */
const IDLE_MS = 30_000;

/** The pieces of one answer as they come. */
class Arrivals implements AsyncIterator<Piece, undefined> {
  readonly #onTaken: () => void;
  readonly #onReturn: () => void;
  readonly #ready: Piece[] = [];
  #isOver = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(onTaken: () => void, onReturn: () => void) {
    this.#onTaken = onTaken;
    this.#onReturn = onReturn;
  }

  add(piece: Piece): void {
    this.#ready.push(piece);
    this.#wake?.();
  }

  /** No more pieces come; `error`: because of it. */
  end(error?: unknown): void {
    this.#isOver = true;
    this.#error = error;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Piece, undefined>> {
    while (this.#ready.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const value = this.#ready.shift();
    if (value !== undefined) {
      this.#onTaken();
      return { done: false, value };
    }
    if (this.#error !== undefined) throw this.#error;
    return { done: true, value: undefined };
  }

  return(): Promise<IteratorResult<Piece, undefined>> {
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }
}

interface Started {
  readonly handle: WorkerHandle<ToQueryWorker>;
  readonly host: ViewHost;
  readonly channel: AnswerChannel;
  readonly jobs: Map<number, Arrivals>;
  isReady: boolean;
}

export class HeavyQueries implements Disposable {
  readonly #parts: HeavyQueriesParts;
  #started: Started | undefined;
  #isUnavailable = false;
  #nextId = 1;
  #count = 0;
  #cancelIdle: (() => void) | undefined;

  constructor(parts: HeavyQueriesParts) {
    this.#parts = parts;
  }

  /** Samples above which a query is to be evaluated here; Infinity where that is not possible. */
  get samplesMax(): number {
    return this.#isUnavailable ? Infinity : this.#parts.samplesMax;
  }

  /** Queries so far. */
  get count(): number {
    return this.#count;
  }

  get isStarted(): boolean {
    return this.#started !== undefined;
  }

  /**
   * Evaluates a query; the pieces of the answer come as they are taken, the first once it is evaluated. Their iteration
   * rejects with the query's error. Undefined where no worker can be had.
   */
  run(task: QueryTask, signal: AbortSignal): AsyncIterator<Piece, undefined> | undefined {
    const started = this.#start();
    if (started === undefined) return undefined;
    const { handle, jobs } = started;
    const id = this.#nextId++;
    this.#count++;
    this.#cancelIdle?.();
    const finish = () => this.#finish(started, id);
    const cancel = () => {
      if (!jobs.has(id)) return;
      handle.postMessage({ kind: "cancel", id });
      finish();
    };
    const arrivals = new Arrivals(() => {
      if (jobs.has(id)) handle.postMessage({ kind: "more", id });
    }, cancel);
    jobs.set(id, arrivals);
    handle.ref?.();
    signal.addEventListener("abort", () => {
      arrivals.end(new PromqlError("canceled", "query was canceled in expression evaluation"));
      cancel();
    }, { once: true });
    handle.postMessage({ kind: "run", id, task });
    return arrivals;
  }

  /** Ends the worker, and the queries in it. */
  [Symbol.dispose](): void {
    this.#isUnavailable = true;
    this.#drop(new PromqlError("unavailable", "the server is stopping"));
  }

  #start(): Started | undefined {
    if (this.#started !== undefined || this.#isUnavailable) return this.#started;
    const host = this.#parts.serveViews();
    if (host === undefined) {
      this.#isUnavailable = true;
      return undefined;
    }
    try {
      const channel = new AnswerChannel();
      const handle = this.#parts.start();
      const started: Started = { handle, host, channel, jobs: new Map(), isReady: false };
      handle.onmessage = ({ data }) => this.#receive(started, data as FromQueryWorker);
      handle.onerror = (event) => {
        event.preventDefault();
        this.#noticeDeath(started, event.message);
      };
      const settings = { ...this.#parts.settings(), database: host.description };
      handle.postMessage({ kind: "open", shared: channel.shared, settings });
      return this.#started = started;
    } catch (error) {
      host[Symbol.dispose]();
      this.#noticeUnavailable(String(error));
      return undefined;
    }
  }

  #receive(started: Started, message: FromQueryWorker): void {
    switch (message.kind) {
      case "ready":
        started.isReady = true;
        return;
      case "ask":
        return started.channel.give(message.asked, (question) => started.host.answer(question));
      case "piece":
        return started.jobs.get(message.id)?.add(message.piece);
      case "end":
        started.jobs.get(message.id)?.end();
        return this.#finish(started, message.id);
      case "failed": {
        const error = new PromqlError(message.type, message.message);
        // That of the place in the worker, for the log.
        if (message.stack !== undefined) error.stack = message.stack;
        started.jobs.get(message.id)?.end(error);
        return this.#finish(started, message.id);
      }
    }
  }

  /** The worker waits for another query for a while. */
  #finish(started: Started, id: number): void {
    if (!started.jobs.delete(id) || started.jobs.size > 0) return;
    started.handle.unref?.();
    this.#cancelIdle = this.#parts.after(IDLE_MS, () => this.#drop());
  }

  #noticeDeath(started: Started, reason: string): void {
    if (started !== this.#started) return;
    if (!started.isReady) this.#noticeUnavailable(reason);
    else this.#parts.logger.log("error", "The query worker died", { reason });
    this.#drop(new PromqlError("unavailable", "the thread that evaluated the query has died"));
  }

  #noticeUnavailable(reason: string): void {
    this.#isUnavailable = true;
    this.#parts.logger.log("warn", "Heavy queries run on the event loop", { reason });
  }

  #drop(error?: PromqlError): void {
    this.#cancelIdle?.();
    const started = this.#started;
    if (started === undefined) return;
    this.#started = undefined;
    started.handle.terminate();
    started.host[Symbol.dispose]();
    for (const arrivals of started.jobs.values()) arrivals.end(error);
    started.jobs.clear();
    this.#parts.onEnd();
  }
}
