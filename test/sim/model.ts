/**
 * What a database must hold, kept beside it in plain maps.
 *
 * An operation is sure once it was acknowledged. Of those that were under way when the machine stopped, any may have
 * happened, each as a whole: writes in the order in which they were made (one is there only when those before it are),
 * deletions each for itself.
 */

import { Doubts } from "./doubts.ts";

/** Values of one series by time, as texts. */
export type SeriesState = Map<bigint, string>;
/** By series: metric, then tags. */
export type State = Map<string, SeriesState>;

export interface WrittenPoint {
  readonly series: string;
  readonly time: bigint;
  readonly value: string;
}

/** Numbers of the first and the last write that gave a point some value. */
export interface WritesOfValue {
  readonly first: number;
  readonly last: number;
}

export interface ModelOperation {
  /** Like a deletion, a loose write is there or not whatever became of others. */
  kind: "write" | "loose write" | "delete";
  readonly apply: (state: State) => void;
  /** Removes doubts about the points that the operation writes or deletes. */
  clear: (doubts: Doubts) => void;
  isSure: boolean;
  /** Whether a view sees it while the database is open. */
  isVisible: boolean;
}

/** Operations, each of which may have happened or not, beyond which nobody could tell what did. */
const UNSURE_MAX = 10;

export class Model {
  #base: State = new Map();
  #operations: ModelOperation[] = [];
  #trail: ModelOperation[] | undefined;
  /** Points before it may be gone; undefined while there is no retention. */
  highestCutoff: bigint | undefined;
  /** Points of damaged files. */
  readonly doubts: Doubts = new Doubts();
  /** Every value that was ever written to a point; kept only where `remembers` is set. */
  readonly #values = new Map<string, Map<bigint, Map<string, WritesOfValue>>>();
  #writes = 0;
  remembers = false;

  write(points: readonly WrittenPoint[]): ModelOperation {
    if (this.remembers) this.#remember(points);
    const apply = (state: State) => {
      for (const { series, time, value } of points) {
        let values = state.get(series);
        if (values === undefined) state.set(series, values = new Map());
        values.set(time, value);
      }
    };
    const clear = (doubts: Doubts) => {
      for (const { series, time } of points) doubts.clear(series, time);
    };
    return this.#add({ kind: "write", apply, clear, isSure: false, isVisible: true });
  }

  delete(
    matches: (series: string) => boolean,
    range: { readonly start: bigint; readonly end: bigint },
  ): ModelOperation {
    const apply = (state: State) => {
      for (const [series, values] of state) {
        if (!matches(series)) continue;
        for (const time of values.keys()) {
          if (time >= range.start && time < range.end) values.delete(time);
        }
      }
    };
    const clear = (doubts: Doubts) => doubts.clearWhere(matches, range);
    return this.#add({ kind: "delete", apply, clear, isSure: false, isVisible: false });
  }

  /** The operation was acknowledged. */
  confirm(operation: ModelOperation): void {
    operation.isSure = true;
    operation.isVisible = true;
    if (operation.kind === "write") this.#confirmWritesBefore(operation);
    this.#fold();
  }

  /** Nothing of the operation happened. */
  drop(operation: ModelOperation): void {
    this.#operations = this.#operations.filter((each) => each !== operation);
    this.#fold();
  }

  /**
   * The process was started again without a power cut. What it could not sync may be there now, and still go with the
   * machine, since the kernel does not write it again; later writes say nothing about it.
   */
  noteRestart(): void {
    for (const operation of this.#operations) {
      if (operation.kind === "write" && !operation.isSure) operation.kind = "loose write";
    }
  }

  /** Every write so far is sure. */
  confirmWrites(): void {
    for (const operation of this.#operations) {
      if (operation.kind === "write") operation.isSure = true;
    }
    this.#fold();
  }

  get hasUnsureDeletions(): boolean {
    return this.#operations.some(({ kind, isSure }) => kind === "delete" && !isSure);
  }

  /** What an open database shows now. */
  visible(): State {
    return this.#with((operation) => operation.isVisible);
  }

  /** What may be found after a crash, likeliest first. */
  *possible(): Generator<State> {
    const unsure = this.#operations.filter(({ isSure }) => !isSure);
    const writes = unsure.filter(({ kind }) => kind === "write");
    const deletions = unsure.filter(({ kind }) => kind !== "write");
    if (deletions.length > UNSURE_MAX) throw new Error("Too many operations under way");
    for (let kept = writes.length; kept >= 0; kept--) {
      const lost = new Set(writes.slice(kept));
      for (let mask = 2 ** deletions.length - 1; mask >= 0; mask--) {
        const undone = new Set(deletions.filter((_, i) => (mask & (1 << i)) === 0));
        yield this.#with((operation) => !lost.has(operation) && !undone.has(operation));
      }
    }
  }

