import { expect, test } from "bun:test";
import { toSegmentId } from "../../../engine/base/types.ts";
import { databasePaths } from "../../../engine/fs/paths.ts";
import { MemoryFileSystem } from "../../../engine/fs/memory_file_system.ts";
import {
  findLostSegments,
  makeDataDirectories,
  removeUnnamedFiles,
} from "../../../engine/manifest/data_files.ts";
import { Manifest } from "../../../engine/manifest/manifest.ts";
import { VersionSet } from "../../../engine/manifest/version_set.ts";
import { segmentFileName } from "../../../engine/segment/format.ts";
import { IDENTITY, segment } from "../../support/manifest_samples.ts";

function makeSet() {
  const fileSystem = new MemoryFileSystem();
  fileSystem.makeDirectory("/db");
  const manifest = Manifest.open({ fileSystem, directory: "/db", identity: IDENTITY });
  const unneeded: number[] = [];
  const versions = new VersionSet({ manifest, onUnneeded: (ids) => unneeded.push(...ids) });
  return { fileSystem, manifest, versions, unneeded };
}

test("a segment is reported when the last version that names it is let go", async () => {
  const { versions, unneeded } = makeSet();
  await versions.commit({ addSegments: [segment(1), segment(2)] });
  const first = versions.pin();
  const second = versions.pin();
  await versions.commit({ removeSegments: [toSegmentId(1)], addSegments: [segment(3)] });
  const third = versions.pin();
  await versions.commit({ removeSegments: [toSegmentId(3)] });
  expect(versions.pins).toBe(3);
  expect(versions.living).toBe(3);
  expect(unneeded).toEqual([]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(unneeded).toEqual([]);
  third[Symbol.dispose]();
  expect(unneeded).toEqual([3]);
  second[Symbol.dispose]();
  expect(unneeded).toEqual([3, 1]);
  expect(versions.living).toBe(1);
});

test("without pins a removed segment is reported at once, a moved one never", async () => {
  const { versions, unneeded } = makeSet();
  await versions.commit({ addSegments: [segment(1), segment(2)] });
  await versions.commit({ moveSegments: [{ id: toSegmentId(1), level: 2 }] });
  expect(unneeded).toEqual([]);
  versions.commitNow({ removeSegments: [toSegmentId(2)] });
  expect(unneeded).toEqual([2]);
});

test("a quarantined segment's file stays until it is removed for good", async () => {
  const { versions, unneeded } = makeSet();
  await versions.commit({ addSegments: [segment(1), segment(2)] });
  await versions.commit({ quarantineSegments: [toSegmentId(1)] });
  expect(unneeded).toEqual([]);
  await versions.commit({ removeSegments: [toSegmentId(1)] });
  expect(unneeded).toEqual([1]);
});

test("what is set aside while an edit of it is under way stays aside", async () => {
  const { versions } = makeSet();
  await versions.commit({ addSegments: [segment(1), segment(2), segment(3)] });
  const id = toSegmentId(1);
  const edits = [
    versions.commit({ quarantineSegments: [id] }),
    versions.commit({ moveSegments: [{ id, level: 2 }, { id: toSegmentId(2), level: 2 }] }),
    versions.commit({ purgeSegments: [{ id, purged: versions.takeSequence() }] }),
  ];
  await Promise.all(edits);
  expect(versions.current.segments.map(({ id, level }) => [Number(id), level])).toEqual([
    [2, 2],
    [3, 0],
  ]);
  expect(versions.current.quarantined.map(Number)).toEqual([1]);
});

test("the publication and what goes with it are one step", async () => {
  const { versions } = makeSet();
  const seen: number[] = [];
  const committed = versions.commit({ addSegments: [segment(1)] }, (version) => {
    seen.push(version.segments.length, versions.current.segments.length);
  });
  expect(versions.current.segments.length).toBe(0);
  await committed;
  expect(seen).toEqual([1, 1]);
});

test("numbers are given out once, above all that is committed", async () => {
  const { versions } = makeSet();
  expect([versions.takeSegmentId(), versions.takeSegmentId()].map(Number)).toEqual([1, 2]);
  expect([versions.takeSequence(), versions.takeSequence()].map(Number)).toEqual([1, 2]);
  await versions.commit({ addSegments: [segment(2)] });
  expect(Number(versions.takeSegmentId())).toBe(3);
});

test("opening removes what no version names and tells what is lost", async () => {
  const { fileSystem, versions } = makeSet();
  const paths = databasePaths("/db");
  makeDataDirectories(fileSystem, paths);
  const put = (path: string, bytes: number) => {
    const file = fileSystem.open(path, "create");
    file.write(new Uint8Array(bytes), 0);
    file.close();
  };
  await versions.commit({
    addSegments: [segment(1, { bytes: 10 }), segment(2, { bytes: 10 }), segment(3), segment(4)],
    registryFiles: ["1.reg"],
  });
  const version = await versions.commit({ quarantineSegments: [toSegmentId(4)] });
  for (const id of [1, 4, 9]) put(`${paths.segments}/${segmentFileName(toSegmentId(id))}`, 10);
  put(`${paths.segments}/${segmentFileName(toSegmentId(2))}`, 7);
  put(`${paths.registry}/1.reg`, 1);
  put(`${paths.registry}/2.reg`, 1);
  put(`${paths.staging}/0000000011.seg`, 1);
  fileSystem.makeDirectory(`${paths.staging}/snapshot/deep`);
  put(`${paths.log}/0000000001.log`, 1);
  const options = { fileSystem, paths, version, segmentFileName };
  const { removed, stuck } = removeUnnamedFiles(options);
  expect([...removed].sort()).toEqual([
    "/db/registry/2.reg",
    "/db/segments/0000000009.seg",
    "/db/staging/0000000011.seg",
    "/db/staging/snapshot",
  ]);
  expect(stuck).toEqual([]);
  expect(fileSystem.exists(`${paths.log}/0000000001.log`)).toBe(true);
  expect(findLostSegments(options).map(({ id, problem }) => [Number(id), problem])).toEqual([
    [2, "it has 7 bytes, the manifest says 10"],
    [3, "it is missing"],
  ]);
});
