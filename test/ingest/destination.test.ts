/** That writes heed what becomes of the database and policy that they go to. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { defaultComponents, LineScanner } from "../../engine/mod.ts";
import { LineWrite } from "../../src/ingest/line_write.ts";
import { TextImporter } from "../../src/ingest/prometheus_text.ts";
import { dropDatabase } from "../../src/influxql/catalog/removal.ts";
import { InfluxqlWorld } from "../support/influxql_world.ts";

let world: InfluxqlWorld;

beforeEach(async () => {
  // The engine goes by the same clock.
  world = await InfluxqlWorld.open({ clock: defaultComponents().clock });
});
afterEach(async () => await world[Symbol.asyncDispose]());

/** A connection that stays open. */
function connection(): LineWrite {
  const { database, catalog: databases, nowNs } = world;
  const parser = new LineScanner(database.kernels, database.settings.timeUnit);
  const parts = { database, databases, parser, passed: () => {}, count: () => {} };
  return new LineWrite({ ...parts, nowNs: () => nowNs }, { unit: "ns", database: "db0" });
}

const push = (write: LineWrite, text: string) => write.push(new TextEncoder().encode(text));

describe("a database that is dropped while a connection writes it", () => {
  test("is made anew by the next line, which no start deletes", async () => {
    const write = connection();
    await push(write, "m,t=a v=1 1\n");
    await dropDatabase(world, "db0");
    expect(world.catalog.databases()).toEqual([]);
    await push(write, "m,t=b v=1 1\n");
    expect(world.catalog.databases()).toEqual(["db0"]);
    expect(world.catalog.dropped).toEqual([]);
    expect(await world.rows("SHOW SERIES")).toEqual([" m,t=b"]);
  });

  test("loses nothing that is written after it was dropped", async () => {
    const write = connection();
    await push(write, "m,t=a v=1 1\n");
    const dropping = dropDatabase(world, "db0");
    const writing = push(write, "m,t=a v=1 2\nm,t=b v=1 1\n");
    await Promise.all([dropping, writing]);
    expect(await world.rows("SHOW SERIES")).toEqual([" m,t=a", " m,t=b"]);
    expect(await world.rows("SHOW TAG VALUES WITH KEY = t WHERE time < 2")).toEqual(["m t b"]);
  });
});

describe("a policy that keeps its points for a day", () => {
  const dayMs = 86_400_000;
  const setDuration = (durationNs: bigint) => {
    const entry = world.catalog.database("db0")!;
    const policies = entry.policies.map((policy) => ({ ...policy, durationNs }));
    world.catalog.put({ ...entry, policies });
  };

  test("a connection that is open learns of it", async () => {
    const write = connection();
    const old = `m v=1 ${world.nowNs - BigInt(2 * dayMs) * 1_000_000n}\n`;
    await push(write, old);
    expect(write.tooOld).toBe(0);
    setDuration(BigInt(dayMs) * 1_000_000n);
    await push(write, old);
    expect(write.tooOld).toBe(1);
  });

  test("samples that are older are too old, and others are stored", async () => {
    setDuration(BigInt(dayMs) * 1_000_000n);
    const { database, catalog: databases } = world;
    const nowMs = Number(world.nowNs / 1_000_000n);
    const importer = new TextImporter({ database, databases, onMetadata: () => {} });
    const body = new TextEncoder().encode(`up 1 ${nowMs}\nup 1 ${nowMs - 2 * dayMs}\n`);
    const options = { openMetrics: false, nowMs, acknowledgement: "volatile" } as const;
    expect(await importer.write(body, { ...options, db: "db0" })).toMatchObject({
      samples: 1,
      tooOld: 1,
    });
    expect(await importer.write(body, options)).toMatchObject({ samples: 2, tooOld: 0 });
  });
});
