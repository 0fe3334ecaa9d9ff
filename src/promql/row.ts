/**
 * Rows: the samples of one series at all steps of a grid, and streams of rows.
 *
 * A row has one entry a step in `kinds` and `values`; `histograms` is used only where `kinds` says so. Presence stands
 * beside the values because NaN is a value and the runtime does not keep NaN payloads when numbers are copied.
 */
import type { NativeHistogram } from "./histogram.ts";
import { NO_LABELS } from "./labels.ts";
import type { Labels } from "./queryable.ts";

/** What stands at a step. */
export const ABSENT = 0;
export const FLOAT = 1;
export const HISTOGRAM = 2;

export type HistogramColumn = (NativeHistogram | undefined)[];

/** Columns of a row that it gave up for others. */
export type SpareColumns = Pick<Row, "kinds" | "values">;

/** What tells its labels when it is asked: a selected series, which may have to put them together. */
export interface Labelled {
  readonly labels: Labels;
  /**
   * The labels but for the metric's name, some values of which may be empty, where they are at hand without being put
   * together.
   */
  readonly tags?: Labels | undefined;
}

export class Row {
  #labels: Labels | undefined = NO_LABELS;
  #source: Labelled | undefined;
  /** The metric's name, type and unit are to be removed at the end of the query. */
  dropName = false;
  kinds: Uint8Array;
  values: Float64Array;
  /** Entries count only where `kinds` is HISTOGRAM. */
  histograms: HistogramColumn | undefined = undefined;

  /** Columns that nobody uses can be given instead of new ones; what is in them is lost. */
  constructor(steps: number, spare?: SpareColumns) {
    if (spare === undefined) {
      this.kinds = new Uint8Array(steps);
      this.values = new Float64Array(steps);
    } else {
      this.kinds = spare.kinds.fill(ABSENT);
      this.values = spare.values;
    }
  }

  get labels(): Labels {
    return this.#labels ??= this.#source!.labels;
  }

  set labels(labels: Labels) {
    this.#labels = labels;
    this.#source = undefined;
  }

  /** Tags of the series whose labels the row has, unless labels have been put together. */
  get tags(): Labels | undefined {
    return this.#labels === undefined ? this.#source!.tags : undefined;
  }

  /** Has the labels of a series, which are put together only if somebody reads them. */
  takeLabels(source: Labelled): void {
    this.#labels = undefined;
    this.#source = source;
  }

  /** Has the labels of another row, as they stand there. */
  shareLabels(other: Row): void {
    this.#labels = other.#labels;
    this.#source = other.#source;
  }

  /** Forgets all samples. */
  clear(): void {
    this.kinds.fill(ABSENT);
    this.histograms = undefined;
  }

  setFloat(step: number, value: number): void {
    this.kinds[step] = FLOAT;
    this.values[step] = value;
  }

  setHistogram(step: number, histogram: NativeHistogram): void {
    this.histograms ??= new Array<NativeHistogram | undefined>(this.kinds.length);
    this.kinds[step] = HISTOGRAM;
    this.histograms[step] = histogram;
  }

  /** Takes over the sample of another row. */
  copyFrom(other: Row, step: number): void {
    if (other.kinds[step] === HISTOGRAM) this.setHistogram(step, other.histograms![step]!);
    else if (other.kinds[step] === FLOAT) this.setFloat(step, other.values[step]!);
    else this.kinds[step] = ABSENT;
  }

  get isEmpty(): boolean {
    const { kinds } = this;
    for (let step = 0; step < kinds.length; step++) if (kinds[step] !== ABSENT) return false;
    return true;
  }
}

/**
 * Rows one after the other. `next` fills the given row, or replaces its columns; false at the end. The caller owns the
 * row and may change it. A row may be empty.
 */
export interface RowStream {
  next(row: Row): boolean;
}

/** Hands out rows that exist already; who collects rows may take them as they are. */
export class StoredRows implements RowStream {
  readonly rows: readonly Row[];
  #at = 0;

  constructor(rows: readonly Row[]) {
    this.rows = rows;
  }

  next(row: Row): boolean {
    const source = this.rows[this.#at++];
    if (source === undefined) return false;
    row.shareLabels(source);
    row.dropName = source.dropName;
    row.kinds = source.kinds;
    row.values = source.values;
    row.histograms = source.histograms;
    return true;
  }
}

export function streamOf(rows: readonly Row[]): RowStream {
  return new StoredRows(rows);
}

/** Changes each row of a stream in place. */
export function mapRows(source: RowStream, change: (row: Row) => void): RowStream {
  return {
    next(row) {
      if (!source.next(row)) return false;
      change(row);
      return true;
    },
  };
}
