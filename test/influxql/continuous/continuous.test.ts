/** Continuous queries: how they are kept, when they run and over which times. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { SelectStatement } from "../../../src/influxql/language/ast.ts";
import { ContinuousQueries } from "../../../src/influxql/continuous/continuous.ts";
import {
  ContinuousQuery,
  createContinuousQuery,
  dropContinuousQuery,
} from "../../../src/influxql/continuous/continuous_query.ts";
import { printExpression } from "../../../src/influxql/language/printer.ts";
import { type Frame, StatementError } from "../../../src/influxql/values/result.ts";
import { RunningQueries } from "../../../src/influxql/running_queries.ts";
import { splitCondition } from "../../../src/influxql/expressions/time_range.ts";
import { newDatabase } from "../../../src/stores/databases.ts";
import { InfluxqlWorld, statementOf } from "../../support/influxql_world.ts";
import { ManualClock } from "../../support/manual_clock.ts";

const MINUTE_MS = 60_000;
/** 2026-01-01T00:10:30Z. */
const START_MS = Date.UTC(2026, 0, 1, 0, 10, 30);

let clock: ManualClock;
let world: InfluxqlWorld;
let queries: RunningQueries;
let continuous: ContinuousQueries;
/** Ranges that were selected, as `hh:mm:ss-hh:mm:ss`, with what else the condition asks. */
let ranges: string[];
let warnings: string[];
let select: (statement: SelectStatement, signal: AbortSignal) => Promise<Iterable<Frame>>;

function open(): ContinuousQueries {
  return new ContinuousQueries({
    database: world.database,
    catalog: world.catalog,
    select: {
      select: async (statement, context) => ({
        frames: await select(statement, context.signal),
        messages: [],
      }),
    },
    queries,
    context: ({ database, nowNs, signal }) => ({ ...world.context(database), nowNs, signal }),
    clock,
    logger: {
      log: (_, message, fields) => void warnings.push(`${message}: ${fields?.["reason"]}`),
    },
  });
}

beforeEach(async () => {
  clock = new ManualClock(START_MS);
  world = await InfluxqlWorld.open({ clock, databases: { db0: ["week"], other: [] } });
  queries = new RunningQueries(() => clock.monotonicMs());
  ranges = [];
  warnings = [];
  select = (statement) => {
    ranges.push(rangeText(statement));
    return Promise.resolve([]);
  };
  continuous = open();
});
afterEach(async () => {
  await continuous.stop();
  await world[Symbol.asyncDispose]();
});

function rangeText({ where }: SelectStatement): string {
  const { bounds, condition } = splitCondition(where, { nowNs: 0n, zone: undefined });
  const [from, to] = [bounds.min, bounds.max + 1n].map((ns) =>
    new Date(Number(ns / 1_000_000n)).toISOString().slice(11, 19)
  );
  return `${from}-${to}${condition === undefined ? "" : ` ${printExpression(condition)}`}`;
}

function create(text: string, database = ""): void {
  const statement = statementOf(`CREATE CONTINUOUS QUERY ${text}`);
  if (statement.kind !== "create_continuous_query") throw new Error(text);
  createContinuousQuery(world.catalog, statement, { database });
  continuous.refresh();
}

function drop(text: string): void {
  const statement = statementOf(`DROP CONTINUOUS QUERY ${text}`);
  if (statement.kind !== "drop_continuous_query") throw new Error(text);
  dropContinuousQuery(world.catalog, statement);
}

async function advance(ms: number, stepMs = MINUTE_MS / 2): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(stepMs);
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

const kept = (database = "db0") => world.catalog.database(database)?.queries;
const MEAN = "BEGIN SELECT mean(v) INTO out FROM m GROUP BY time(5m) END";

