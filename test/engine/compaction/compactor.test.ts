import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { toSegmentId } from "../../../engine/base/types.ts";
import { compact, type CompactorEnvironment } from "../../../engine/compaction/compactor.ts";
import {
  type CompactionJob,
  type CompactionResult,
  editOfResult,
  makeCompactionJob,
} from "../../../engine/compaction/job.ts";
import { EngineError, isEngineError } from "../../../engine/errors.ts";
import type { FileSystem } from "../../../engine/fs/file_system.ts";
import { MemoryFileSystem } from "../../../engine/fs/memory_file_system.ts";
import { Kernels, MEMORY_TAG, type MemoryTag } from "../../../engine/kernels/kernels.ts";
import { applyEdit, emptyVersion } from "../../../engine/manifest/edit.ts";
import type { SegmentRecord, Tombstone } from "../../../engine/manifest/version.ts";
import { IDENTITY, tombstone } from "../../support/manifest_samples.ts";
import {
  keyOf,
  pathOf,
  type PointMap,
  readSegment,
  TEST_SOURCES,
  type TestPoint,
  writeSegment,
} from "../../support/segments.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

const DIRECTORIES = { segments: "/db/segments", staging: "/db/staging" };
const OUTPUT = toSegmentId(100);
const kernels = new Kernels();

function makeDirectories<T extends FileSystem>(fileSystem: T): T {
  for (const path of Object.values(DIRECTORIES)) fileSystem.makeDirectory(path);
  fileSystem.syncDirectory("/");
  fileSystem.syncDirectory("/db");
  return fileSystem;
}

function jobFor(
  inputs: readonly SegmentRecord[],
  given: {
    readonly tombstones?: readonly Tombstone[];
    readonly cutoff?: bigint;
    readonly isPurge?: boolean;
  } = {},
): CompactionJob {
  const version = applyEdit(emptyVersion(IDENTITY), {
    addSegments: inputs,
    addTombstones: given.tombstones ?? [],
  });
  return makeCompactionJob(version, {
    kind: "merge",
    inputs: inputs.map(({ id }) => id),
    level: 1,
    reason: given.isPurge === true ? "tombstones" : "crowded partition",
  }, {
    outputId: OUTPUT,
    cutoff: given.cutoff,
    segmentsDirectory: DIRECTORIES.segments,
    stagingDirectory: DIRECTORIES.staging,
    bytesPerSecond: 0,
  });
}

function environment(
  fileSystem: FileSystem,
  given: Partial<CompactorEnvironment> = {},
): CompactorEnvironment {
  return { fileSystem, kernels, sources: TEST_SOURCES, pace: () => undefined, ...given };
}

function usedBytes(): Record<string, number> {
  return Object.fromEntries(
    Object.keys(MEMORY_TAG).map((tag) => [tag, kernels.usedBytes(tag as MemoryTag)]),
  );
}

function outputOf(result: CompactionResult): SegmentRecord {
  if (result.kind !== "merged" || result.output === undefined) throw new Error("no output");
  return result.output;
}

/** What must be left: later segments win, tombstones hide what is older, rows before the cutoff are gone. */
function modelOf(
  inputs: readonly { readonly sequence: number; readonly points: readonly TestPoint[] }[],
  tombstones: readonly Tombstone[],
  cutoff: bigint | undefined,
): PointMap {
  const model: PointMap = new Map();
  for (const { sequence, points } of inputs) {
    for (const point of points) {
      const isHidden = tombstones.some(({ start, end, series, sequence: stone }) =>
        stone > sequence && start <= point.time && point.time < end &&
        (series === undefined || series.includes(point.source * 65_536 + point.slot))
      );
      const isExpired = cutoff !== undefined && point.time < cutoff;
      if (!isHidden && !isExpired) model.set(keyOf(point), point.value);
    }
  }
  return model;
}

