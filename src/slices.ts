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
  #isDue = false;
  #began = performance.now();

  /** `itemsPerClock`: items between two looks at the clock. */
  constructor(itemsPerClock: number) {
    this.#itemsPerClock = itemsPerClock;
  }

  /** Whether it is time to `pause`; once it is, it stays so until then. */
  get isDue(): boolean {
    if (++this.#items % this.#itemsPerClock !== 0) return this.#isDue;
    const now = performance.now();
    // A turn counts from the first work in it that looks at the clock: small ones end before they do.
    if (!isTurning) {
      turnBegan = this.#began;
      awaitTurn();
    }
    return this.#isDue ||= now - this.#began > SLICE_MS || now - turnBegan > TURN_MS;
  }

  /** Lets other work of the event loop run. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      paused.push(resolve);
      awaitTurn();
    });
    this.#isDue = false;
    this.#began = performance.now();
  }
}

/** What a loop over many items has to know to pause in time. */
export type Pauses = Pick<Slices, "isDue" | "pause">;

/** Visits each item, with pauses. `itemsPerLook`: how many items, where they take nanoseconds, are worth a question. */
export async function forEachInSlices<T>(
  items: readonly T[],
  pauses: Pauses,
  visit: (item: T) => void,
  itemsPerLook: number = 1,
): Promise<void> {
  let at = 0;
  for (;;) {
    at = visitSlice(items, at, { pauses, visit, itemsPerLook });
    if (at === items.length) return;
    await pauses.pause();
  }
}

interface Visit<T> {
  readonly pauses: Pauses;
  readonly visit: (item: T) => void;
  readonly itemsPerLook: number;
}

/** Visits items up to the next pause, and returns where to go on: loops of asynchronous functions are not as fast. */
function visitSlice<T>(
  items: readonly T[],
  start: number,
  { pauses, visit, itemsPerLook }: Visit<T>,
): number {
  let left = itemsPerLook;
  for (let at = start; at < items.length; at++) {
    visit(items[at]!);
    if (--left > 0) continue;
    left = itemsPerLook;
    if (pauses.isDue) return at + 1;
  }
  return items.length;
}

type Compare<T> = (left: T, right: T) => number;

/** Sorts in place as `sort` does, equal items in the order in which they came, with pauses. */
export async function sortInSlices<T>(
  items: T[],
  compare: Compare<T>,
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
      const merge = new Merge(source, target, start, width);
      while (!merge.advance(compare, pauses)) await pauses.pause();
    }
    [source, target] = [target, source];
  }
  if (source === items) return;
  for (let at = 0; at < items.length; at++) items[at] = source[at]!;
}

/** Merges two sorted runs that follow each other, as far as there are items. */
class Merge<T> {
  readonly #source: readonly T[];
  readonly #target: T[];
  readonly #leftEnd: number;
  readonly #end: number;
  #left: number;
  #right: number;

  constructor(source: readonly T[], target: T[], start: number, width: number) {
    this.#source = source;
    this.#target = target;
    this.#leftEnd = Math.min(start + width, source.length);
    this.#end = Math.min(start + 2 * width, source.length);
    this.#left = start;
    this.#right = this.#leftEnd;
  }

  /** Goes on up to the next pause; true at the end. */
  advance(compare: Compare<T>, pauses: Pauses): boolean {
    const source = this.#source;
    const target = this.#target;
    const leftEnd = this.#leftEnd;
    const end = this.#end;
    let left = this.#left;
    let right = this.#right;
    // Runs that are in order as they stand, as those of several metrics mostly are, are copied.
    if (right < end && compare(source[leftEnd - 1]!, source[right]!) <= 0) {
      for (let at = left + right - leftEnd; left < leftEnd; at++) target[at] = source[left++]!;
    }
    for (let at = left + right - leftEnd; at < end; at++) {
      const takesLeft = left < leftEnd &&
        (right === end || compare(source[left]!, source[right]!) <= 0);
      target[at] = source[takesLeft ? left++ : right++]!;
      if (!pauses.isDue) continue;
      this.#left = left;
      this.#right = right;
      return at + 1 === end;
    }
    return true;
  }
}
