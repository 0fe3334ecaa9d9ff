import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { toSegmentId, toSequence } from "../../../engine/base/types.ts";
import { type EngineErrorCode, isEngineError } from "../../../engine/errors.ts";
import { isDiskFull } from "../../../engine/fs/io_error.ts";
import { describeManifest } from "../../../engine/manifest/describe.ts";
import { editOf, emptyVersion } from "../../../engine/manifest/edit.ts";
import { encodeHeader, encodeRecord } from "../../../engine/manifest/format.ts";
import { parseManifest } from "../../../engine/manifest/content.ts";
import { Manifest } from "../../../engine/manifest/manifest.ts";
import type { Version, VersionEdit } from "../../../engine/manifest/version.ts";
import { parseHex } from "../../support/hex.ts";
import { IDENTITY, segment, tombstone } from "../../support/manifest_samples.ts";
import { SimulatedDisk } from "../../support/simulated_disk.ts";

const ROOT = `${import.meta.dirname}/../../..`;

function makeDisk(seed = 1): SimulatedDisk {
  const disk = new SimulatedDisk({ seed });
  disk.makeDirectory("/db");
  disk.syncDirectory("/");
  return disk;
}

function openOn(disk: SimulatedDisk, identity = IDENTITY): Manifest {
  const manifest = Manifest.open({ fileSystem: disk, directory: "/db", identity });
  try {
    manifest.settle();
    return manifest;
  } catch (error) {
    manifest.close();
    throw error;
  }
}

async function failureOf(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  return undefined;
}

async function codeOf(action: () => unknown): Promise<EngineErrorCode | undefined> {
  const error = await failureOf(action);
  if (error !== undefined && !isEngineError(error)) throw error;
  return error?.code;
}

/** A small history: each edit and what it is about. */
const EDITS: readonly VersionEdit[] = [
  { addSegments: [segment(1), segment(2, { minTime: -5n, maxTime: 2n ** 62n })] },
  { logFloor: { file: 3, offset: 4_096 }, registryFiles: ["0000000001.reg", "naïve.reg"] },
  { addTombstones: [tombstone(3, { series: [[1, 0], [1, 7], [900_000, 65_535]] })] },
  { addTombstones: [tombstone(4, { start: -(2n ** 63n), end: 2n ** 63n - 1n })] },
  { moveSegments: [{ id: toSegmentId(2), level: 2 }], maxTime: -7n },
  {
    removeSegments: [toSegmentId(1)],
    addSegments: [segment(7, { sequence: 1, level: 1, purged: 4 })],
  },
  { purgeSegments: [{ id: toSegmentId(2), purged: toSequence(4) }] },
  { removeTombstones: [toSequence(3)], quarantineSegments: [toSegmentId(2)] },
  { nextSegment: 40, nextSequence: 50 },
];

