/** Starts the worker for heavy queries, worker.ts. */
import { type WorkerHandle, workerUrl } from "../../../engine/mod.ts";
import type { ToQueryWorker } from "./messages.ts";

const FOLDER = "src/http/heavy";

/** Throws, or reports by `onerror`, where the runtime has no workers. */
export function startQueryWorker(): WorkerHandle<ToQueryWorker> {
  // A small heap: what a query leaves behind is collected early, since it is collected beside the event loop.
  const options = { type: "module", smol: true } as const;
  return new Worker(workerUrl(import.meta.url, FOLDER), options);
}
