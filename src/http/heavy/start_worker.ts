/**
 * Starts worker.ts. Run from source it lies beside this file; in the executable this file is part of the bundle at the
 * root, and the worker, an entry point of its own, keeps its path below it.
 */
import type { QueryWorkerHandle } from "./heavy_queries.ts";

const FROM_SOURCE = "/src/http/heavy/start_worker.ts";

/** Throws, or reports by `onerror`, where the runtime has no workers. */
export function startQueryWorker(): QueryWorkerHandle {
  const isSource = import.meta.url.endsWith(FROM_SOURCE);
  const path = isSource ? "./worker.ts" : "./src/http/heavy/worker.ts";
  // A small heap: what a query leaves behind is collected early, since it is collected beside the event loop.
  const options = { type: "module", smol: true } as const;
  return new Worker(new URL(path, import.meta.url).href, options) as QueryWorkerHandle;
}
