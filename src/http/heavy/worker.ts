/**
 * The worker that evaluates heavy queries beside the event loop: an entry point of its own. It has its own kernels and reads
 * segment files itself; what is selected, deleted or in the head it asks of the event loop, where the database is open.
 * Queries that run at once take turns here as they do there.
 */
import process from "node:process";
import { AskChannel, defaultComponents, RemoteDatabase, SampleText } from "../../../engine/mod.ts";
import { MemoryGuard } from "../../memory_guard.ts";
import { EngineQueryable } from "../../promql/engine_queryable.ts";
import type { PromqlErrorKind } from "../../promql/errors.ts";
import { parseQuery } from "../../promql/parser.ts";
import { QueryEngine } from "../../promql/query_engine.ts";
import { type HeldBytes, QueryMemory, WORKER_SHARE } from "../../query_memory.ts";
import { bytesOf } from "../answer_stream.ts";
import { describe } from "../prometheus_answers.ts";
import { QueryRunner, type QueryTask, type RunningAnswer } from "../query_runner.ts";
import {
  type FromQueryWorker,
  PIECES_AHEAD,
  type ToQueryWorker,
  type WorkerSettings,
} from "./messages.ts";

/** What of a worker's global scope is used here. */
interface WorkerScope {
  onmessage: ((event: { readonly data: ToQueryWorker }) => void) | null;
  postMessage(message: FromQueryWorker, transfer?: readonly ArrayBuffer[]): void;
}

interface Job {
  readonly id: number;
  readonly controller: AbortController;
  answer: RunningAnswer | undefined;
  credits: number;
}

const scope = globalThis as unknown as WorkerScope;

class QueryWorker {
  readonly #runner: QueryRunner;
  readonly #experimental: boolean;
  readonly #guard: MemoryGuard;
  readonly #jobs = new Map<number, Job>();

  constructor(shared: SharedArrayBuffer, settings: WorkerSettings) {
    const channel = new AskChannel(shared, (asked) => scope.postMessage({ kind: "ask", asked }));
    const database = new RemoteDatabase(
      settings.database,
      defaultComponents().fileSystem,
      (question) => channel.ask(question),
    );
    this.#experimental = settings.experimental;
    this.#guard = new MemoryGuard({
      residentBytes: () => process.memoryUsage.rss(),
      engineBytes: () => settings.engineBytes + database.kernels.memoryBytes,
      collect: (atOnce) => void Bun.gc(atOnce),
    });
    const held: HeldBytes = { all: new Float64Array(settings.heldBytes), own: WORKER_SHARE };
    const memory = new QueryMemory(settings.heldBytesMax, () => {}, held);
    this.#guard.watch(() => memory.ownBytes);
    this.#runner = new QueryRunner({
      engine: new QueryEngine({
        queryable: new EngineQueryable(database),
        lookbackMs: settings.lookbackMs,
        limits: settings.limits,
        memory,
        onPause: () => this.#guard.paused(),
      }),
      sampleText: new SampleText(database.kernels),
      answerBytesMax: settings.answerBytesMax,
    });
  }

  async run(id: number, task: QueryTask): Promise<void> {
    const controller = new AbortController();
    const job: Job = { id, controller, answer: undefined, credits: PIECES_AHEAD };
    this.#jobs.set(id, job);
    try {
      const expr = parseQuery(task.query, { experimental: this.#experimental });
      job.answer = await this.#runner.run(expr, task, { signal: controller.signal });
      if (controller.signal.aborted) this.#end(job);
      else this.#send(job);
    } catch (error) {
      this.#fail(job, error);
    }
  }

  more(id: number): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    job.credits++;
    try {
      if (job.answer !== undefined) this.#send(job);
    } catch (error) {
      this.#fail(job, error);
    }
  }

  cancel(id: number): void {
    const job = this.#jobs.get(id);
    job?.controller.abort();
    if (job?.answer !== undefined) this.#end(job);
  }

  /** Sends what there are credits for. */
  #send(job: Job): void {
    const { id, answer } = job;
    for (; job.credits > 0; job.credits--) {
      const next = answer!.pieces.next();
      if (next.done === true) {
        this.#end(job);
        scope.postMessage({ kind: "end", id });
        return;
      }
      const piece = bytesOf(next.value);
      scope.postMessage({ kind: "piece", id, piece }, [piece.buffer]);
    }
  }

  #fail(job: Job, error: unknown): void {
    this.#end(job);
    const { type, message } = describe(error);
    const stack = error instanceof Error ? error.stack : undefined;
    // The kinds of an evaluation; those of the HTTP layer do not come from one.
    scope.postMessage({
      kind: "failed",
      id: job.id,
      type: type as PromqlErrorKind,
      message,
      stack,
    });
  }

  #end(job: Job): void {
    job.answer?.release();
    this.#jobs.delete(job.id);
    // Later, when nothing refers to the result any more.
    setTimeout(() => this.#guard.look(), 0);
  }
}

let worker: QueryWorker | undefined;

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case "open":
      worker = new QueryWorker(data.shared, data.settings);
      return;
    case "run":
      void worker?.run(data.id, data.task);
      return;
    case "more":
      return worker?.more(data.id);
    case "cancel":
      return worker?.cancel(data.id);
  }
};
scope.postMessage({ kind: "ready" });
