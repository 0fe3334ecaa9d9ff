/**
 * Starts worker.ts. Run from source it lies beside this file; in the executable this file is part of the bundle at the
 * root, and the worker, an entry point of its own, keeps its path below it.
 */
import type { WorkerHandle } from "../background/executor.ts";

const FROM_SOURCE = "/engine/compaction/start_worker.ts";

/** Starts a worker for compaction. Throws, or reports by `onerror`, where the runtime has none. */
export function startCompactionWorker(): WorkerHandle {
  const isSource = import.meta.url.endsWith(FROM_SOURCE);
  const path = isSource ? "./worker.ts" : "./engine/compaction/worker.ts";
  return new Worker(new URL(path, import.meta.url).href, { type: "module" });
}
