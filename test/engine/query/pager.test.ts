/** Pages over series of any length: what is read for one, and that pages put together are the whole. */
import { afterEach, describe, expect, test } from "bun:test";
import { ALL_TIME } from "../../../engine/base/time.ts";
import { blocksOf, type ColumnBlock } from "../../../engine/query/block.ts";
import { readPage } from "../../../engine/query/pager.ts";
import { readPieces } from "../../../engine/query/series_pieces.ts";
import { Storage } from "../../../engine/storage.ts";

/** Points at the times `from` to `to`, exclusive. */
function block(from: number, to: number): ColumnBlock[] {
  const times = BigInt64Array.from({ length: to - from }, (_, i) => BigInt(from + i));
  return blocksOf({ family: 2, times, bits: times, memory: new Uint8Array(0) });
}

/** Three series of pieces with 3 and 2 points, of none, and of 4 points, which say when they are read. */
function pieces(read: string[]) {
  return (series: string): Iterable<readonly ColumnBlock[]> => {
    const all = { a: [block(0, 3), block(3, 5)], b: [], c: [block(0, 4)] }[series]!;
    return (function* () {
      for (const [i, piece] of all.entries()) {
        read.push(`${series}${i}`);
        yield piece;
      }
    })();
  };
}

interface Case {
  readonly maxRows?: number;
  readonly maxSeries?: number;
  readonly rowOffset?: number;
  readonly read: readonly string[];
  readonly rows: readonly string[];
  readonly next?: number;
  readonly seriesScanned: number;
}

describe("a page", () => {
  test.each(([
    {
      read: ["a0", "a1", "c0"],
      rows: ["a0", "a1", "a2", "a3", "a4", "c0", "c1", "c2", "c3"],
      seriesScanned: 2,
    },
    { maxRows: 2, read: ["a0"], rows: ["a0", "a1"], next: 2, seriesScanned: 1 },
    { maxRows: 2, rowOffset: 2, read: ["a0", "a1"], rows: ["a2", "a3"], next: 4, seriesScanned: 1 },
    { maxRows: 1, rowOffset: 4, read: ["a0", "a1"], rows: ["a4"], next: 5, seriesScanned: 1 },
    {
      maxRows: 9,
      rowOffset: 5,
      read: ["a0", "a1", "c0"],
      rows: ["c0", "c1", "c2", "c3"],
      seriesScanned: 1,
    },
    {
      maxSeries: 1,
      read: ["a0", "a1", "c0"],
      rows: ["a0", "a1", "a2", "a3", "a4"],
      next: 5,
      seriesScanned: 1,
    },
    { rowOffset: 9, read: ["a0", "a1", "c0"], rows: [], seriesScanned: 0 },
    { rowOffset: 90, read: ["a0", "a1", "c0"], rows: [], seriesScanned: 0 },
  ] satisfies Case[]).map((each) => ({ options: each, name: JSON.stringify(each) })))(
    "$name",
    ({ options: { read, rows, next, ...options } }: { options: Case }) => {
      const { seriesScanned, ...limits } = options;
      const wasRead: string[] = [];
      const page = readPage(["a", "b", "c"], pieces(wasRead), limits);
      expect(page.rows.map(({ series, point }) => `${series}${point.timestamp}`)).toEqual([
        ...rows,
      ]);
      expect(wasRead).toEqual([...read]);
      expect([page.nextRowOffset, page.seriesScanned]).toEqual([next, seriesScanned]);
    },
  );
});

const POINTS = 150_000;
let storage: Storage;
const opened: Storage[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

/** One series that is too long for one read. */
async function openLong(): Promise<void> {
  storage = await Storage.open({ settings: { queryScratchBytes: 1 << 20, timeUnit: "ms" } });
  opened.push(storage);
  for (let from = 0; from < POINTS; from += 30_000) {
    await storage.insertRows(Array.from({ length: 30_000 }, (_, i) => ({
      metric: "long",
      point: { timestamp: BigInt(from + i), value: { kind: "f64", value: from + i } },
    })));
    if (from === 60_000) await storage.database.flush();
  }
}

describe("a series that is too long for one read", () => {
  const range = { start: -(2n ** 63n), end: 2n ** 63n - 1n };

  test("is scanned in pages, which are the whole, the same each time", async () => {
    await openLong();
    expect(() => storage.select("long", [], range.start, range.end)).toThrow("queryScratchBytes");
    let next: number | undefined = 0;
    let count = 0;
    while (next !== undefined) {
      const options: { maxRows: number; rowOffset: number } = { maxRows: 40_000, rowOffset: next };
      const page = storage.scanMetricRows("long", range.start, range.end, options);
      const again = storage.scanSeriesRows(
        [{ name: "long", labels: [] }],
        range.start,
        range.end,
        options,
      );
      expect(again.rows.length).toBe(page.rows.length);
      expect(again.rows.at(-1)?.point).toEqual(page.rows.at(-1)?.point);
      for (const { point } of page.rows) {
        if (point.timestamp !== BigInt(count)) throw new Error(`${point.timestamp}, not ${count}`);
        count++;
      }
      next = page.nextRowOffset;
    }
    expect(count).toBe(POINTS);
  });

  test("is read by offset and limit, and no further than the page", async () => {
    await openLong();
    const before = storage.stats().queries.pointsRead;
    const found = storage.selectWithOptions("long", { ...range, offset: 10, limit: 3 });
    expect(found.map(({ timestamp }) => Number(timestamp))).toEqual([10, 11, 12]);
    expect(storage.stats().queries.pointsRead - before).toBeLessThan(POINTS);
    const last = storage.selectWithOptions("long", { ...range, offset: POINTS - 1, limit: 5 });
    expect(last.map(({ timestamp }) => Number(timestamp))).toEqual([POINTS - 1]);
    const [sum] = storage.selectWithOptions("long", { ...range, aggregation: "count" });
    expect(sum?.value).toEqual({ kind: "u64", value: BigInt(POINTS) });
  });

  test("gives no piece twice and none in another order", async () => {
    await openLong();
    using view = storage.database.view(ALL_TIME);
    const [group] = view.select([{ name: "__name__", operator: "=", value: "long" }]);
    const series = { source: group!.sources[0] as never, slot: group!.slot, family: group!.family };
    let pieces = 0;
    let points = 0;
    for (const piece of readPieces(view, series, ALL_TIME)) {
      pieces++;
      points += piece.reduce((sum, { count }) => sum + count, 0);
    }
    expect(pieces).toBeGreaterThan(1);
    expect(points).toBe(POINTS);
    view[Symbol.dispose]();
  });
});
