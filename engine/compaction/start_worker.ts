/**
 * Starts worker.ts. Run from source it lies beside this file; in the executable this file is part of the bundle at the
 * root, and the worker, an entry point of its own, keeps its path below it.
 */
import { WorkerExecutor, type WorkerHandle } from "../background/executor.ts";
import type { Clock } from "../components.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { NodeFileSystem } from "../fs/node_file_system.ts";

const FROM_SOURCE = "/engine/compaction/start_worker.ts";
/** A worker without work is ended after this time. */
const IDLE_MS = 30_000;

/** Starts a worker for compaction. Throws, or reports by `onerror`, where the runtime has none. */
export function startCompactionWorker(): WorkerHandle {
  const isSource = import.meta.url.endsWith(FROM_SOURCE);
  const path = isSource ? "./worker.ts" : "./engine/compaction/worker.ts";
  return new Worker(new URL(path, import.meta.url).href, { type: "module" });
}

/** The executor for a database's compactions; undefined where its files are not the machine's, which is all a worker sees. */
export function compactionExecutor(
  fileSystem: FileSystem,
  clock: Clock,
): WorkerExecutor | undefined {
  if (!(fileSystem instanceof NodeFileSystem)) return undefined;
  return new WorkerExecutor({ clock, start: startCompactionWorker, idleMs: IDLE_MS });
}
