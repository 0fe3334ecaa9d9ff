import { expect, test } from "bun:test";
import { completeSettings, type Database } from "../../../engine/mod.ts";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { openLineScanner } from "../../../src/ingest/line_scanner.ts";
import type { LineScanOptions } from "../../../src/ingest/line_write.ts";
import { readRows } from "../../support/batch_rows.ts";

const encoder = new TextEncoder();
const OPTIONS: LineScanOptions = {
  precision: "s",
  database: "home",
  reserved: "v2",
  nowNs: 9_000_000_000n,
  take: "all",
};

function open() {
  const kernels = new Kernels();
  const database = { kernels, settings: completeSettings({}) } as unknown as Database;
  return { kernels, scanner: openLineScanner(database) };
}

test("a window is taken up to its last whole line", () => {
  const { kernels, scanner } = open();
  const head = encoder.encode("m,t=a v=");
  const tail = encoder.encode("1 5\n\nm v=2\nm v=3");
  const scan = scanner.scan(head, tail, false, OPTIONS);
  expect(scan).toEqual({ consumed: 19, lines: 3, full: false, refused: [] });
  expect(readRows(kernels).map(({ tags, time }) => ({ tags: { ...tags }, time }))).toEqual([
    { tags: { db: "home", t: "a" }, time: 5_000_000_000n },
    { tags: { db: "home" }, time: 9_000_000_000n },
  ]);
});

test("refused lines come with kind, number and reason", () => {
  const { scanner } = open();
  const lines = ["m v=1", "bad", "m v=1i", "m,time=1 v=1", "m,_field=x v=1", "m v=1"];
  const scan = scanner.scan(new Uint8Array(0), encoder.encode(lines.join("\n")), true, OPTIONS);
  expect(scan.lines).toBe(6);
  expect(scan.refused.map(({ kind, line, reason }) => [kind, line, reason])).toEqual([
    ["malformed", 2, "missing fields"],
    [
      "conflict",
      3,
      'field type conflict: input field "v" on measurement "m" is type integer, already exists as type float',
    ],
    ["reserved", 4, 'invalid tag key: input tag "time" on measurement "m" is invalid'],
    ["malformed", 5, 'cannot use reserved tag key "_field"'],
  ]);
});

test("a scan that takes none reports malformed lines and leaves no trace", () => {
  const { kernels, scanner } = open();
  const body = encoder.encode("m v=1\nbad\nm v=1i");
  const scan = scanner.scan(new Uint8Array(0), body, true, { ...OPTIONS, take: "none" });
  expect(scan.consumed).toBe(body.length);
  expect(scan.refused.map(({ line }) => line)).toEqual([2]);
  expect(kernels.exports.sourceTotal()).toBe(0);
  expect(kernels.exports.rowCount.value).toBe(0);
});

test("a scan of known lines stops before the first new one", () => {
  const { scanner } = open();
  const body = encoder.encode("m v=1\nm,a=b v=1\n");
  const known = { ...OPTIONS, take: "known" as const };
  expect(scanner.scan(new Uint8Array(0), body, true, known).consumed).toBe(0);
  scanner.scan(new Uint8Array(0), body.subarray(0, 6), true, OPTIONS);
  expect(scanner.scan(new Uint8Array(0), body, true, known).consumed).toBe(6);
});