describe("keeping", () => {
  test("full names are kept and shown", () => {
    create(`"a b" ON db0 RESAMPLE EVERY 1m FOR 1h BEGIN SELECT mean(v) AS v INTO other..:MEASUREMENT
      FROM week./x\\/y/, (SELECT v FROM "sub" WHERE v > 0.00001) WHERE host = 'it''s' OR v < 5
      GROUP BY time(5m, 1m), host, * fill(previous) tz('Europe/Berlin') END`.replace("''", "\\'"));
    const text = 'CREATE CONTINUOUS QUERY "a b" ON db0 RESAMPLE EVERY 1m FOR 1h BEGIN ' +
      "SELECT mean(v) AS v INTO other.autogen.:MEASUREMENT FROM db0.week./x\\/y/, " +
      "(SELECT v FROM db0.autogen.sub WHERE v > 0.00001) WHERE host = 'it\\'s' OR v < 5 " +
      "GROUP BY time(5m, 1m), host, * fill(previous) TZ('Europe/Berlin') END";
    expect(kept()).toEqual([["a b", text]]);
    // What is kept means the same when it is read again.
    expect(statementOf(text)).toMatchObject({ text });
  });

  test("the same query again is no error, another one is", () => {
    create(`q ON db0 ${MEAN}`);
    create(`q ON db0 ${MEAN}`);
    expect(() => create(`q ON db0 ${MEAN.replace("mean", "max")}`)).toThrow(
      "continuous query already exists",
    );
    create(`q ON other ${MEAN}`);
    expect([kept()?.length, kept("other")?.length]).toEqual([1, 1]);
  });

  test.each([
    [`q ON nope ${MEAN}`, "database not found: nope"],
    [`q ON db0 ${MEAN.replace("FROM m", "FROM nope..m")}`, "database not found: nope"],
    [
      `q ON db0 ${MEAN.replace("INTO out", "INTO nope.out")}`,
      "retention policy not found: db0.nope",
    ],
  ])("%s is refused", (text, message) => {
    expect(() => create(text)).toThrow(message);
    expect(kept()).toEqual([]);
  });

  test("names belong to the request's database, where it has one", () => {
    create(`q ON db0 ${MEAN}`, "other");
    expect(kept()?.[0]?.[1]).toContain("INTO other.autogen.out FROM other.autogen.m");
  });

  test("what is dropped is gone, and what is not there is no error", () => {
    create(`q ON db0 ${MEAN}`);
    drop("nope ON db0");
    drop("q ON nope");
    expect(kept()).toHaveLength(1);
    drop("q ON db0");
    expect(kept()).toEqual([]);
  });
});

describe("times", () => {
  /** Runs after the start, and what they cover. */
  function runs(resample: string, groupBy: string, count: number, zone = ""): string[] {
    const query = new ContinuousQuery(
      "db0",
      `CREATE CONTINUOUS QUERY q ON db0 ${resample} BEGIN SELECT mean(v) INTO out FROM m ` +
        `GROUP BY ${groupBy} ${zone} END`,
    );
    const text = (ns: bigint) => new Date(Number(ns / 1_000_000n)).toISOString().slice(8, 16);
    let atNs = query.lastRun(clock.nowNs());
    return Array.from({ length: count }, () => {
      const reachedNs = atNs;
      atNs = query.nextRun(reachedNs);
      const range = query.rangeOf(reachedNs, atNs);
      const shown = range === undefined ? "-" : `${text(range.startNs)} ${text(range.endNs)}`;
      return `${text(atNs)}: ${shown}`;
    });
  }

  test.each([
    ["", "time(30m)", ["01T00:30: 01T00:00 01T00:30", "01T01:00: 01T00:30 01T01:00"]],
    ["", "time(1h, 15m)", ["01T00:15: 31T23:15 01T00:15", "01T01:15: 01T00:15 01T01:15"]],
    // The examples of InfluxDB's manual.
    ["RESAMPLE EVERY 30m", "time(1h)", [
      "01T00:30: 01T00:00 01T01:00",
      "01T01:00: 01T00:00 01T01:00",
    ]],
    ["RESAMPLE FOR 1h", "time(30m)", [
      "01T00:30: 31T23:30 01T00:30",
      "01T01:00: 01T00:00 01T01:00",
    ]],
    ["RESAMPLE EVERY 1h FOR 90m", "time(30m)", [
      "01T01:00: 31T23:30 01T01:00",
      "01T02:00: 01T00:30 01T02:00",
    ]],
    ["RESAMPLE EVERY 1h", "time(30m)", ["01T01:00: 01T00:00 01T01:00"]],
  ])("%s GROUP BY %s", (resample, groupBy, expected) => {
    expect(runs(resample, groupBy, expected.length)).toEqual(expected);
  });

  test("days of a zone", () => {
    expect(runs("", "time(1d)", 1, "tz('Europe/Berlin')")).toEqual(["01T23:00: 31T23:00 01T23:00"]);
  });
});

