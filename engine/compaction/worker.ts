/**
 * The worker that compacts beside the event loop: an entry point of its own. It has its own kernels and reads and writes
 * the machine's files; definitions of sources come from the event loop, where the registry lives.
 */
import { serveJobs } from "../background/worker_side.ts";
import { NodeFileSystem } from "../fs/node_file_system.ts";
import { Kernels } from "../kernels/kernels.ts";
import { compact } from "./compactor.ts";
import type { CompactionJob, WorkerAnswer } from "./job.ts";
import { Pace } from "./pace.ts";

const fileSystem = new NodeFileSystem();
const kernels = new Kernels();

serveJobs(async (message, context): Promise<WorkerAnswer> => {
  const job = message as CompactionJob;
  const pace = new Pace({
    monotonicMs: () => performance.now(),
    bytesPerSecond: job.bytesPerSecond,
    sliceMs: Infinity,
    isAborted: () => context.isAborted,
    wait: (ms) => {
      context.sleep(ms);
      return undefined;
    },
  });
  const result = await compact(job, {
    fileSystem,
    kernels,
    sources: { encode: (ids) => context.ask(ids) },
    pace: (writtenBytes) => pace.step(writtenBytes),
  });
  return { ...result, memoryBytes: kernels.memoryBytes };
});
