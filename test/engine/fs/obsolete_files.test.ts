import { expect, test } from "bun:test";
import { ObsoleteFiles } from "../../../engine/fs/obsolete_files.ts";
import { ManualClock } from "../../support/manual_clock.ts";

/** Obsolete files of 100 bytes each; `stuck` ones are refused by the disk. */
class Fixture {
  readonly clock = new ManualClock();
  readonly removed: string[] = [];
  readonly stuck = new Set<string>();
  readonly files: ObsoleteFiles;
  keepMs: number;
  waiting = 0;

  constructor(given: { readonly keepMs: number; readonly bytesMax: number }) {
    this.keepMs = given.keepMs;
    this.files = new ObsoleteFiles({
      keepMs: () => this.keepMs,
      bytesMax: given.bytesMax,
      monotonicMs: () => this.clock.monotonicMs(),
    });
    this.files.onWaiting = () => this.waiting++;
  }

  add(path: string): void {
    const remove = (forRoom: boolean) => {
      if (this.stuck.has(path)) return false;
      this.removed.push(forRoom ? `${path} for room` : path);
      return true;
    };
    this.files.add({ path, bytes: 100, remove });
  }
}

test("files go when their time is over, the oldest first, and say when the next one is due", () => {
  const fixture = new Fixture({ keepMs: 1_000, bytesMax: 1_000 });
  fixture.add("a");
  fixture.clock.advance(400);
  fixture.add("b");
  expect(fixture.waiting).toBe(2);
  expect(fixture.files.sweep()).toBe(600);
  fixture.clock.advance(600);
  expect(fixture.files.sweep()).toBe(400);
  expect(fixture.removed).toEqual(["a"]);
  fixture.clock.advance(400);
  expect(fixture.files.sweep()).toBeUndefined();
  expect(fixture.removed).toEqual(["a", "b"]);
  expect([fixture.files.count, fixture.files.bytes]).toEqual([0, 0]);
});

test("how long they are kept may change while they wait", () => {
  const fixture = new Fixture({ keepMs: 1_000, bytesMax: 1_000 });
  fixture.add("a");
  fixture.keepMs = 3_000;
  expect(fixture.files.sweep()).toBe(3_000);
  fixture.clock.advance(1_500);
  fixture.keepMs = 1_000;
  expect(fixture.files.sweep()).toBeUndefined();
  expect(fixture.removed).toEqual(["a"]);
});

test("beyond their room the oldest go before their time", () => {
  const fixture = new Fixture({ keepMs: 1_000, bytesMax: 250 });
  for (const path of ["a", "b", "c"]) fixture.add(path);
  expect(fixture.removed).toEqual(["a"]);
  expect(fixture.files.bytes).toBe(200);
});

test("without time to keep them they go at once, and nothing waits", () => {
  const fixture = new Fixture({ keepMs: 0, bytesMax: 1_000 });
  fixture.add("a");
  expect([fixture.removed, fixture.waiting]).toEqual([["a"], 0]);
});

test("a full disk gets all of them back", () => {
  const fixture = new Fixture({ keepMs: 1_000, bytesMax: 1_000 });
  expect(fixture.files.release()).toBe(false);
  fixture.add("a");
  fixture.add("b");
  expect(fixture.files.release()).toBe(true);
  expect(fixture.removed).toEqual(["a for room", "b for room"]);
});

test("a file that the disk refuses to give up is tried again later", () => {
  const fixture = new Fixture({ keepMs: 1_000, bytesMax: 1_000 });
  fixture.stuck.add("a");
  fixture.add("a");
  fixture.add("b");
  fixture.clock.advance(1_000);
  expect(fixture.files.sweep()).toBe(60_000);
  expect(fixture.removed).toEqual(["b"]);
  expect(fixture.files.release()).toBe(false);
  fixture.stuck.clear();
  fixture.clock.advance(60_000);
  expect(fixture.files.sweep()).toBeUndefined();
  expect(fixture.removed).toEqual(["b", "a"]);
});

test("a file is obsolete once", () => {
  const fixture = new Fixture({ keepMs: 1_000, bytesMax: 1_000 });
  fixture.add("a");
  fixture.add("a");
  expect([fixture.files.count, fixture.files.bytes]).toEqual([1, 100]);
});
