/** Brings pieces of a series of blobs or histograms together: later pieces win at equal times. */
import type { ColumnBlock } from "./block.ts";
import { BLOCK_SPAN_MAX, timeAt } from "./block.ts";

interface Point {
  readonly time: bigint;
  readonly blob: Uint8Array;
}

/** Blocks in order of time, no time twice. `pieces` are in order of precedence, the newest last. */
export function blobBlocks(pieces: readonly ColumnBlock[]): ColumnBlock[] {
  if (pieces.length <= 1) return [...pieces];
  const byTime = new Map<bigint, Uint8Array>();
  for (const piece of pieces) {
    for (let i = 0; i < piece.count; i++) byTime.set(timeAt(piece, i), piece.blobs![i]!);
  }
  const points = [...byTime].map(([time, blob]): Point => ({ time, blob }));
  points.sort((a, b) => a.time < b.time ? -1 : 1);
  const blocks: ColumnBlock[] = [];
  for (let from = 0; from < points.length;) {
    const origin = points[from]!.time;
    let to = from + 1;
    while (to < points.length && points[to]!.time - origin <= BLOCK_SPAN_MAX) to++;
    const part = points.slice(from, to);
    blocks.push({
      count: part.length,
      origin,
      offsets: Float64Array.from(part, (point) => Number(point.time - origin)),
      family: pieces[0]!.family,
      numbers: new Float64Array(0),
      blobs: part.map((point) => point.blob),
    });
    from = to;
  }
  return blocks;
}
