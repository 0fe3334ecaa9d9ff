/** The event loop's end of heavy queries, over a worker that the test plays. */
import { describe, expect, test } from "bun:test";
import { Storage, type WorkerHandle } from "../../../engine/mod.ts";
import { HeavyQueries } from "../../../src/http/heavy/heavy_queries.ts";
import type { FromQueryWorker, ToQueryWorker } from "../../../src/http/heavy/messages.ts";
import type { QueryTask } from "../../../src/http/query_runner.ts";
import { ManualClock } from "../../support/manual_clock.ts";
import { TemporaryDirectory } from "../../support/temporary_directory.ts";

const TASK: QueryTask = { query: "m", at: 0, limit: undefined, withStats: false, waitedMs: 0 };
const PIECE = new TextEncoder().encode("piece");
const IDLE_MS = 30_000;

class FakeWorker implements WorkerHandle<ToQueryWorker> {
  onmessage: WorkerHandle<ToQueryWorker>["onmessage"] = null;
  onerror: WorkerHandle<ToQueryWorker>["onerror"] = null;
  readonly received: ToQueryWorker[] = [];
  isTerminated = false;

  postMessage(message: ToQueryWorker): void {
    this.received.push(message);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  say(message: FromQueryWorker): void {
    this.onmessage?.(new MessageEvent("message", { data: message }));
  }

  die(message: string): void {
    this.onerror?.(new ErrorEvent("error", { message }));
  }

  /** Kinds of messages for a query. */
  kinds(id: number): string[] {
    return this.received.filter((each) => "id" in each && each.id === id).map(({ kind }) => kind);
  }
}

class Bench implements AsyncDisposable {
  readonly workers: FakeWorker[] = [];
  readonly clock = new ManualClock();
  readonly logged: string[] = [];
  ended = 0;
  readonly heavy: HeavyQueries;
  readonly #directory: TemporaryDirectory;
  readonly #storage: Storage;

  private constructor(directory: TemporaryDirectory, storage: Storage, canStart: boolean) {
    this.#directory = directory;
    this.#storage = storage;
    this.heavy = new HeavyQueries({
      samplesMax: 100,
      start: () => {
        if (!canStart) throw new Error("no threads");
        const worker = new FakeWorker();
        this.workers.push(worker);
        return worker;
      },
      serveViews: () => storage.database.serveViews(),
      settings: () => ({
        limits: {},
        lookbackMs: 300_000,
        experimental: true,
        answerBytesMax: 1_000,
        engineBytes: 0,
        heldBytes: new SharedArrayBuffer(16),
        heldBytesMax: 1_000,
      }),
      logger: { log: (level, message) => void this.logged.push(`${level} ${message}`) },
      after: (ms, callback) => this.clock.after(ms, callback),
      onEnd: () => this.ended++,
    });
  }

  static async open(canStart = true, inMemory = false): Promise<Bench> {
    const directory = new TemporaryDirectory();
    const options = inMemory ? {} : { path: directory.path };
    return new Bench(directory, await Storage.open(options), canStart);
  }

  run(signal = new AbortController().signal) {
    return this.heavy.run(TASK, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.heavy[Symbol.dispose]();
    await this.#storage.close();
    this.#directory[Symbol.dispose]();
  }
}

describe("HeavyQueries", () => {
  test("passes pieces on, asks for more as they are taken, and ends", async () => {
    await using bench = await Bench.open();
    const pieces = bench.run()!;
    const [worker] = bench.workers;
    worker!.say({ kind: "ready" });
    worker!.say({ kind: "piece", id: 1, piece: PIECE });
    expect(await pieces.next()).toEqual({ done: false, value: PIECE });
    worker!.say({ kind: "end", id: 1 });
    expect(await pieces.next()).toEqual({ done: true, value: undefined });
    expect(worker!.kinds(1)).toEqual(["run", "more"]);
    expect(bench.heavy.count).toBe(1);
  });

  test("an error comes out of the iteration, with its kind", async () => {
    await using bench = await Bench.open();
    const pieces = bench.run()!;
    const stack = "where it was";
    bench.workers[0]!.say({ kind: "failed", id: 1, type: "timeout", message: "too long", stack });
    expect(pieces.next()).rejects.toMatchObject({ kind: "timeout", message: "too long", stack });
  });

  test("a client that goes away cancels its query only", async () => {
    await using bench = await Bench.open();
    const controller = new AbortController();
    const gone = bench.run(controller.signal)!;
    const kept = bench.run()!;
    const [worker] = bench.workers;
    controller.abort();
    expect(gone.next()).rejects.toMatchObject({ kind: "canceled" });
    worker!.say({ kind: "piece", id: 2, piece: PIECE });
    expect((await kept.next()).value).toEqual(PIECE);
    expect([worker!.kinds(1), worker!.kinds(2)]).toEqual([["run", "cancel"], ["run", "more"]]);
    await kept.return!();
    expect(worker!.kinds(2)).toEqual(["run", "more", "cancel"]);
  });

  test("a worker without work ends after a while, one with work does not", async () => {
    await using bench = await Bench.open();
    bench.run();
    bench.clock.advance(2 * IDLE_MS);
    expect(bench.heavy.isStarted).toBe(true);
    bench.workers[0]!.say({ kind: "end", id: 1 });
    bench.clock.advance(IDLE_MS - 1);
    expect(bench.heavy.isStarted).toBe(true);
    bench.clock.advance(1);
    expect(bench.heavy.isStarted).toBe(false);
    expect(bench.workers[0]!.isTerminated).toBe(true);
    expect(bench.ended).toBe(1);
    bench.run();
    expect(bench.workers.length).toBe(2);
  });

  test("a worker that dies fails its queries, and the next one gets a new worker", async () => {
    await using bench = await Bench.open();
    const pieces = bench.run()!;
    bench.workers[0]!.say({ kind: "ready" });
    bench.workers[0]!.die("out of memory");
    expect(pieces.next()).rejects.toMatchObject({ kind: "unavailable" });
    expect(bench.logged).toEqual(["error The query worker died"]);
    expect(bench.run()).toBeDefined();
    expect(bench.workers.length).toBe(2);
  });

  test.each([
    { name: "cannot be started", canStart: false, inMemory: false },
    { name: "could not read a database in memory", canStart: true, inMemory: true },
  ])("where a worker $name, queries stay on the event loop", async ({ canStart, inMemory }) => {
    await using bench = await Bench.open(canStart, inMemory);
    expect(bench.heavy.samplesMax).toBe(100);
    expect(bench.run()).toBeUndefined();
    expect(bench.heavy.samplesMax).toBe(Infinity);
  });

  test("ends what runs when it is disposed", async () => {
    await using bench = await Bench.open();
    const pieces = bench.run()!;
    bench.heavy[Symbol.dispose]();
    expect(pieces.next()).rejects.toMatchObject({ kind: "unavailable" });
    expect(bench.workers[0]!.isTerminated).toBe(true);
    expect(bench.run()).toBeUndefined();
  });
});