function points(source: number, times: readonly number[], value: number, slot = 0): TestPoint[] {
  return times.map((time) => ({ source, time: BigInt(time), slot, value }));
}

const upTo = (count: number, step = 1, from = 0) =>
  Array.from({ length: count }, (_, i) => from + i * step);

describe("compact", () => {
  test("merges sources and rows, the later segment winning field by field", async () => {
    const fileSystem = makeDirectories(new MemoryFileSystem());
    const first = [...points(1, [1, 2, 3], 1), ...points(1, [1, 2], 10, 5), ...points(4, [9], 4)];
    const second = [...points(1, [2, 8], 2), ...points(2, [7], 7)];
    const inputs = [
      writeSegment(fileSystem, DIRECTORIES, { id: 1, points: first }),
      writeSegment(fileSystem, DIRECTORIES, { id: 2, points: second }),
    ];
    const result = await compact(jobFor(inputs), environment(fileSystem));
    const output = outputOf(result);
    const stored = readSegment(fileSystem, DIRECTORIES, output);
    const model = modelOf(
      [{ sequence: 1, points: first }, { sequence: 2, points: second }],
      [],
      undefined,
    );
    expect(stored.points).toEqual(model);
    expect(stored.ids).toEqual([1, 2, 4]);
    expect(output.level).toBe(1);
    expect(Number(output.sequence)).toBe(2);
    expect([output.minTime, output.maxTime, output.rows, output.points]).toEqual([1n, 9n, 6, 8]);
    expect(fileSystem.list(DIRECTORIES.staging)).toEqual([]);
  });

  test("small chunks become large ones", async () => {
    const fileSystem = makeDirectories(new MemoryFileSystem());
    const inputs = [1, 2, 3, 4].map((id) =>
      writeSegment(fileSystem, DIRECTORIES, {
        id,
        points: points(1, upTo(5_000, 10, id * 50_000), id),
        chunkRows: 128,
      })
    );
    const output = outputOf(await compact(jobFor(inputs), environment(fileSystem)));
    expect(readSegment(fileSystem, DIRECTORIES, output).chunkRows).toEqual([8_192, 8_192, 3_616]);
  });

  test("a source of more chunks than one slice holds comes out whole", async () => {
    const fileSystem = makeDirectories(new MemoryFileSystem());
    const first = points(1, upTo(6_000, 3), 1);
    const second = points(1, upTo(5_000, 4, 2_000), 2);
    const inputs = [
      writeSegment(fileSystem, DIRECTORIES, { id: 1, points: first, chunkRows: 2 }),
      writeSegment(fileSystem, DIRECTORIES, { id: 2, points: second, chunkRows: 3 }),
    ];
    let steps = 0;
    const pace = () => {
      steps++;
      return undefined;
    };
    const output = outputOf(await compact(jobFor(inputs), environment(fileSystem, { pace })));
    expect(steps).toBeGreaterThan(3);
    const sources = [{ sequence: 1, points: first }, { sequence: 2, points: second }];
    expect(readSegment(fileSystem, DIRECTORIES, output).points).toEqual(
      modelOf(sources, [], undefined),
    );
  });

  test("the first and the last instant survive", async () => {
    const fileSystem = makeDirectories(new MemoryFileSystem());
    const ends = [-(2n ** 63n), 0n, 2n ** 63n - 1n];
    const content = ends.map((time) => ({ source: 1, time, slot: 0, value: 1 }));
    const inputs = [1, 2].map((id) =>
      writeSegment(fileSystem, DIRECTORIES, { id, points: content, chunkRows: 1 })
    );
    const output = outputOf(await compact(jobFor(inputs), environment(fileSystem)));
    expect(readSegment(fileSystem, DIRECTORIES, output).points.size).toBe(3);
  });

  test("nothing is left where everything is hidden", async () => {
    const fileSystem = makeDirectories(new MemoryFileSystem());
    const inputs = [
      writeSegment(fileSystem, DIRECTORIES, { id: 1, points: points(1, upTo(300), 1) }),
    ];
    const job = jobFor(inputs, { tombstones: [tombstone(5, { start: 0n, end: 1_000n })] });
    const result = await compact(job, environment(fileSystem));
    expect(result).toEqual({ kind: "merged", output: undefined, readBytes: 0 });
    expect(editOfResult(job, result)).toEqual({
      removeSegments: [toSegmentId(1)],
      addSegments: [],
    });
    expect(fileSystem.exists(pathOf(DIRECTORIES, OUTPUT))).toBe(false);
    expect(fileSystem.list(DIRECTORIES.staging)).toEqual([]);
  });

  test("a purge of a segment without hidden rows is only noted", async () => {
    const fileSystem = makeDirectories(new MemoryFileSystem());
    const content = [...points(1, upTo(10), 1), ...points(3, upTo(10), 1)];
    const inputs = [writeSegment(fileSystem, DIRECTORIES, { id: 1, points: content })];
    const stones = [
      tombstone(5, { start: 0n, end: 100n, series: [[2, 0]] }),
      tombstone(6, { start: 50n, end: 100n, series: [[1, 0]] }),
    ];
    const job = jobFor(inputs, { tombstones: stones, isPurge: true });
    const result = await compact(job, environment(fileSystem));
    expect(result.kind).toBe("untouched");
    expect(editOfResult(job, result)).toEqual({
      purgeSegments: [{ id: inputs[0]!.id, purged: stones[1]!.sequence }],
    });
    const hit = jobFor(inputs, { tombstones: [tombstone(7, { series: [[3, 0]] })], isPurge: true });
    const output = outputOf(await compact(hit, environment(fileSystem)));
    expect(Number(output.purged)).toBe(7);
    expect(readSegment(fileSystem, DIRECTORIES, output).ids).toEqual([1]);
  });

  test("random segments, tombstones and cutoffs agree with a map, and no memory is left", async () => {
    const point = fc.record({
      source: fc.integer({ min: 1, max: 4 }),
      time: fc.bigInt(0n, 60n),
      slot: fc.nat(2),
      value: fc.integer({ min: 0, max: 9 }),
    });
    const stone = fc.record({
      sequence: fc.integer({ min: 1, max: 8 }),
      start: fc.nat(60),
      width: fc.integer({ min: 1, max: 30 }),
      series: fc.option(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(2))),
    });
    const before = usedBytes();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(point, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(stone, { selector: ({ sequence }) => sequence, maxLength: 3 }),
        fc.option(fc.bigInt(0n, 60n), { nil: undefined }),
        fc.integer({ min: 1, max: 7 }),
        async (contents, stones, cutoff, chunkRows) => {
          const fileSystem = makeDirectories(new MemoryFileSystem());
          const tombstones = stones.map(({ sequence, start, width, series }) =>
            tombstone(sequence * 2 + 1, {
              start: BigInt(start),
              end: BigInt(start + width),
              ...(series === null ? {} : { series: [series] }),
            })
          ).sort((a, b) => a.sequence - b.sequence);
          const segments = contents.map((content, i) => ({ sequence: i * 2 + 2, points: content }));
          const inputs = segments.map(({ sequence, points: content }, i) =>
            writeSegment(fileSystem, DIRECTORIES, {
              id: i + 1,
              sequence,
              points: content,
              chunkRows,
            })
          );
          const job = jobFor(inputs, { tombstones, ...(cutoff === undefined ? {} : { cutoff }) });
          const result = await compact(job, environment(fileSystem));
          const model = modelOf(segments, tombstones, cutoff);
          if (result.kind !== "merged") throw new Error(result.kind);
          if (result.output === undefined) expect(model.size).toBe(0);
          else {
            const stored = readSegment(fileSystem, DIRECTORIES, result.output);
            expect(stored.points).toEqual(model);
            expect(result.output.points).toBe(model.size);
          }
        },
      ),
      { numRuns: 80 },
    );
    expect(usedBytes()).toEqual(before);
  });
});

