import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Database, LineScanner, openDatabase, type SourceId } from "../../../engine/mod.ts";

let database: Database;

beforeEach(async () => {
  database = await openDatabase();
});

afterEach(() => database.close());

const HOUR_NS = 3_600_000_000_000n;

function write(lines: readonly string[]): void {
  const scanner = new LineScanner(database.kernels, database.settings.timeUnit);
  const commit = () => void database.write("volatile");
  const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
  scanner.scan(bytes, { unit: "ns", nowNs: 0n, write: commit });
}

function outline(host: string, start: bigint, end: bigint) {
  using view = database.view({ start, end });
  const [group] = view.select([{ name: "host", operator: "=", value: host }]);
  return view.outline(group!.sources[0] as SourceId, { start, end });
}

function hours(host: string, from: number, to: number): string[] {
  return Array.from(
    { length: to - from },
    (_, at) => `m,host=${host} v=1,w=2 ${BigInt(from + at) * HOUR_NS}`,
  );
}

test("rows are counted wherever they are", async () => {
  write([...hours("a", 0, 50), ...hours("b", 3, 4)]);
  await database.flush();
  write(hours("a", 50, 70));
  expect(outline("a", -HOUR_NS, 100n * HOUR_NS)).toEqual({
    rows: 70,
    first: 0n,
    last: 69n * HOUR_NS,
  });
  expect(outline("b", -HOUR_NS, 100n * HOUR_NS)).toEqual({
    rows: 1,
    first: 3n * HOUR_NS,
    last: 3n * HOUR_NS,
  });
});

test("bounds lie within the range, and there may be nothing", async () => {
  write(hours("a", 0, 50));
  for (const flushed of [false, true]) {
    if (flushed) await database.flush();
    const found = outline("a", 10n * HOUR_NS, 20n * HOUR_NS);
    expect(found!.rows).toBeGreaterThanOrEqual(10);
    expect([found!.first, found!.last]).toEqual([10n * HOUR_NS, 20n * HOUR_NS - 1n]);
    expect(outline("a", 60n * HOUR_NS, 70n * HOUR_NS)).toBeUndefined();
  }
});