describe("a manifest", () => {
  test("is created with its identity and opens again with every edit", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    expect(manifest.version).toEqual(emptyVersion(IDENTITY));
    for (const edit of EDITS) await manifest.commit(edit);
    const { version } = manifest;
    expect(version.segments.map(({ id }) => id as number)).toEqual([7]);
    expect(version.quarantined.map(Number)).toEqual([2]);
    expect(version.nextSegment).toBe(40);
    expect(version.nextSequence).toBe(50);
    expect(version.maxTime).toBe(-7n);
    manifest.close();
    disk.crash("lost");
    const again = openOn(disk);
    expect(again.version).toEqual(version);
    expect(again.tornBytes).toBe(0);
    again.close();
    expect(disk.openPaths).toEqual([]);
  });

  test("numbers rise by themselves above what an edit names", () => {
    const manifest = openOn(makeDisk());
    manifest.commitNow({ addSegments: [segment(9, { sequence: 20 })] });
    expect(manifest.version.nextSegment).toBe(10);
    expect(manifest.version.nextSequence).toBe(21);
    manifest.commitNow({ addTombstones: [tombstone(30)] });
    expect(manifest.version.nextSequence).toBe(31);
  });

  test("commits that wait are applied in order, each on the one before", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    disk.holdSyncs();
    const first = manifest.commit({ addSegments: [segment(1)] });
    const second = manifest.commit({ removeSegments: [toSegmentId(1)] });
    await Promise.resolve();
    expect(manifest.version.segments.length).toBe(0);
    disk.releaseSyncs();
    expect((await first).segments.length).toBe(1);
    expect((await second).segments.length).toBe(0);
  });

  test("a blocking commit while another is under way is a mistake", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    disk.holdSyncs();
    const first = manifest.commit({ maxTime: 1n });
    expect(() => manifest.commitNow({ maxTime: 2n })).toThrow("under way");
    disk.releaseSyncs();
    await first;
    manifest.commitNow({ maxTime: 2n });
    expect(manifest.version.maxTime).toBe(2n);
  });

  test("an edit that does not fit is refused before anything is written", async () => {
    const manifest = openOn(makeDisk());
    const bytes = manifest.bytes;
    await expect(manifest.commit({ removeSegments: [toSegmentId(5)] })).rejects.toThrow(
      "No segment 5",
    );
    expect(manifest.bytes).toBe(bytes);
    await manifest.commit({ addSegments: [segment(5)] });
  });

  test.each([
    {
      what: "time unit",
      given: { ...IDENTITY, timeUnit: "ns" as const },
      both: ["is ms", "say ns"],
    },
    {
      what: "partition",
      given: { ...IDENTITY, partitionMs: 1_000 },
      both: ["is 86400000", "say 1000"],
    },
    { what: "shards", given: { ...IDENTITY, metadataShards: 8 }, both: ["is 0", "say 8"] },
  ])("another $what than at creation is refused with both values", async ({ given, both }) => {
    const disk = makeDisk();
    openOn(disk).close();
    const error = await failureOf(() => openOn(disk, given));
    expect(isEngineError(error, "invalid")).toBe(true);
    for (const part of both) expect((error as Error).message).toContain(part);
    expect(disk.openPaths).toEqual([]);
  });

  test("data without a manifest is not taken for a new database", async () => {
    const disk = makeDisk();
    disk.makeDirectory("/db/segments");
    openOn(disk).close();
    disk.remove("/db/MANIFEST");
    disk.open("/db/segments/0000000001.seg", "create").close();
    expect(await codeOf(() => openOn(disk))).toBe("corrupt");
    expect(disk.exists("/db/segments/0000000001.seg")).toBe(true);
  });

  test("a closed manifest commits nothing", async () => {
    const manifest = openOn(makeDisk());
    manifest.close();
    manifest.close();
    expect(await codeOf(() => manifest.commit({ maxTime: 1n }))).toBe("closed");
    expect(await codeOf(() => manifest.commitNow({ maxTime: 1n }))).toBe("closed");
  });
});