describe("trouble", () => {
  function prepare(disk: SimulatedDisk): CompactionJob {
    const inputs = [1, 2].map((id) =>
      writeSegment(disk, DIRECTORIES, {
        id,
        points: [1, 2, 3].flatMap((source) => points(source, upTo(200, 1, id * 100), id)),
      })
    );
    return jobFor(inputs);
  }

  test("a damaged input is named, and nothing is left behind", async () => {
    const before = usedBytes();
    for (const offset of [40, 100, 300]) {
      const disk = makeDirectories(new SimulatedDisk());
      const job = prepare(disk);
      disk.flipBit(pathOf(DIRECTORIES, 2), { offset });
      const result = await compact(job, environment(disk));
      if (result.kind !== "damaged") throw new Error(result.kind);
      expect(Number(result.segment)).toBe(2);
      expect(result.message).toContain("0000000002.seg");
      expect(editOfResult(job, result)).toEqual({ quarantineSegments: [toSegmentId(2)] });
      expect(disk.list(DIRECTORIES.staging)).toEqual([]);
      expect(disk.exists(pathOf(DIRECTORIES, OUTPUT))).toBe(false);
      expect(disk.openPaths).toEqual([]);
    }
    expect(usedBytes()).toEqual(before);
  });

  test("an abort ends it between two sources", async () => {
    const disk = makeDirectories(new SimulatedDisk());
    const job = prepare(disk);
    let steps = 0;
    const pace = () => {
      if (++steps === 2) throw new EngineError("closed", "Aborted");
      return Promise.resolve();
    };
    const error = await compact(job, environment(disk, { pace })).catch((reason) => reason);
    expect(isEngineError(error, "closed")).toBe(true);
    expect(steps).toBe(2);
    expect(disk.list(DIRECTORIES.staging)).toEqual([]);
    expect(disk.openPaths).toEqual([]);
  });

  test.each(["error", "crash"] as const)(
    "%s at every operation leaves the inputs whole",
    async (kind) => {
      const before = usedBytes();
      for (const when of ["before", "during", "after"] as const) {
        for (let step = 1;; step++) {
          const disk = makeDirectories(new SimulatedDisk({ seed: step }));
          const job = prepare(disk);
          disk.inject({ at: disk.operations + step, kind, when });
          let result: CompactionResult | undefined;
          try {
            result = await compact(job, environment(disk));
          } catch (error) {
            expect(isEngineError(error, "io")).toBe(true);
          }
          if (disk.faultsMet === 0) {
            expect(step).toBeGreaterThan(8);
            break;
          }
          expect(disk.isOff || disk.openPaths.length === 0).toBe(true);
          disk.clearFaults();
          disk.crash();
          for (const input of job.inputs) {
            expect(readSegment(disk, DIRECTORIES, input).points.size).toBe(600);
          }
          if (result?.kind === "merged") {
            expect(readSegment(disk, DIRECTORIES, result.output!).points.size).toBe(900);
          }
        }
      }
      expect(usedBytes()).toEqual(before);
    },
  );

  test("many sources take little memory", async () => {
    const fileSystem = makeDirectories(new MemoryFileSystem());
    const inputs = [1, 2, 3].map((id) =>
      writeSegment(fileSystem, DIRECTORIES, {
        id,
        points: upTo(6_000, 1, 1).flatMap((source) => points(source, [id, id + 10], source)),
      })
    );
    const own = new Kernels();
    const output = outputOf(
      await compact(jobFor(inputs), environment(fileSystem, { kernels: own })),
    );
    const stored = readSegment(fileSystem, DIRECTORIES, output);
    expect(stored.points.size).toBe(36_000);
    expect(stored.ids).toEqual(upTo(6_000, 1, 1));
    expect(own.exports.memory.buffer.byteLength).toBeLessThan(16 << 20);
  });
});
