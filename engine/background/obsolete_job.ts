/** Removes obsolete files when they have been kept long enough. Without any there is no timer. */
import type { ObsoleteFiles } from "../fs/obsolete_files.ts";
import type { BackgroundJob, JobOutcome } from "./scheduler.ts";

export class ObsoleteJob implements BackgroundJob {
  readonly name = "obsolete files";
  readonly #files: ObsoleteFiles;

  constructor(files: ObsoleteFiles) {
    this.#files = files;
  }

  run(): Promise<JobOutcome> {
    const waitMs = this.#files.sweep();
    return Promise.resolve(waitMs === undefined ? "idle" : { afterMs: Math.max(1, waitMs) });
  }
}
