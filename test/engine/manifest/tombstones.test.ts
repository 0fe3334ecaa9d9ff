import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { toSourceId } from "../../../engine/base/types.ts";
import { applyEdit, emptyVersion } from "../../../engine/manifest/edit.ts";
import {
  hiddenRows,
  hidesSeries,
  mergeRanges,
  retirableTombstones,
  sourcesOf,
  tombstonesFor,
  tombstonesForLog,
} from "../../../engine/manifest/tombstones.ts";
import type { Tombstone, VersionEdit } from "../../../engine/manifest/version.ts";
import { IDENTITY, segment, tombstone } from "../../support/manifest_samples.ts";

const source = toSourceId;

describe("what is hidden", () => {
  const stones = [
    tombstone(5, { start: 0n, end: 10n, series: [[1, 0], [2, 3]] }),
    tombstone(6, { start: 10n, end: 20n, series: [[1, 0]] }),
    tombstone(7, { start: 50n, end: 60n, series: [[1, 2]] }),
    tombstone(8, { start: 100n, end: 110n }),
  ];

  test.each<{ name: string; sequence: number; wanted: number[] }>([
    { name: "older rows see all of them", sequence: 4, wanted: [5, 6, 7, 8] },
    { name: "rows of the same sequence are not hidden", sequence: 6, wanted: [7, 8] },
    { name: "newer rows see none", sequence: 8, wanted: [] },
  ])("tombstonesFor: $name", ({ sequence, wanted }) => {
    const rows = { sequence, minTime: -1_000n, maxTime: 1_000n };
    expect(tombstonesFor(stones, rows).map((stone) => Number(stone.sequence))).toEqual(wanted);
  });

  test.each<{ name: string; minTime: bigint; maxTime: bigint; wanted: number[] }>([
    { name: "the end is not hidden", minTime: 10n, maxTime: 15n, wanted: [6] },
    { name: "the start is hidden", minTime: 19n, maxTime: 50n, wanted: [6, 7] },
    { name: "nothing between", minTime: 20n, maxTime: 49n, wanted: [] },
  ])("tombstonesFor: $name", ({ minTime, maxTime, wanted }) => {
    const found = tombstonesFor(stones, { sequence: 0, minTime, maxTime });
    expect(found.map((stone) => Number(stone.sequence))).toEqual(wanted);
  });

  test("touching ranges of a column become one, whole rows stay apart", () => {
    expect(hiddenRows(stones, source(1))).toEqual({
      rows: [{ start: 100n, end: 110n }],
      columns: [
        { slot: 0, ranges: [{ start: 0n, end: 20n }] },
        { slot: 2, ranges: [{ start: 50n, end: 60n }] },
      ],
    });
    expect(hiddenRows(stones.slice(0, 3), source(9))).toEqual({ rows: [], columns: [] });
  });

  test("a series is spoken of by its own stones and by those of all series", () => {
    const spoken = (id: number, slot: number) =>
      stones.filter((stone) => hidesSeries(stone, id * 65_536 + slot)).map(({ start }) => start);
    expect(spoken(1, 0)).toEqual([0n, 10n, 100n]);
    expect(spoken(1, 2)).toEqual([50n, 100n]);
    expect(spoken(3, 0)).toEqual([100n]);
  });

  test("the sources that are named", () => {
    expect(sourcesOf(stones.slice(0, 3))).toEqual(Uint32Array.of(1, 2));
    expect(sourcesOf(stones)).toBe(undefined);
  });

  test("log records before the position are older", () => {
    const stone = { ...tombstone(5), logPosition: { file: 3, offset: 100 } };
    const hidden = (file: number, offset: number) =>
      tombstonesForLog([stone], { file, offset }).length === 1;
    expect([hidden(2, 900), hidden(3, 99), hidden(3, 100), hidden(4, 0)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("when a tombstone may go", () => {
  const stone = tombstone(5, { start: 0n, end: 10n, file: 2 });
  test.each<{ name: string; edit: VersionEdit; may: boolean }>([
    { name: "the log's floor has not passed it", edit: {}, may: false },
    {
      name: "nothing is left that it could hide",
      edit: { logFloor: { file: 2, offset: 0 } },
      may: true,
    },
    {
      name: "an older segment holds such times",
      edit: { logFloor: { file: 2, offset: 0 }, addSegments: [segment(1)] },
      may: false,
    },
    {
      name: "the older segment was purged",
      edit: { logFloor: { file: 2, offset: 0 }, addSegments: [segment(1, { purged: 5 })] },
      may: true,
    },
    {
      name: "the older segment lies elsewhere in time",
      edit: {
        logFloor: { file: 2, offset: 0 },
        addSegments: [segment(1, { minTime: 10n, maxTime: 20n })],
      },
      may: true,
    },
    {
      name: "the segment is newer",
      edit: { logFloor: { file: 2, offset: 0 }, addSegments: [segment(1, { sequence: 6 })] },
      may: true,
    },
  ])("$name", ({ edit, may }) => {
    const version = applyEdit(emptyVersion(IDENTITY), { ...edit, addTombstones: [stone] });
    expect(retirableTombstones(version).length === 1).toBe(may);
  });
});

test("mergeRanges agrees with a set of times", () => {
  const range = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 8 }));
  fc.assert(fc.property(fc.array(range), (pairs) => {
    const ranges = pairs.map(([start, width]) => ({
      start: BigInt(start),
      end: BigInt(start + width),
    }));
    const merged = mergeRanges(ranges);
    const covered = (list: typeof ranges, time: number) =>
      list.some(({ start, end }) => start <= time && time < end);
    for (let time = 0; time < 50; time++) expect(covered(merged, time)).toBe(covered(ranges, time));
    merged.forEach((each, i) => {
      if (i > 0) expect(each.start > merged[i - 1]!.end).toBe(true);
    });
  }));
});

test("hiddenRows and hidesSeries say the same", () => {
  const stone = fc.record({
    start: fc.integer({ min: 0, max: 30 }),
    width: fc.integer({ min: 1, max: 10 }),
    series: fc.option(
      fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 })), {
        selector: ([a, b]) => a * 10 + b,
        minLength: 1,
      }),
    ),
  });
  fc.assert(fc.property(fc.array(stone, { maxLength: 6 }), (parts) => {
    const stones: Tombstone[] = parts.map((part, i) =>
      tombstone(i + 1, {
        start: BigInt(part.start),
        end: BigInt(part.start + part.width),
        ...(part.series === null
          ? {}
          : { series: [...part.series].sort(([a, b], [c, d]) => a - c || b - d) }),
      })
    );
    for (let id = 1; id <= 3; id++) {
      const hidden = hiddenRows(stones, source(id));
      for (let slot = 0; slot < 3; slot++) {
        const column = hidden.columns.find((each) => each.slot === slot)?.ranges ?? [];
        expect(mergeRanges([...hidden.rows, ...column])).toEqual(
          mergeRanges(
            stones.filter((stone) => hidesSeries(stone, id * 65_536 + slot))
              .map(({ start, end }) => ({ start, end })),
          ),
        );
      }
    }
  }));
});
