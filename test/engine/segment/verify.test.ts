import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isEngineError } from "../../../engine/errors.ts";
import { MemoryFileSystem } from "../../../engine/fs/memory_file_system.ts";
import type { SegmentRecord } from "../../../engine/manifest/version.ts";
import {
  keyOf,
  pathOf,
  readSegment,
  type TestPoint,
  writeSegment,
} from "../../support/segments.ts";

const DIRECTORIES = { segments: "/data/segments", staging: "/data/staging" };
let fileSystem: MemoryFileSystem;

beforeEach(() => {
  fileSystem = new MemoryFileSystem();
  fileSystem.makeDirectory(DIRECTORIES.segments);
  fileSystem.makeDirectory(DIRECTORIES.staging);
});

/** Points of `sources` sources at `times` times each, with values that do not pack. */
function pointsOf(sources: number, times: number): TestPoint[] {
  const points: TestPoint[] = [];
  for (let source = 1; source <= sources; source++) {
    for (let time = 0; time < times; time++) {
      points.push({
        source,
        time: BigInt(time * 1_000),
        slot: 0,
        value: Math.sin(source * times + time),
      });
    }
  }
  return points;
}

function write(points: readonly TestPoint[], chunkRows = 100): SegmentRecord {
  return writeSegment(fileSystem, DIRECTORIES, { id: 1, points, chunkRows });
}

/** What reading all of the segment throws, undefined for nothing. */
function damageOf(segment: SegmentRecord): unknown {
  try {
    readSegment(fileSystem, DIRECTORIES, segment);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Reads with one byte changed, and puts the byte back. */
function damageAt(segment: SegmentRecord, at: number, bit: number): unknown {
  const file = fileSystem.open(pathOf(DIRECTORIES, segment.id), "write");
  const byte = new Uint8Array(1);
  const change = () => {
    file.read(byte, at);
    byte[0]! ^= 1 << bit;
    file.write(byte, at);
  };
  try {
    change();
    const damage = damageOf(segment);
    change();
    return damage;
  } finally {
    file.close();
  }
}

describe("segments", () => {
  test.each([
    { name: "one point", sources: 1, times: 1, chunkRows: 100 },
    { name: "several pages", sources: 20, times: 2_000, chunkRows: 500 },
    { name: "chunks longer than a page", sources: 2, times: 20_000, chunkRows: 20_000 },
    { name: "several index blocks", sources: 600, times: 3, chunkRows: 2 },
    { name: "an index block full of one source's chunks", sources: 2, times: 3_000, chunkRows: 2 },
  ])("$name: what was written is read, and the totals are right", (given) => {
    const points = pointsOf(given.sources, given.times);
    // A chunk holds 8,192 rows at most.
    const segment = write(points, Math.min(8_192, given.chunkRows));
    const read = readSegment(fileSystem, DIRECTORIES, segment);
    expect(read.points.size).toBe(points.length);
    for (const point of points) expect(read.points.get(keyOf(point))).toBe(point.value);
    expect([segment.rows, segment.points, segment.sources]).toEqual([
      points.length,
      points.length,
      given.sources,
    ]);
    expect(read.ids).toEqual(Array.from({ length: given.sources }, (_, i) => i + 1));
  });

  test("a changed bit anywhere is found, and named with the file", () => {
    const segment = write(pointsOf(2, 4), 3);
    expect(damageOf(segment)).toBeUndefined();
    for (let at = 0; at < segment.bytes; at++) {
      const damage = damageAt(segment, at, at % 8);
      const isTold = isEngineError(damage, "corrupt") || isEngineError(damage, "unsupported");
      expect([at, isTold]).toEqual([at, true]);
      expect((damage as Error).message).toContain(pathOf(DIRECTORIES, 1));
    }
  });

  test("a changed bit in any of many pages is found", () => {
    const segment = write(pointsOf(40, 1_000), 250);
    fc.assert(
      fc.property(fc.nat(segment.bytes - 1), fc.nat(7), (at, bit) => {
        expect(isEngineError(damageAt(segment, at, bit))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test.each([0, 1, 127, 128, 300])("a file cut to %d bytes is damaged", (bytes) => {
    const segment = write(pointsOf(3, 20));
    const file = fileSystem.open(pathOf(DIRECTORIES, 1), "write");
    file.truncate(bytes);
    file.close();
    expect(isEngineError(damageOf(segment), "corrupt")).toBe(true);
  });

  test("another segment's file in its place is damage", () => {
    const segment = write(pointsOf(3, 20));
    const other = writeSegment(fileSystem, DIRECTORIES, { id: 2, points: pointsOf(3, 20) });
    expect(other.bytes).toBe(segment.bytes);
    fileSystem.rename(pathOf(DIRECTORIES, 2), pathOf(DIRECTORIES, 1));
    expect(isEngineError(damageOf(segment), "corrupt")).toBe(true);
  });
});