describe("trouble", () => {
  test("a full disk changes nothing, and a commit works once there is room", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    await manifest.commit({ maxTime: 1n });
    disk.capacityBytes = 4_096;
    const names = Array.from({ length: 300 }, (_, i) => `registry file number ${i}`);
    const error = await failureOf(() => manifest.commit({ registryFiles: names }));
    expect(isEngineError(error, "io")).toBe(true);
    expect(isDiskFull(error)).toBe(true);
    expect(manifest.version.registryFiles).toEqual([]);
    await manifest.commit({ maxTime: 2n });
    disk.capacityBytes = Infinity;
    await manifest.commit({ registryFiles: names });
    disk.crash("lost");
    const again = openOn(disk);
    expect(again.version.maxTime).toBe(2n);
    expect(again.version.registryFiles).toEqual(names);
  });

  test("garbage that could not be cut off is cut before the next commit", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    const next = disk.operations + 1;
    disk.inject({ at: next, kind: "error", code: "ENOSPC", when: "during" });
    disk.inject({ at: next + 1, kind: "error", code: "EIO", when: "before" });
    expect(await codeOf(() => manifest.commit({ registryFiles: ["x".repeat(500)] }))).toBe("io");
    await manifest.commit({ maxTime: 5n });
    disk.crash("kept");
    const again = openOn(disk);
    expect(again.version.maxTime).toBe(5n);
    expect(again.tornBytes).toBe(0);
  });

  test("after a failed sync no commit works, not even a good one", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    disk.inject({ at: disk.operations + 2, kind: "error", when: "before" });
    expect(await codeOf(() => manifest.commit({ maxTime: 1n }))).toBe("failed");
    expect(manifest.version.maxTime).toBe(undefined);
    expect(await codeOf(() => manifest.commit({ maxTime: 2n }))).toBe("failed");
    expect(await codeOf(() => manifest.commitNow({ maxTime: 2n }))).toBe("failed");
    disk.crash();
    expect([undefined, 1n]).toContain(openOn(disk).version.maxTime);
  });

  test("a torn last record is dropped, wherever it is cut", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    await manifest.commit({ maxTime: 1n });
    const whole = manifest.bytes;
    await manifest.commit({ addSegments: [segment(1)] });
    const full = manifest.bytes;
    manifest.close();
    for (let bytes = whole; bytes < full; bytes++) {
      const copy = makeDisk();
      const content = new Uint8Array(full);
      const file = disk.open("/db/MANIFEST", "read");
      file.read(content, 0);
      file.close();
      const target = copy.open("/db/MANIFEST", "create");
      target.write(content.subarray(0, bytes), 0);
      target.close();
      const opened = openOn(copy);
      expect(opened.version.maxTime).toBe(1n);
      expect(opened.version.segments.length).toBe(0);
      expect(opened.tornBytes).toBe(bytes - whole);
      await opened.commit({ maxTime: 9n });
      opened.close();
      expect(openOn(copy).version.maxTime).toBe(9n);
    }
  });

  test("damage before the last record is corrupt and names the offset", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    const first = manifest.bytes;
    await manifest.commit({ maxTime: 1n });
    const second = manifest.bytes;
    await manifest.commit({ maxTime: 2n });
    manifest.close();
    for (let offset = 0; offset < second; offset++) {
      disk.flipBit("/db/MANIFEST", { offset, bit: offset % 8 });
      const error = await failureOf(() => openOn(disk));
      // A version of 0 is none; any other change of it makes it newer.
      const isNewer = offset > 8 && offset < 12;
      expect(isEngineError(error, isNewer ? "unsupported" : "corrupt")).toBe(true);
      if (!isNewer) {
        const at = offset < 32 ? 0 : offset < first ? 32 : first;
        expect((error as Error).message).toContain(`"/db/MANIFEST" at offset ${at}:`);
      }
      disk.flipBit("/db/MANIFEST", { offset, bit: offset % 8 });
    }
    expect(openOn(disk).version.maxTime).toBe(2n);
  });

  test("random bytes are never taken for anything but damage", () => {
    const header = encodeHeader();
    const record = encodeRecord({ kind: "whole", number: 1, identity: IDENTITY, edit: {} });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, hasStart) => {
        const start = hasStart ? [...header, ...record] : [];
        try {
          parseManifest(Uint8Array.from([...start, ...noise]), "/m");
        } catch (error) {
          expect(isEngineError(error, "corrupt") || isEngineError(error, "unsupported")).toBe(true);
        }
      }),
    );
  });
});

describe("a long manifest", () => {
  const long = Array.from({ length: 20 }, (_, i) => `${String(i).padStart(300, "0")}.reg`);

  test("is rewritten and stays short", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    let most = 0;
    for (let i = 1; i <= 60; i++) {
      await manifest.commit({ registryFiles: long, maxTime: BigInt(i) });
      most = Math.max(most, manifest.bytes);
    }
    expect(most).toBeLessThan(72 << 10);
    expect(disk.list("/db").map(({ name }) => name)).toEqual(["MANIFEST"]);
    disk.crash("lost");
    const again = openOn(disk);
    expect(again.version.maxTime).toBe(60n);
    again.commitNow({ maxTime: 61n });
    expect(openOn(disk).version.maxTime).toBe(61n);
  });

  test("goes on as it is when there is no room to rewrite it", async () => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    for (let i = 1; i <= 10; i++) await manifest.commit({ registryFiles: long });
    disk.capacityBytes = 140 << 10;
    const filler = disk.open("/db/filler", "create");
    filler.write(new Uint8Array(66 << 10), 0);
    for (let i = 1; i <= 2; i++) await manifest.commit({ maxTime: BigInt(i), registryFiles: [] });
    filler.close();
    disk.crash("lost");
    expect(openOn(disk).version.maxTime).toBe(2n);
  });
});

