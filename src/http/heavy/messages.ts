/**
 * What event loop and query worker say to each other. Pieces of an answer come without being asked for, as many as there
 * are credits: PIECES_AHEAD at first, and one more for each `more`.
 */
import type { Asked, RemoteDescription } from "../../../engine/mod.ts";
import type { PromqlErrorKind } from "../../promql/errors.ts";
import type { QueryLimits } from "../../promql/limits.ts";
import type { QueryTask } from "../query_runner.ts";

/** Pieces of an answer that are under way at once, each of 64 KiB and more. */
export const PIECES_AHEAD = 8;

/** How all queries are to be evaluated. */
export interface WorkerSettings {
  readonly database: RemoteDescription;
  readonly limits: Partial<QueryLimits>;
  readonly lookbackMs: number;
  /** Accept what Prometheus calls experimental. */
  readonly experimental: boolean;
  readonly answerBytesMax: number;
  /** What the engine of the event loop holds, at least. */
  readonly engineBytes: number;
  /** What queries hold, on the event loop and here, and how much they may together; see query_memory.ts. */
  readonly heldBytes: SharedArrayBuffer;
  readonly heldBytesMax: number;
}

export type ToQueryWorker =
  | { readonly kind: "open"; readonly shared: SharedArrayBuffer; readonly settings: WorkerSettings }
  | { readonly kind: "run"; readonly id: number; readonly task: QueryTask }
  | { readonly kind: "more"; readonly id: number }
  /** Nobody wants more of the answer. */
  | { readonly kind: "cancel"; readonly id: number };

export type FromQueryWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "ask"; readonly asked: Asked }
  | { readonly kind: "piece"; readonly id: number; readonly piece: Uint8Array<ArrayBuffer> }
  | { readonly kind: "end"; readonly id: number }
  | {
    readonly kind: "failed";
    readonly id: number;
    readonly type: PromqlErrorKind;
    readonly message: string;
    /** Where it happened, for mistakes of our own. */
    readonly stack: string | undefined;
  };
