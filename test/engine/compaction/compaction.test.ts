import { describe, expect, test } from "bun:test";
import { Pace } from "../../../engine/compaction/pace.ts";
import { compactionExecutor } from "../../../engine/compaction/start_worker.ts";
import { EngineError, isEngineError } from "../../../engine/errors.ts";
import { findLostSegments, removeUnnamedFiles } from "../../../engine/manifest/data_files.ts";
import type { VersionEdit } from "../../../engine/manifest/version.ts";
import { segmentFileName } from "../../../engine/segment/format.ts";
import { compactionExecutorContract } from "../../contract/compaction_executor.ts";
import { CompactionBench } from "../../support/compaction_bench.ts";
import { tombstone } from "../../support/manifest_samples.ts";
import { pathOf } from "../../support/segments.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

describe("compaction", () => {
  test("merges what the picker names, removes the inputs and comes to an end", async () => {
    const bench = new CompactionBench(new SimulatedDisk(), "/db");
    await bench.flush(6);
    const before = bench.points();
    // A merge, a move to the window's level, and nothing more.
    expect(await bench.runAll()).toBe(3);
    expect(bench.points()).toEqual(before);
    expect(bench.files.length).toBe(1);
    expect(bench.versions.current.segments[0]!.level).toBe(2);
    expect(bench.runner.stats().merges).toBe(1);
    expect(bench.compaction.busy.size).toBe(0);
    expect(await bench.compaction.run(new AbortController().signal)).toBe("idle");
  });

  test("asks for a later look while a window is open", async () => {
    const bench = new CompactionBench(new SimulatedDisk(), "/db");
    bench.now = 1_000n;
    await bench.flush(1);
    expect(await bench.compaction.run(new AbortController().signal)).toEqual({
      afterMs: 3_600_000,
    });
  });

  test("leaves alone what is about to be removed", async () => {
    const bench = new CompactionBench(new SimulatedDisk(), "/db");
    await bench.flush(6);
    const ids = bench.versions.current.segments.map(({ id }) => id);
    bench.leaving = new Set(ids);
    expect(await bench.runAll()).toBe(1);
    expect(bench.versions.current.segments.map(({ id, level }) => [id, level])).toEqual(
      ids.map((id) => [id, 0]),
    );
  });

  test("a reader's segments stay until it is done", async () => {
    const bench = new CompactionBench(new SimulatedDisk(), "/db");
    await bench.flush(5);
    const pin = bench.versions.pin();
    await bench.runAll();
    expect(bench.files.length).toBe(6);
    pin[Symbol.dispose]();
    expect(bench.files.length).toBe(1);
  });

  test("removes deleted rows, then the tombstone", async () => {
    const bench = new CompactionBench(new SimulatedDisk(), "/db");
    await bench.flush(2);
    await bench.runAll();
    const sequence = bench.versions.takeSequence();
    await bench.versions.commit({
      addTombstones: [tombstone(sequence, { end: 2n ** 62n, series: [[1, 0], [2, 0]] })],
      logFloor: { file: 2, offset: 0 },
    });
    await bench.runAll();
    const { segments, tombstones } = bench.versions.current;
    expect(tombstones).toEqual([]);
    expect(segments.map(({ purged }) => Number(purged))).toEqual([sequence]);
    const keys = [...bench.points().keys()];
    expect(keys.length).toBe(480);
    expect(keys.some((key) => /^[12]\//.test(key))).toBe(false);
  });

  test("a deletion of something else is noted without rewriting", async () => {
    const bench = new CompactionBench(new SimulatedDisk(), "/db");
    await bench.flush(2);
    await bench.runAll();
    const { files } = bench;
    const sequence = bench.versions.takeSequence();
    await bench.versions.commit({
      addTombstones: [tombstone(sequence, { end: 2n ** 62n, series: [[77, 0]] })],
      logFloor: { file: 2, offset: 0 },
    });
    await bench.runAll();
    expect(bench.files).toEqual(files);
    expect(bench.versions.current.tombstones).toEqual([]);
    expect(bench.runner.stats().untouched).toBe(1);
  });

  test("a damaged segment is set aside, its file kept; the others go on", async () => {
    const disk = new SimulatedDisk();
    const bench = new CompactionBench(disk, "/db");
    await bench.flush(5);
    disk.flipBit(pathOf(bench.paths, 3), { offset: 200 });
    await bench.runAll();
    expect(bench.versions.current.quarantined.map(Number)).toEqual([3]);
    expect(bench.versions.current.segments.length).toBe(1);
    expect(bench.files.length).toBe(2);
    expect(bench.runner.stats().damaged).toBe(1);
  });

  test("a full disk stops it before it writes; it goes on with room", async () => {
    const disk = new SimulatedDisk();
    const bench = new CompactionBench(disk, "/db");
    await bench.flush(5);
    disk.capacityBytes = disk.memory.usedBytes + (1 << 20);
    const error = await bench.runAll().catch((reason) => reason);
    expect(isEngineError(error, "io")).toBe(true);
    expect(bench.files.length).toBe(5);
    disk.capacityBytes = Infinity;
    await bench.runAll();
    expect(bench.files.length).toBe(1);
  });

  test("an edit that cannot be written leaves the inputs and no output", async () => {
    const disk = new SimulatedDisk();
    const bench = new CompactionBench(disk, "/db");
    await bench.flush(5);
    const before = bench.points();
    const { commit } = bench.versions;
    bench.versions.commit = (edit: VersionEdit) => {
      if (edit.removeSegments === undefined) return commit.call(bench.versions, edit);
      return Promise.reject(new EngineError("io", "No room"));
    };
    expect(isEngineError(await bench.runAll().catch((reason) => reason), "io")).toBe(true);
    expect(bench.files.length).toBe(5);
    bench.versions.commit = commit;
    await bench.runAll();
    expect(bench.files.length).toBe(1);
    expect(bench.points()).toEqual(before);
  });

  test("stopping leaves everything as it was", async () => {
    const bench = new CompactionBench(new SimulatedDisk(), "/db");
    await bench.flush(5);
    const controller = new AbortController();
    const running = bench.compaction.run(controller.signal).catch((reason) => reason);
    controller.abort();
    expect(isEngineError(await running, "closed")).toBe(true);
    expect(bench.files.length).toBe(5);
    expect(bench.compaction.busy.size).toBe(0);
    expect(await bench.compaction.run(controller.signal)).toBe("idle");
    const plan = { kind: "merge", inputs: [], level: 0, reason: "closed window" } as const;
    const inputs = bench.versions.current.segments.map(({ id }) => id);
    const error = await bench.runner.merge({ ...plan, inputs }, bench.versions.current).catch(
      (reason) => reason,
    );
    expect(isEngineError(error, "closed")).toBe(true);
  });

  test("a power cut at any operation loses nothing and leaves no file behind", async () => {
    for (let step = 1;; step++) {
      const disk = new SimulatedDisk({ seed: step });
      disk.makeDirectory("/db");
      disk.syncDirectory("/");
      const bench = new CompactionBench(disk, "/db");
      await bench.flush(5);
      const before = bench.points();
      disk.inject({ at: disk.operations + step, kind: "crash", when: "during" });
      await bench.runAll().catch((error) => expect(isEngineError(error)).toBe(true));
      if (disk.faultsMet === 0) {
        expect(step).toBeGreaterThan(20);
        break;
      }
      disk.clearFaults();
      disk.crash();
      const again = new CompactionBench(disk, "/db");
      const { paths, versions } = again;
      const version = versions.current;
      const options = { fileSystem: disk, paths, version, segmentFileName };
      expect(findLostSegments(options)).toEqual([]);
      expect(removeUnnamedFiles(options).stuck).toEqual([]);
      expect(again.points()).toEqual(before);
      await again.runAll();
      expect(again.points()).toEqual(before);
      expect(again.files.length).toBe(1);
      expect(disk.openPaths).toEqual(["/db/MANIFEST"]);
    }
  }, 60_000);

  test("works on the event loop where no worker can be had", async () => {
    let tries = 0;
    const executor = {
      run: () => {
        tries++;
        return Promise.reject(new EngineError("unsupported", "No threads"));
      },
      [Symbol.dispose]: () => {},
    };
    const bench = new CompactionBench(new SimulatedDisk(), "/db", { executor });
    await bench.flush(5);
    await bench.runAll();
    expect(bench.files.length).toBe(1);
    expect(tries).toBe(1);
  });
});

compactionExecutorContract("on the event loop", () => undefined);
compactionExecutorContract("in a worker", compactionExecutor);

describe("Pace", () => {
  function make(bytesPerSecond: number, sliceMs = 10) {
    const state = { now: 0, waits: [] as number[], isAborted: false };
    const pace = new Pace({
      monotonicMs: () => state.now,
      bytesPerSecond,
      sliceMs,
      isAborted: () => state.isAborted,
      wait: (ms) => {
        state.waits.push(ms);
        state.now += ms;
        return Promise.resolve();
      },
    });
    return { state, pace };
  }

  test("gives others a turn after each slice", async () => {
    const { state, pace } = make(0);
    expect(pace.step(0)).toBe(undefined);
    state.now = 10;
    await pace.step(0);
    expect(state.waits).toEqual([0]);
    expect(pace.step(1e9)).toBe(undefined);
  });

  test("keeps to the rate", async () => {
    const { state, pace } = make(1 << 20, Infinity);
    expect(pace.step(1 << 20)).toBe(undefined);
    for (let written = 2 << 20; written <= 11 << 20; written += 1 << 20) await pace.step(written);
    expect(Math.round(state.now)).toBe(10_000);
  });

  test("ends when it is aborted, also after a wait", async () => {
    const { state, pace } = make(0, 0);
    const waiting = pace.step(0)!;
    state.isAborted = true;
    expect(isEngineError(await waiting.catch((reason) => reason), "closed")).toBe(true);
    expect(() => pace.step(0)).toThrow("aborted");
  });
});