describe("running", () => {
  test("at the end of each interval, for the one just past", async () => {
    create(`q ON db0 ${MEAN}`);
    await advance(4 * MINUTE_MS);
    expect(ranges).toEqual([]);
    await advance(12 * MINUTE_MS);
    expect(ranges).toEqual(["00:10:00-00:15:00", "00:15:00-00:20:00", "00:20:00-00:25:00"]);
    expect({ runs: continuous.runs, errors: continuous.errors }).toEqual({ runs: 3, errors: 0 });
  });

  test("times in its own condition do not count", async () => {
    create(`q ON db0 ${MEAN.replace("FROM m", "FROM m WHERE time > 5 AND (v > 1 OR host = 'a')")}`);
    await advance(5 * MINUTE_MS);
    expect(ranges).toEqual(["00:10:00-00:15:00 (v > 1 OR host = 'a')"]);
  });

  test("rows are written, to where INTO says", async () => {
    create(`q ON db0 ${MEAN.replace("INTO out", "INTO week.out")}`);
    select = () =>
      Promise.resolve([{
        name: "m",
        tags: [["host", "a"]],
        columns: ["time", "mean"],
        count: 1,
        times: { origin: 5n, offsets: new Float64Array(1) },
        data: [{ kind: "float", values: Float64Array.of(2.5) }],
        continues: false,
      }]);
    await advance(5 * MINUTE_MS);
    expect(await world.rows("SHOW SERIES FROM week.out")).toEqual([" out,host=a"]);
    expect(await world.rows("SHOW FIELD KEYS FROM week.out")).toEqual(["out mean float"]);
  });

  test("nothing waits where there are none, or none any more", async () => {
    const { timers } = clock;
    continuous.refresh();
    expect(clock.timers).toBe(timers);
    create(`q ON db0 ${MEAN}`);
    expect(clock.timers).toBe(timers + 1);
    drop("q ON db0");
    await advance(10 * MINUTE_MS);
    expect({ ranges, timers: clock.timers }).toEqual({ ranges: [], timers });
  });

  test("with a database go its queries", async () => {
    create(`q ON db0 ${MEAN}`);
    world.catalog.remove("db0");
    await advance(10 * MINUTE_MS);
    world.catalog.put(newDatabase("db0"));
    expect({ ranges, warnings }).toEqual({ ranges: [], warnings: [] });
  });

  test("after a restart it goes on, without what is past", async () => {
    create(`q ON db0 ${MEAN}`);
    await continuous.stop();
    await advance(20 * MINUTE_MS);
    continuous = open();
    continuous.refresh();
    await advance(5 * MINUTE_MS);
    expect(ranges).toEqual(["00:30:00-00:35:00"]);
  });

  test("one at a time, and what came due meanwhile is made up for", async () => {
    create(`a ON db0 ${MEAN}`);
    create(`b ON db0 ${MEAN}`);
    const gate = Promise.withResolvers<void>();
    select = async (statement) => {
      ranges.push(rangeText(statement));
      if (ranges.length === 1) await gate.promise;
      return [];
    };
    await advance(11 * MINUTE_MS);
    expect(ranges).toEqual(["00:10:00-00:15:00"]);
    expect(queries.list()).toHaveLength(1);
    gate.resolve();
    await settle();
    await advance(MINUTE_MS);
    expect(ranges).toEqual(["00:10:00-00:15:00", "00:10:00-00:20:00", "00:15:00-00:20:00"]);
  });

  test("errors are logged and counted, and the next run makes up for them", async () => {
    create(`q ON db0 ${MEAN}`);
    const works = select;
    select = () => Promise.reject(new StatementError("no"));
    await advance(5 * MINUTE_MS);
    expect(warnings).toEqual(["Cannot run a continuous query: no"]);
    expect({ runs: continuous.runs, errors: continuous.errors }).toEqual({ runs: 1, errors: 1 });
    select = works;
    await advance(5 * MINUTE_MS);
    expect(ranges).toEqual(["00:10:00-00:20:00"]);
  });

  test("one without an interval is reported once and not run", async () => {
    create("raw ON db0 BEGIN SELECT v INTO out FROM m END");
    await advance(10 * MINUTE_MS);
    continuous.refresh();
    expect(warnings).toEqual([
      "Cannot run a continuous query: continuous queries must be aggregate queries",
    ]);
  });

  test("a clock that goes back runs nothing twice at once, one that jumps reaches back a little", async () => {
    create(`q ON db0 ${MEAN}`);
    clock.wallMs -= 24 * 60 * MINUTE_MS;
    await advance(MINUTE_MS);
    expect(ranges).toEqual([]);
    await advance(4 * MINUTE_MS);
    expect(ranges).toEqual(["00:10:00-00:15:00"]);
    clock.wallMs += 365 * 24 * 60 * MINUTE_MS;
    await advance(MINUTE_MS);
    // A hundred intervals.
    expect(ranges.slice(1)).toEqual(["15:55:00-00:15:00"]);
  });

  test("can be killed, and ends with the process", async () => {
    create(`q ON db0 ${MEAN}`);
    select = (_, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    await advance(5 * MINUTE_MS);
    queries.kill(1n);
    await settle();
    expect(warnings).toEqual(["Cannot run a continuous query: query interrupted"]);
    await advance(5 * MINUTE_MS);
    expect(queries.list()).toHaveLength(1);
    await continuous.stop();
    expect(queries.list()).toHaveLength(0);
    expect(warnings).toHaveLength(1);
  });
});
