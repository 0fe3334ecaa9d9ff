/** Which version the files of a copied directory belong to. */
import { expect, test } from "bun:test";
import { findCompleteVersion, type FoundLog } from "../../../engine/manifest/complete_version.ts";
import { emptyVersion } from "../../../engine/manifest/edit.ts";
import type { VersionEdit } from "../../../engine/manifest/version.ts";
import { IDENTITY, segment, tombstone } from "../../support/manifest_samples.ts";

/** Flushes make 1, 2 and 3, of which 1 and 2 are merged into 4 before 3 is made. */
const EDITS: readonly VersionEdit[] = [
  { addSegments: [segment(1)], registryFiles: ["1.reg"], logFloor: { file: 2, offset: 32 } },
  { addSegments: [segment(2)], registryFiles: ["1.reg"], logFloor: { file: 3, offset: 32 } },
  {
    addSegments: [segment(4, { sequence: 2 })],
    removeSegments: [segment(1).id, segment(2).id],
  },
  { addSegments: [segment(5)], registryFiles: ["2.reg"], logFloor: { file: 4, offset: 32 } },
];
const NO_LOG: FoundLog = { isDamaged: false, firstFile: 0, lastFile: 0 };

interface Case {
  readonly name: string;
  readonly segments: readonly number[];
  readonly registry?: readonly string[];
  /** Absent: all of it, from wherever it is asked for. */
  readonly log?: FoundLog;
  readonly isCopy?: boolean;
  readonly edits?: readonly VersionEdit[];
  /** Segments of the version that is opened; undefined for the newest. */
  readonly opened: readonly number[] | undefined;
}

const ALL_REGISTRY = ["1.reg", "2.reg"];

test.each<Case>([
  { name: "everything is there", segments: [4, 5], opened: undefined },
  { name: "older files are there as well", segments: [1, 2, 4, 5], opened: undefined },
  { name: "the last flush came after the listing", segments: [1, 2, 4], opened: [4] },
  { name: "the merge came after the listing", segments: [1, 2], opened: [1, 2] },
  { name: "its output was copied, the flush's not", segments: [4], opened: [4] },
  {
    name: "registry files came after the listing",
    segments: [4, 5],
    registry: ["1.reg"],
    opened: [4],
  },
  {
    name: "registry and log were listed first, segments between two flushes",
    segments: [4],
    registry: [],
    log: NO_LOG,
    opened: [4],
  },
  {
    name: "registry and log were listed first, segments last",
    segments: [4, 5],
    registry: [],
    log: NO_LOG,
    opened: undefined,
  },
  {
    name: "a registry file is missing, and an older version with it is all there",
    segments: [1, 2, 4, 5],
    registry: ["1.reg"],
    opened: [4],
  },
  {
    name: "registry files are missing, and no version has all its segments",
    segments: [5],
    registry: [],
    log: NO_LOG,
    opened: undefined,
  },
  {
    name: "the log was copied before all, nothing later is there",
    segments: [4],
    log: NO_LOG,
    opened: [4],
  },
  {
    name: "a merge had its output's name before the listing, the flush committed first",
    segments: [1, 2, 4],
    log: NO_LOG,
    edits: [EDITS[0]!, EDITS[1]!, EDITS[3]!, EDITS[2]!],
    opened: [1, 2],
  },
  {
    name: "a flush had the name of one of its files before the listing",
    segments: [1, 2],
    log: NO_LOG,
    edits: [EDITS[0]!, {
      addSegments: [segment(2), segment(3)],
      logFloor: { file: 3, offset: 32 },
      registryFiles: ["1.reg"],
    }, EDITS[3]!],
    opened: [1],
  },
  {
    name: "the files of a later flush are there: one is lost",
    segments: [1, 5],
    log: NO_LOG,
    edits: [EDITS[0]!, EDITS[1]!, EDITS[3]!],
    opened: undefined,
  },
  {
    name: "a segment is lost, no log makes up for it, nothing shows a copy",
    segments: [4],
    log: NO_LOG,
    isCopy: false,
    opened: undefined,
  },
  {
    name: "a merged segment is lost, later ones are there",
    segments: [5],
    log: NO_LOG,
    opened: undefined,
  },
  {
    name: "the log is damaged on the way",
    segments: [1, 2],
    log: { isDamaged: true, firstFile: 2, lastFile: 4 },
    opened: undefined,
  },
  {
    name: "the log begins behind what the segment held",
    segments: [1, 2],
    log: { isDamaged: false, firstFile: 4, lastFile: 4 },
    isCopy: false,
    opened: undefined,
  },
  { name: "no version is complete, but the first with all of the log", segments: [2], opened: [] },
])("$name", (given) => {
  const { segments, registry = ALL_REGISTRY, log, isCopy = true, opened } = given;
  const { edits = EDITS } = given;
  const version = findCompleteVersion({ whole: emptyVersion(IDENTITY), edits }, {
    hasSegment: (id) => segments.includes(id),
    hasRegistryFile: (name) => registry.includes(name),
    isCopy,
    log: ({ file }) => log ?? { isDamaged: false, firstFile: file, lastFile: 4 },
  });
  expect(version?.segments.map(({ id }) => Number(id))).toEqual(opened as number[]);
  if (version !== undefined) expect(version.nextSegment).toBe(6);
});

test("later deletions stay in force, also those that were carried out", () => {
  const edits: readonly VersionEdit[] = [
    { addTombstones: [tombstone(7)] },
    ...EDITS,
    { addTombstones: [tombstone(8)] },
    { removeTombstones: [tombstone(7).sequence, tombstone(8).sequence] },
    { addTombstones: [tombstone(9)] },
  ];
  const version = findCompleteVersion({ whole: emptyVersion(IDENTITY), edits }, {
    hasSegment: (id) => Number(id) === 4,
    hasRegistryFile: () => true,
    isCopy: true,
    log: ({ file }) => ({ isDamaged: false, firstFile: file, lastFile: 4 }),
  });
  expect(version?.segments.map(({ id }) => Number(id))).toEqual([4]);
  expect(version?.tombstones.map(({ sequence }) => Number(sequence))).toEqual([7, 8, 9]);
});
