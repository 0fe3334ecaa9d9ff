/**
 * A series in pieces, oldest first, each within the scratch that one read may take: for reads that end early and for those
 * that keep a page of what they go over, however long the series is.
 */
import type { TimeRange } from "../base/types.ts";
import { isEngineError } from "../errors.ts";
import type { ColumnBlock } from "./block.ts";
import type { SeriesReference, View } from "./view.ts";

/**
 * Reads the range as one piece, or where that is too much each half of it in turn. A piece is read when it is asked for.
 * Throws as View.readBlocks does, "limit" only where one instant is too much.
 */
export function* readPieces(
  view: View,
  series: SeriesReference,
  range: TimeRange,
): Generator<readonly ColumnBlock[]> {
  let piece: readonly ColumnBlock[];
  try {
    piece = view.readBlocks(series, range);
  } catch (error) {
    if (!isEngineError(error, "limit") || range.end - range.start < 2n) throw error;
    const middle = range.start + (range.end - range.start) / 2n;
    yield* readPieces(view, series, { start: range.start, end: middle });
    yield* readPieces(view, series, { start: middle, end: range.end });
    return;
  }
  if (piece.length > 0) yield piece;
}
