/** The worker's end of worker_protocol.ts: takes jobs one after the other, asks the event loop, sleeps, notices an abort. */
import { isEngineError } from "../errors.ts";
import { AskChannel } from "./ask_channel.ts";
import type { FromWorker, ToWorker } from "./worker_protocol.ts";

/** What a job may do besides computing. */
export type WorkerContext = Pick<AskChannel, "ask" | "isAborted" | "sleep">;

/** What of a worker's global scope is used here. */
interface WorkerScope {
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
}

/** Serves jobs with `handler` for as long as the worker lives. */
export function serveJobs(
  handler: (job: unknown, context: WorkerContext) => Promise<unknown>,
): void {
  const scope = globalThis as unknown as WorkerScope;
  scope.onmessage = ({ data }) => {
    const context = new AskChannel(
      data.shared,
      (asked) => scope.postMessage({ kind: "ask", asked }),
    );
    handler(data.job, context).then(
      (result) => scope.postMessage({ kind: "done", result }),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        const code = isEngineError(error) ? error.code : undefined;
        scope.postMessage({ kind: "failed", code, message });
      },
    );
  };
  scope.postMessage({ kind: "ready" });
}
