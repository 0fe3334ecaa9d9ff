/**
 * Group commit: one sync is under way at a time; whoever asks meanwhile shares the next one. A sync begins only when the
 * requests that have arrived are served, so that 64 connections make few large groups instead of many small ones.
 *
 * Invariants
 * - A promise given out resolves only after a sync that began when everything appended before the request was written.
 * - Failure is final: all who wait and all who ask later are refused.
 */
import { EngineError } from "../errors.ts";

interface Group {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface SyncGroupOptions {
  /** Syncs everything appended so far. */
  readonly sync: () => Promise<void>;
  /** How the next sync begins when somebody waits: by itself, or when `begin` is called. */
  readonly beginsItself: boolean;
  /** Runs a callback once what has arrived is served. */
  readonly soon: (callback: () => void) => void;
  /** Told after each sync, and of the failure. */
  readonly onEnd: (error: EngineError | undefined) => void;
}

export class SyncGroup {
  readonly #options: SyncGroupOptions;
  #appended = 0;
  #synced = 0;
  #running: { readonly target: number; readonly promise: Promise<void> } | undefined;
  #waiting: Group | undefined;
  #failure: EngineError | undefined;
  #isBeginning = false;

  constructor(options: SyncGroupOptions) {
    this.#options = options;
  }

  /** The failure that ended all syncing. */
  get failure(): EngineError | undefined {
    return this.#failure;
  }

  get isDirty(): boolean {
    return this.#appended > this.#synced;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Notes that something was written. */
  noteAppend(): void {
    this.#appended++;
  }

  /** Resolves when all that was appended is on the device; undefined when it is. Throws "failed". */
  wait(): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.isDirty) return undefined;
    if (this.#running !== undefined && this.#running.target >= this.#appended) {
      return this.#running.promise;
    }
    this.#waiting ??= newGroup();
    const { promise } = this.#waiting;
    if (this.#options.beginsItself) this.#beginSoon();
    return promise;
  }

  /** Has a sync begin once the requests that have arrived already are served: they share it. */
  #beginSoon(): void {
    if (this.#isBeginning || this.#running !== undefined) return;
    this.#isBeginning = true;
    this.#options.soon(() => {
      this.#isBeginning = false;
      this.begin();
    });
  }

  /** Begins a sync unless one is under way or there is nothing to sync. */
  begin(): void {
    if (this.#running !== undefined || this.#failure !== undefined || !this.isDirty) return;
    const group = this.#waiting ?? newGroup();
    this.#waiting = undefined;
    const target = this.#appended;
    this.#running = { target, promise: group.promise };
    this.#options.sync().then(
      () => this.#end(group, target),
      (error: unknown) => this.#fail(group, error),
    );
  }

  /** Waits for what was appended so far, begun now. Rejects with "failed". */
  async through(): Promise<void> {
    const target = this.#appended;
    while (this.#synced < target) {
      if (this.#failure !== undefined) throw this.#failure;
      this.begin();
      await this.#running?.promise;
    }
  }

  /** Waits for everything, begun now; for closing. Rejects with "failed". */
  async drain(): Promise<void> {
    while (this.#running !== undefined || (this.isDirty && this.#failure === undefined)) {
      this.begin();
      await this.#running?.promise;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #end(group: Group, target: number): void {
    this.#running = undefined;
    this.#synced = Math.max(this.#synced, target);
    this.#options.onEnd(undefined);
    if (this.#waiting !== undefined && this.#options.beginsItself) this.#beginSoon();
    group.resolve();
  }

  #fail(group: Group, cause: unknown): void {
    const failure = new EngineError(
      "failed",
      "Cannot write: syncing the log failed, what was written last may be lost; restart to recover",
      { cause },
    );
    this.#failure = failure;
    this.#running = undefined;
    this.#options.onEnd(failure);
    group.reject(failure);
    this.#waiting?.reject(failure);
    this.#waiting = undefined;
  }
}

function newGroup(): Group {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Nobody need be waiting for a sync that the timer began.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
