/**
 * Paged scans: rows of several series as one logical stream, read a page at a time. The offset counts rows of the whole
 * stream, so that pages put together are exactly the unpaged result while the data stays as it is. Memory is bounded by
 * the page and one piece of a series; what lies behind the page is not read.
 */
import { EngineError } from "../errors.ts";
import type { DataPoint } from "./aggregate.ts";
import { type ColumnBlock, timeAt, valueAt } from "./block.ts";

export interface PageOptions {
  /** Rows a page holds at most, at least 1; absent: all. */
  readonly maxRows?: number;
  /** Rows of the stream to skip. */
  readonly rowOffset?: number;
}

/** One row of a scan: a point and the series it belongs to. */
export interface ScanRow<Series> {
  readonly series: Series;
  readonly point: DataPoint;
}

export interface Page<Series> {
  readonly rowsScanned: number;
  /** The budget ended the scan before its end; there may be nothing behind it all the same. */
  readonly truncated: boolean;
  /** Offset of the next row that was not read, when truncated. */
  readonly nextRowOffset: number | undefined;
  readonly rows: readonly ScanRow<Series>[];
  /** Series that gave rows to this page. */
  readonly seriesScanned: number;
}

/** Reads one page of the concatenated streams of `series`. Throws "invalid" for a page of no rows. */
export function readPage<Series>(
  series: readonly Series[],
  read: (series: Series) => Iterable<readonly ColumnBlock[]>,
  options: PageOptions & { readonly maxSeries?: number } = {},
): Page<Series> {
  const maxRows = checkLimit("maxRows", options.maxRows);
  const maxSeries = checkLimit("maxSeries", options.maxSeries);
  const offset = options.rowOffset ?? 0;
  if (!Number.isInteger(offset) || offset < 0) {
    throw new EngineError(
      "invalid",
      `Cannot scan: rowOffset ${offset} is not a whole number from 0`,
    );
  }
  const rows: ScanRow<Series>[] = [];
  let position = 0;
  let seriesScanned = 0;
  const end = (truncated: boolean): Page<Series> => ({
    rowsScanned: rows.length,
    truncated,
    nextRowOffset: truncated ? offset + rows.length : undefined,
    rows,
    seriesScanned,
  });
  for (let i = 0; i < series.length; i++) {
    let isCounted = false;
    for (const block of blocksOf(read(series[i]!))) {
      const skip = Math.min(block.count, Math.max(0, offset - position));
      position += block.count;
      if (skip === block.count) continue;
      if (!isCounted) {
        if (seriesScanned === maxSeries) return end(true);
        seriesScanned++;
        isCounted = true;
      }
      for (let k = skip; k < block.count; k++) {
        if (rows.length === maxRows) return end(true);
        const point = { timestamp: timeAt(block, k), value: valueAt(block, k) };
        rows.push({ series: series[i]!, point });
      }
    }
    if (rows.length === maxRows && i + 1 < series.length) return end(true);
  }
  return end(false);
}

function* blocksOf(pieces: Iterable<readonly ColumnBlock[]>): Generator<ColumnBlock> {
  for (const piece of pieces) yield* piece;
}

function checkLimit(name: string, value: number | undefined): number {
  if (value === undefined) return Infinity;
  if (Number.isInteger(value) && value > 0) return value;
  throw new EngineError("invalid", `Cannot scan: ${name} ${value} is not a whole number from 1`);
}
