/** Segments of plain points for tests: written through chunks and the segment writer, read back as a map. */
import { FAMILY, type SegmentId, toSegmentId, toSequence } from "../../engine/base/types.ts";
import { EFFORT } from "../../engine/chunk/chunk.ts";
import type { FileSystem } from "../../engine/fs/file_system.ts";
import type { SegmentRecord } from "../../engine/manifest/version.ts";
import { BlockCache } from "../../engine/segment/block_cache.ts";
import { ChunkLease } from "../../engine/segment/chunk_lease.ts";
import { ChunkList } from "../../engine/segment/chunk_list.ts";
import { segmentFileName } from "../../engine/segment/format.ts";
import { OpenFiles } from "../../engine/segment/open_files.ts";
import { SegmentReader } from "../../engine/segment/reader.ts";
import { verifySegment } from "../../engine/segment/verify.ts";
import { SegmentWriter } from "../../engine/segment/writer.ts";
import { bitsOf, ChunkBench, doubleOf, type TestRows } from "./chunks.ts";

export interface TestPoint {
  readonly source: number;
  readonly time: bigint;
  readonly slot: number;
  readonly value: number;
}

/** Value by `source/time/slot`. */
export type PointMap = Map<string, number>;

export function keyOf(point: Omit<TestPoint, "value">): string {
  return `${point.source}/${point.time}/${point.slot}`;
}

/** Definitions as tests know them: the ids as they are. */
export const TEST_SOURCES = {
  encode: (ids: Uint32Array): Uint8Array => new Uint8Array(ids.buffer.slice(0)),
};

export interface TestDirectories {
  readonly segments: string;
  readonly staging: string;
}

/** Writes a segment of these points, later ones winning, in chunks of at most `chunkRows` rows. */
export function writeSegment(
  fileSystem: FileSystem,
  directories: TestDirectories,
  given: {
    readonly id: number;
    readonly sequence?: number;
    readonly level?: number;
    readonly points: readonly TestPoint[];
    readonly chunkRows?: number;
  },
): SegmentRecord {
  const bench = new ChunkBench();
  const writer = SegmentWriter.open({
    fileSystem,
    kernels: bench.kernels,
    stagingDirectory: directories.staging,
    segmentsDirectory: directories.segments,
    id: toSegmentId(given.id),
    level: given.level ?? 0,
    sequence: toSequence(given.sequence ?? given.id),
    sources: TEST_SOURCES,
  });
  for (const { source, rows } of chunksOf(given.points, given.chunkRows ?? 100)) {
    const chunk = bench.encode(rows, EFFORT.fast);
    const points = rows.columns.reduce(
      (sum, { cells }) => sum + cells.filter((cell) => cell !== undefined).length,
      0,
    );
    writer.add(source, chunk, {
      rows: rows.times.length,
      points,
      minTime: rows.times[0]!,
      maxTime: rows.times.at(-1)!,
    });
    bench.clear();
  }
  return { ...writer.finishNow()!, purged: toSequence(0) };
}

/** All points of a segment; verifies the file on the way. */
export function readSegment(
  fileSystem: FileSystem,
  directories: TestDirectories,
  segment: SegmentRecord,
): { readonly points: PointMap; readonly chunkRows: readonly number[]; readonly ids: number[] } {
  const bench = new ChunkBench();
  using cache = new BlockCache(bench.kernels, 4 << 20);
  using files = new OpenFiles(fileSystem, 4);
  const path = `${directories.segments}/${segmentFileName(segment.id)}`;
  const { id, bytes, checksum } = segment;
  using reader = new SegmentReader({ cache, files }, { path, id, bytes, checksum });
  verifySegment({ cache, files }, reader, {
    checkChunk: (chunk) => bench.kernels.exports.chunkRows(chunk.pointer, chunk.bytes),
  });
  const points: PointMap = new Map();
  const chunkRows: number[] = [];
  using lease = new ChunkLease(cache);
  const list = new ChunkList();
  for (let block = 0; block < reader.indexBlockCount; block++) reader.chunksOfBlock(block, list);
  for (let i = 0; i < list.count; i++) {
    const place = { offset: list.offsets[i]!, bytes: list.bytes[i]! };
    const pointer = reader.readChunk(place, lease);
    const rows = bench.decode({ pointer, bytes: place.bytes })!;
    chunkRows.push(rows.times.length);
    for (const { slot, cells } of rows.columns) {
      cells.forEach((cell, row) => {
        if (cell === undefined) return;
        const key = keyOf({ source: list.sources[i]!, time: rows.times[row]!, slot });
        points.set(key, doubleOf(cell as bigint));
      });
    }
    bench.clear();
  }
  const ids = reader.sourceBlocks().flatMap((entry) => {
    const block = reader.readSourceBlock(entry);
    return [
      ...new Uint32Array(block.buffer.slice(block.byteOffset, block.byteOffset + block.length)),
    ];
  });
  return { points, chunkRows, ids };
}

export function pathOf(directories: TestDirectories, id: SegmentId | number): string {
  return `${directories.segments}/${segmentFileName(toSegmentId(id))}`;
}

function* chunksOf(
  points: readonly TestPoint[],
  chunkRows: number,
): Generator<{ source: number; rows: TestRows }> {
  const sources = new Map<number, Map<bigint, Map<number, number>>>();
  for (const { source, time, slot, value } of points) {
    const rows = sources.get(source) ?? new Map<bigint, Map<number, number>>();
    sources.set(source, rows);
    const row = rows.get(time) ?? new Map<number, number>();
    rows.set(time, row.set(slot, value));
  }
  for (const [source, rows] of [...sources].sort(([a], [b]) => a - b)) {
    const times = [...rows.keys()].sort((a, b) => a < b ? -1 : 1);
    for (let at = 0; at < times.length; at += chunkRows) {
      const part = times.slice(at, at + chunkRows);
      const slots = new Set(part.flatMap((time) => [...rows.get(time)!.keys()]));
      const columns = [...slots].sort((a, b) => a - b).map((slot) => ({
        slot,
        family: FAMILY.f64,
        cells: part.map((time) => {
          const value = rows.get(time)!.get(slot);
          return value === undefined ? undefined : bitsOf(value);
        }),
      }));
      yield { source, rows: { times: part, columns } };
    }
  }
}