  /** The operations that are made from now on, as they come, for `statesAfter`. */
  follow(): readonly ModelOperation[] {
    return this.#trail = [];
  }

  /** From now on there are doubts, which nothing that happened before removes. */
  beginDoubts(): void {
    for (const operation of this.#operations) operation.clear = () => {};
  }

  /** The writes that gave the point this value; undefined where none did. */
  writesOf(series: string, time: bigint, value: string): WritesOfValue | undefined {
    return this.#values.get(series)?.get(time)?.get(value);
  }

  /** From now on this is what is known. */
  settle(state: State): void {
    this.#base = state;
    this.#operations = [];
  }

  #add(operation: ModelOperation): ModelOperation {
    this.#operations.push(operation);
    this.#trail?.push(operation);
    return operation;
  }

  #confirmWritesBefore(operation: ModelOperation): void {
    for (const each of this.#operations) {
      if (each === operation) return;
      if (each.kind === "write") each.isSure = true;
    }
  }

  #fold(): void {
    while (this.#operations[0]?.isSure === true) {
      const operation = this.#operations.shift()!;
      operation.apply(this.#base);
      if (!this.doubts.isEmpty) operation.clear(this.doubts);
    }
  }

  #remember(points: readonly WrittenPoint[]): void {
    this.#writes++;
    for (const { series, time, value } of points) {
      let times = this.#values.get(series);
      if (times === undefined) this.#values.set(series, times = new Map());
      const values = times.get(time);
      const first = values?.get(value)?.first ?? this.#writes;
      const writes = { first, last: this.#writes };
      if (values === undefined) times.set(time, new Map([[value, writes]]));
      else values.set(value, writes);
    }
  }

  #with(holds: (operation: ModelOperation) => boolean): State {
    const state: State = new Map();
    for (const [series, values] of this.#base) state.set(series, new Map(values));
    for (const operation of this.#operations) if (holds(operation)) operation.apply(state);
    return state;
  }
}

/** What may be found of operations made after a state: a beginning of the writes, and any of the deletions. */
export function* statesAfter(
  start: State,
  operations: readonly ModelOperation[],
): Generator<State> {
  const writes = operations.filter(({ kind }) => kind !== "delete");
  const deletions = operations.filter(({ kind }) => kind === "delete");
  for (let kept = writes.length; kept >= 0; kept--) {
    for (let mask = 2 ** deletions.length - 1; mask >= 0; mask--) {
      const left = new Set([
        ...writes.slice(kept),
        ...deletions.filter((_, i) => (mask & (1 << i)) === 0),
      ]);
      const state: State = new Map();
      for (const [series, values] of start) state.set(series, new Map(values));
      for (const operation of operations) if (!left.has(operation)) operation.apply(state);
      yield state;
    }
  }
}

/** Which differences are none. */
export interface Cutoffs {
  /** Points before it must not be shown. */
  readonly current: bigint | undefined;
  /** About points before it nothing is promised. */
  readonly highest: bigint | undefined;
  /** Points up to it may be gone; those that are there are right. */
  readonly evicted?: bigint | undefined;
  readonly doubts?: Doubts | undefined;
}

export const NO_CUTOFFS: Cutoffs = { current: undefined, highest: undefined };

/** The first difference between what should be and what is; undefined where there is none. */
export function difference(expected: State, found: State, cutoffs: Cutoffs): string | undefined {
  const { current, highest, evicted, doubts } = cutoffs;
  for (const [series, values] of found) {
    const wanted = expected.get(series);
    for (const [time, value] of values) {
      if (current !== undefined && time < current) {
        return `${series} at ${time}: found ${value} before the retention's ${current}`;
      }
      if (highest !== undefined && time < highest) continue;
      const right = wanted?.get(time);
      if (right === value || doubts?.allows(series, time, value) === true) continue;
      return `${series} at ${time}: found ${value}, expected ${right}`;
    }
  }
  for (const [series, values] of expected) {
    const there = found.get(series);
    for (const [time, value] of values) {
      if (highest !== undefined && time < highest) continue;
      if (evicted !== undefined && time <= evicted) continue;
      if (there?.has(time) === true || doubts?.allows(series, time, undefined) === true) continue;
      return `${series} at ${time}: missing, expected ${value}`;
    }
  }
  return undefined;
}
