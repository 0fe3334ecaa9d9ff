/**
 * Long work in slices, so that writes, health checks and small queries never wait for it.
 *
 * A slice ends after SLICE_MS. All long works of the process share the turns of its one event loop: of those that have
 * paused, one goes on a turn. So however many queries run, others wait for one slice at a time.
 */

/** Longest slice in milliseconds: a write, which needs some three turns of the loop, waits three times that. */
const SLICE_MS = 5;
/** Works that begin have a first slice at once, so that small ones need not wait; together no more than this a turn. */
const TURN_MS = 15;
/** Items that are sorted at once. */
const RUN_ITEMS = 512;

/** When the first slice of this turn began. */
let turnBegan = 0;
/** Whether `turn` will be called. */
let isTurning = false;
/** Works that have paused, first come, first served. */
const paused: (() => void)[] = [];

/** Called once a turn of the loop while there is long work. */
function turn(): void {
  turnBegan = performance.now();
  const next = paused.shift();
  isTurning = next !== undefined;
  if (next === undefined) return;
  setImmediate(turn);
  next();
}

function awaitTurn(): void {
  if (isTurning) return;
  isTurning = true;
  setImmediate(turn);
}

/** One long work: asks `isDue` once an item, and awaits `pause` where it says so. */
export class Slices {
  readonly #itemsPerClock: number;
  #items = 0;
  #began = performance.now();

  /** `itemsPerClock`: items between two looks at the clock. */
  constructor(itemsPerClock: number) {
    this.#itemsPerClock = itemsPerClock;
    if (!isTurning) turnBegan = this.#began;
    awaitTurn();
  }

  /** Whether it is time to `pause`. */
  get isDue(): boolean {
    if (++this.#items % this.#itemsPerClock !== 0) return false;
    const now = performance.now();
    return now - this.#began > SLICE_MS || now - turnBegan > TURN_MS;
  }

  /** Lets other work of the event loop run. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      paused.push(resolve);
      awaitTurn();
    });
    this.#began = performance.now();
  }
}

/** What a loop over many items has to know to pause in time. */
export type Pauses = Pick<Slices, "isDue" | "pause">;

/** Visits each item, with pauses. */
export async function forEachInSlices<T>(
  items: Iterable<T>,
  pauses: Pauses,
  visit: (item: T) => void,
): Promise<void> {
  for (const item of items) {
    visit(item);
    if (pauses.isDue) await pauses.pause();
  }
}

/** Sorts in place as `sort` does, equal items in the order in which they came, with pauses. */
export async function sortInSlices<T>(
  items: T[],
  compare: (left: T, right: T) => number,
  pauses: Pauses,
): Promise<void> {
  if (items.length <= RUN_ITEMS) {
    items.sort(compare);
    return;
  }
  let source: T[] = [];
  for (let start = 0; start < items.length; start += RUN_ITEMS) {
    for (const item of items.slice(start, start + RUN_ITEMS).sort(compare)) source.push(item);
    if (pauses.isDue) await pauses.pause();
  }
  let target = items;
  for (let width = RUN_ITEMS; width < items.length; width *= 2) {
    for (let start = 0; start < items.length; start += 2 * width) {
      const bounds = { start, middle: start + width, end: start + 2 * width };
      await merge(source, target, bounds, compare, pauses);
    }
    [source, target] = [target, source];
  }
  if (source === items) return;
  for (let at = 0; at < items.length; at++) items[at] = source[at]!;
}

/** Merges the sorted runs on both sides of `middle`, as far as there are items. */
async function merge<T>(
  source: readonly T[],
  target: T[],
  { start, middle, end }: { readonly start: number; readonly middle: number; readonly end: number },
  compare: (left: T, right: T) => number,
  pauses: Pauses,
): Promise<void> {
  const leftEnd = Math.min(middle, source.length);
  const rightEnd = Math.min(end, source.length);
  // Runs that follow each other already, as those of several metrics mostly do, are copied.
  const inOrder = leftEnd === rightEnd || compare(source[leftEnd - 1]!, source[leftEnd]!) <= 0;
  let left = start;
  let right = inOrder ? rightEnd : leftEnd;
  for (let at = start; at < rightEnd; at++) {
    const takesLeft = inOrder || right === rightEnd ||
      (left < leftEnd && compare(source[left]!, source[right]!) <= 0);
    target[at] = source[takesLeft ? left++ : right++]!;
    if (pauses.isDue) await pauses.pause();
  }
}
