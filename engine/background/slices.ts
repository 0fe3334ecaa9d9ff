/** Work of many small steps on the event loop, with pauses for whoever else has something to do. */
import type { Clock } from "../components.ts";

/** Longest uninterrupted work in milliseconds. */
const SLICE_MS = 5;

/**
 * Runs `step` until it gives false. Work that is done within one slice is done at once, and nothing is returned; otherwise others
 * run between the slices, and the promise resolves at the end.
 */
export function inSlices(clock: Clock, step: () => boolean): Promise<void> | undefined {
  const isDone = (): boolean => {
    const end = clock.monotonicMs() + SLICE_MS;
    while (step()) if (clock.monotonicMs() > end) return false;
    return true;
  };
  if (isDone()) return undefined;
  const goOn = async (): Promise<void> => {
    do await new Promise<void>((resolve) => clock.soon(resolve)); while (!isDone());
  };
  return goOn();
}
