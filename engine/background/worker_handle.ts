/** A worker as the thread that starts it sees it, and where its entry point lies. */

/** What of a Worker is used: `To` goes to it, and it is told of nothing else. */
export interface WorkerHandle<To> {
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: To): void;
  terminate(): void;
  /** Whether the worker keeps the process alive; absent on some runtimes. */
  ref?(): void;
  unref?(): void;
}

/**
 * Address of `worker.ts` in a folder, such as `engine/compaction`, for a module there whose own address is `here`. Run from
 * source it lies beside that module; in the executable the module is part of the bundle at the root, and the worker, an
 * entry point of its own, keeps its path below it.
 */
export function workerUrl(here: string, folder: string): string {
  const beside = new URL("./", here).pathname;
  const isSource = beside.endsWith(`/${folder}/`);
  return new URL(isSource ? "./worker.ts" : `./${folder}/worker.ts`, here).href;
}
