/** Data that a retention policy no longer keeps is deleted, in steps, and not by a clock that is in doubt. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../../engine/mod.ts";
import {
  PolicyExpiry,
  type PolicyExpiryParts,
} from "../../../src/influxql/catalog/policy_expiry.ts";
import { newDatabase } from "../../../src/stores/databases.ts";
import { InfluxqlWorld } from "../../support/influxql_world.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const HOUR_MS = 3_600_000;
const HOUR_NS = 3_600_000_000_000n;
const DAY_NS = 24n * HOUR_NS;
/** 2026-01-01T00:00:00Z. */
const NOW_MS = Date.UTC(2026, 0, 1);

let clock: ManualClock;
let world: InfluxqlWorld;
let expiry: PolicyExpiry;
let deletions: number;
let warnings: string[];

beforeEach(async () => {
  clock = new ManualClock(NOW_MS);
  world = await InfluxqlWorld.open({ clock, databases: { ever: [] } });
  deletions = 0;
  warnings = [];
  expiry = new PolicyExpiry({
    database: counting(world.database),
    catalog: world.catalog,
    dropped: world.catalog,
    clock,
    logger: { log: (_, message) => void warnings.push(message) },
  });
  const entry = newDatabase("db0");
  const first = { ...entry.policies[0]!, durationNs: 2n * DAY_NS, shardNs: DAY_NS };
  const week = { ...first, name: "week", durationNs: 7n * DAY_NS };
  world.catalog.put({ ...entry, policies: [first, week] });
});
afterEach(async () => {
  await expiry.stop();
  await world[Symbol.asyncDispose]();
});

/** The database, whose deletions that write something are counted. */
function counting(database: Database): PolicyExpiryParts["database"] {
  return {
    settings: database.settings,
    stats: () => database.stats(),
    delete: async (selection) => {
      const result = await database.delete(selection);
      if (result.tombstones > 0) deletions++;
      return result;
    },
  };
}

/** Writes a point that many hours ago, named after its age. */
function writeAged(hours: number, target: { db?: string; rp?: string } = {}): void {
  const ns = clock.nowNs() - BigInt(hours) * HOUR_NS;
  world.write([`m,age=h${hours} v=1 ${ns}`], target);
}

async function ages(db = "db0"): Promise<string[]> {
  return (await world.rows("SHOW TAG VALUES WITH KEY = age", db)).map((row) => row.slice(6));
}

async function advance(hours: number): Promise<void> {
  for (let i = 0; i < hours; i++) {
    clock.advance(HOUR_MS);
    await settle();
  }
}

/** Lets deletions, whose slices the clock starts, come to their end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

test("whole shards go, policy by policy, and what is kept for ever stays", async () => {
  for (const age of [1, 47, 71, 73, 400]) writeAged(age);
  writeAged(160, { rp: "week" });
  writeAged(400, { rp: "week" });
  writeAged(9_000, { db: "ever" });
  expiry.start();
  await advance(1);
  // The newest shard that may go ended two days ago: of the day after it, all is kept.
  expect(await ages()).toEqual(["h1", "h160", "h47"]);
  expect(await ages("ever")).toEqual(["h9000"]);
  expect(deletions).toBe(2);
});

test("a policy writes one tombstone a shard, and none where nothing is old", async () => {
  for (let age = 0; age < 120; age += 5) writeAged(age);
  expiry.start();
  await advance(1);
  expect(deletions).toBe(1);
  await advance(22);
  expect(deletions).toBe(1);
  await advance(24);
  expect(deletions).toBe(2);
  await advance(24 * 4);
  expect(await ages()).toEqual([]);
  expect(deletions).toBe(4);
  expect(warnings).toEqual([]);
});

test("one that was restarted deletes nothing twice", async () => {
  writeAged(100);
  await expiry.run();
  await expiry.run();
  const again = new PolicyExpiry({
    database: counting(world.database),
    catalog: world.catalog,
    dropped: world.catalog,
    clock,
    logger: { log: () => {} },
  });
  await again.run();
  expect(deletions).toBe(1);
});

test("a clock that has jumped ahead deletes nothing until it has been watched", async () => {
  writeAged(1);
  expiry.start();
  clock.wallMs += 400 * 24 * HOUR_MS;
  await advance(3);
  expect(deletions).toBe(0);
  await advance(6);
  expect(deletions).toBe(1);
});

test("a clock that stands before the epoch's first shards deletes nothing", async () => {
  world.write(["m,age=h0 v=1 5"]);
  clock.wallMs = 10 * HOUR_MS;
  await expiry.run();
  expect(deletions).toBe(0);
});

test("after it was stopped nothing waits", async () => {
  expiry.start();
  const { timers } = clock;
  await expiry.stop();
  expect(clock.timers).toBe(timers - 1);
});

test("a deletion that fails is reported, and made at the next look", async () => {
  writeAged(100);
  let fails = true;
  const failing = new PolicyExpiry({
    database: {
      ...counting(world.database),
      delete: (selection) =>
        fails ? Promise.reject(new Error("no")) : world.database.delete(selection),
    },
    catalog: world.catalog,
    dropped: world.catalog,
    clock,
    logger: { log: (_, message) => void warnings.push(message) },
  });
  await failing.run();
  expect(warnings).toHaveLength(2);
  fails = false;
  await failing.run();
  expect(await ages()).toEqual([]);
});

test("what a dropped database left behind is removed", async () => {
  writeAged(1, { db: "ever" });
  world.catalog.remove("ever");
  await expiry.removeDropped();
  expect([deletions, world.catalog.dropped]).toEqual([1, []]);
  world.catalog.put(newDatabase("ever"));
  expect(await ages("ever")).toEqual([]);
});

test("closing the database ends it quietly", async () => {
  const database = await openDatabase({ components: { clock } });
  const { catalog } = world;
  const closed = new PolicyExpiry({
    database,
    catalog,
    dropped: world.catalog,
    clock,
    logger: { log: (_, message) => void warnings.push(message) },
  });
  await database.close();
  await closed.run();
  expect(warnings).toEqual([]);
});
