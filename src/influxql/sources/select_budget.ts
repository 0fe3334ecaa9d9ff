/** What one SELECT may read, hold and take: limits with names, memory that is always given back, and pauses. */
import type { QueryMemory } from "../../query_memory.ts";
import { type Pauses, Slices } from "../../slices.ts";
import type { SelectContext, SelectLimits } from "../context.ts";
import type { ReadBudget } from "./engine_series.ts";
import { StatementError } from "../values/result.ts";
import type { Table } from "../values/table.ts";

/** Memory is asked for in steps, so that small statements do not count each table. */
const HOLD_STEP_BYTES = 256 * 1024;
/** About what a value or a time costs, with what computing makes of it. */
const BYTES_PER_CELL = 16;

export class SelectBudget implements ReadBudget, Disposable {
  readonly #limits: SelectLimits;
  readonly #signal: AbortSignal;
  readonly #memory: QueryMemory;
  readonly #slices = new Slices(1);
  readonly #deadline: number;
  #series = 0;
  #points = 0;
  #buckets = 0;
  /** Bytes that are in use, and those taken for them. */
  #held = 0;
  #taken = 0;

  constructor({ limits, signal }: SelectContext, memory: QueryMemory) {
    this.#limits = limits;
    this.#signal = signal;
    this.#memory = memory;
    this.#deadline = limits.timeoutMs > 0 ? performance.now() + limits.timeoutMs : Infinity;
  }

  /** What was read so far. */
  get read(): { readonly series: number; readonly points: number } {
    return { series: this.#series, points: this.#points };
  }

  countSeries(series: number): void {
    this.#series += series;
    refuseBeyond("series", this.#series, this.#limits.seriesMax);
  }

  countPoints(points: number): void {
    this.#points += points;
    refuseBeyond("point", this.#points, this.#limits.pointsMax);
  }

  countBuckets(buckets: number): void {
    this.#buckets += buckets;
    refuseBeyond("buckets", this.#buckets, this.#limits.bucketsMax);
  }

  /** Throws where buckets would be too many, before they are made. */
  checkBuckets(buckets: number): void {
    refuseBeyond("buckets", buckets, this.#limits.bucketsMax);
  }

  holdTable(table: Table): number {
    return this.hold(table.count * (table.columns.length + 1) * BYTES_PER_CELL);
  }

  /** Counts bytes in and returns them. */
  hold(bytes: number): number {
    this.#held += bytes;
    if (this.#held <= this.#taken) return bytes;
    const more = Math.max(HOLD_STEP_BYTES, this.#held - this.#taken);
    if (!this.#memory.take(more)) {
      this.#held -= bytes;
      throw new StatementError(
        `query memory limit exceeded: (${this.#memory.bytes + more}/${this.#memory.bytesMax})`,
      );
    }
    this.#taken += more;
    return bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
    const spare = this.#taken - Math.max(this.#held, HOLD_STEP_BYTES);
    if (spare < 4 * HOLD_STEP_BYTES) return;
    this.#taken -= spare;
    this.#memory.give(spare);
  }

  get pauses(): Pauses {
    return this.#slices;
  }

  /** To be called once an item: pauses in time, and ends what is over. */
  pause(): Promise<void> | undefined {
    if (this.#signal.aborted) this.#signal.throwIfAborted();
    if (!this.#slices.isDue) return undefined;
    if (performance.now() > this.#deadline) {
      throw new StatementError("query-timeout limit exceeded");
    }
    return this.#slices.pause();
  }

  [Symbol.dispose](): void {
    this.#memory.give(this.#taken);
    this.#taken = 0;
    this.#held = 0;
  }
}

function refuseBeyond(what: string, count: number, max: number): void {
  if (max === 0 || count <= max) return;
  throw new StatementError(`max-select-${what} limit exceeded: (${count}/${max})`);
}