/** Commits EDITS until something fails; says how many were answered for and how many were begun. */
async function runHistory(disk: SimulatedDisk): Promise<{ done: number; begun: number }> {
  let done = 0;
  let begun = 0;
  try {
    const manifest = openOn(disk);
    for (const edit of EDITS) {
      begun++;
      await manifest.commit(edit);
      done++;
    }
    manifest.close();
  } catch (error) {
    expect(isEngineError(error)).toBe(true);
  }
  return { done, begun };
}

const HISTORY: readonly Version[] = await (async () => {
  const manifest = openOn(makeDisk());
  const versions = [manifest.version];
  for (const edit of EDITS) versions.push(await manifest.commit(edit));
  return versions;
})();

describe("every operation once", () => {
  const faults = [
    { kind: "error", when: "before" },
    { kind: "error", when: "during" },
    { kind: "error", when: "after" },
    { kind: "crash", when: "before" },
    { kind: "crash", when: "during" },
    { kind: "crash", when: "after" },
  ] as const;

  test.each(faults)(
    "$kind $when operation 1, 2, 3 and so on: what was answered for is there",
    async (fault) => {
      for (let at = 3;; at++) {
        let met = false;
        for (const seed of [1, 2, 3]) {
          const disk = makeDisk(seed);
          disk.inject({ at, ...fault });
          const { done, begun } = await runHistory(disk);
          met ||= disk.faultsMet > 0;
          disk.clearFaults();
          disk.crash();
          const { version } = openOn(disk);
          const allowed = begun === done ? [HISTORY[done]] : [HISTORY[done], HISTORY[begun]];
          expect(allowed).toContainEqual(version);
        }
        if (!met) break;
        expect(at).toBeLessThan(200);
      }
    },
  );
});

describe("every operation of a rewriting once", () => {
  const long = Array.from({ length: 20 }, (_, i) => `${String(i).padStart(300, "0")}.reg`);

  test.each(["error", "crash"] as const)("%s: what was answered for is there", async (kind) => {
    for (let step = 1; step <= 12; step++) {
      for (const when of ["before", "during", "after"] as const) {
        for (const seed of [1, 2, 3, 4]) {
          const disk = makeDisk(seed);
          const manifest = openOn(disk);
          for (let i = 1; i <= 10; i++) await manifest.commit({ registryFiles: long });
          disk.inject({ at: disk.operations + step, kind, when });
          let done = 0;
          let begun = 0;
          try {
            for (let i = 1; i <= 4; i++) {
              begun = i;
              await manifest.commit({ maxTime: BigInt(i), registryFiles: long });
              done = i;
            }
          } catch (error) {
            expect(isEngineError(error)).toBe(true);
          }
          expect(disk.faultsMet).toBe(1);
          disk.clearFaults();
          disk.crash();
          const again = openOn(disk);
          expect([done, begun]).toContain(Number(again.version.maxTime ?? 0n));
          again.close();
          expect(disk.list("/db").map(({ name }) => name)).toEqual(["MANIFEST"]);
        }
      }
    }
  });
});

describe("bytes", () => {
  const sample = (): Uint8Array => {
    const disk = makeDisk();
    const manifest = openOn(disk);
    for (const edit of EDITS) manifest.commitNow(edit);
    const file = disk.open("/db/MANIFEST", "read");
    const bytes = new Uint8Array(file.size());
    file.read(bytes, 0);
    return bytes;
  };

  test("are those of the golden file", () => {
    const golden = readFileSync(`${ROOT}/test/golden/manifest.hex`, "utf8");
    expect(sample()).toEqual(parseHex(golden));
  });

  test("are described in the document as they are", () => {
    const document = readFileSync(`${ROOT}/docs/format/manifest.md`, "utf8");
    expect(document).toContain(describeManifest(sample()));
  });

  test("a torn end is described as such", () => {
    const bytes = sample();
    expect(describeManifest(bytes.subarray(0, bytes.length - 1))).toContain("torn or damaged: ");
    expect(describeManifest(new Uint8Array(4))).toContain("not a manifest");
  });

  test("the whole version written at once equals the edits", () => {
    for (const version of HISTORY) {
      const { identity } = version;
      const record = encodeRecord({ kind: "whole", number: 5, identity, edit: editOf(version) });
      const bytes = Uint8Array.from([...encodeHeader(), ...record]);
      expect(parseManifest(bytes, "/m").version).toEqual(version);
    }
  });
});
