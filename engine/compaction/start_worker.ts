/** Starts the worker for compaction, worker.ts. */
import { WorkerExecutor } from "../background/executor.ts";
import { type WorkerHandle, workerUrl } from "../background/worker_handle.ts";
import type { ToWorker } from "../background/worker_protocol.ts";
import type { Clock } from "../components.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { NodeFileSystem } from "../fs/node_file_system.ts";

const FOLDER = "engine/compaction";
/** A worker without work is ended after this time. */
const IDLE_MS = 30_000;

/** Starts a worker for compaction. Throws, or reports by `onerror`, where the runtime has none. */
export function startCompactionWorker(): WorkerHandle<ToWorker> {
  return new Worker(workerUrl(import.meta.url, FOLDER), { type: "module" });
}

/** The executor for a database's compactions; undefined where its files are not the machine's, which is all a worker sees. */
export function compactionExecutor(
  fileSystem: FileSystem,
  clock: Clock,
): WorkerExecutor | undefined {
  if (!(fileSystem instanceof NodeFileSystem)) return undefined;
  return new WorkerExecutor({ clock, start: startCompactionWorker, idleMs: IDLE_MS });
}
