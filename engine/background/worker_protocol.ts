/**
 * What event loop and worker say to each other. A job goes over as one message, its result comes back as one; what a job
 * needs of the event loop it asks through ask_channel.ts.
 */
import type { Asked } from "./ask_channel.ts";

export type ToWorker = {
  readonly kind: "run";
  readonly job: unknown;
  readonly shared: SharedArrayBuffer;
};

export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly result: unknown }
  | { readonly kind: "failed"; readonly code: string | undefined; readonly message: string }
  | { readonly kind: "ask"; readonly asked: Asked };
