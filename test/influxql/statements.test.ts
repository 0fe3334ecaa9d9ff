/** Lists of statements: what is answered where one fails, and what an error says. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Database, EngineError, openDatabase } from "../../engine/mod.ts";
import { parseInfluxql } from "../../src/influxql/language/parser.ts";
import { statementContext } from "../../src/influxql/request.ts";
import { type Frame, StatementError, SyntaxFailure } from "../../src/influxql/values/result.ts";
import { RunningQueries } from "../../src/influxql/running_queries.ts";
import { Statements } from "../../src/influxql/statements.ts";
import { DatabaseStore } from "../../src/stores/databases.ts";
import { floats } from "../support/influxql_answers.ts";

let database: Database;
let databases: DatabaseStore;
/** What SELECT gives: frames, or what it throws behind them. */
let frames: Frame[];
let failure: unknown;
let reported: unknown[];
let controller: AbortController;

beforeEach(async () => {
  database = await openDatabase({ settings: {} });
  databases = DatabaseStore.open();
  frames = [floats([1])];
  failure = undefined;
  reported = [];
  controller = new AbortController();
});

afterEach(() => database.close());

function statements(): Statements {
  return new Statements({
    database,
    catalog: databases,
    select: {
      select: () =>
        Promise.resolve({
          messages: [],
          frames: (function* () {
            yield* frames;
            if (failure !== undefined) throw failure;
          })(),
        }),
      explain: () => Promise.resolve({ messages: [], frames: [] }),
    },
    queries: new RunningQueries(() => 0),
    discover: () => {},
    diagnostics: () => [],
    onContinuous: () => {},
    onError: (error) => reported.push(error),
  });
}

const LIMITS = { seriesMax: 0, pointsMax: 0, bucketsMax: 0, timeoutMs: 0 };

function contextOf(given: { readonly database?: string; readonly policy?: string } = {}) {
  return statementContext(
    { catalog: databases, discover: () => {}, hasLoose: () => false },
    {
      database: "",
      policy: "",
      nowNs: 10_000_000_000_000n,
      limits: LIMITS,
      signal: controller.signal,
      ...given,
    },
  );
}

/** Kinds of the parts and what the ends say. */
async function run(text: string, isReadOnly = false): Promise<string[]> {
  const seen: string[] = [];
  const parts = statements().runAll(parseInfluxql(text), contextOf(), { isReadOnly });
  for await (const part of parts) {
    if (part.kind === "begin") seen.push(`begin ${part.id}`);
    else if (part.kind === "frame") seen.push(`frame of ${part.frame.count}`);
    else seen.push(`end ${part.error ?? part.messages.map(({ level }) => level).join()}`.trim());
  }
  return seen;
}

describe("errors", () => {
  test("those behind a failed statement are not executed", async () => {
    failure = new StatementError("broken");
    expect(await run("CREATE DATABASE a; SELECT v FROM m; CREATE DATABASE b")).toEqual([
      "begin 0",
      "end",
      "begin 1",
      "frame of 1",
      "end broken",
      "begin 2",
      "end not executed",
    ]);
    expect(databases.databases()).toEqual(["a"]);
  });

  test.each([
    { name: "of a statement", thrown: new StatementError("s"), says: "s", isOurs: false },
    { name: "found late in the text", thrown: new SyntaxFailure("t"), says: "t", isOurs: false },
    { name: "of a limit", thrown: new EngineError("limit", "l"), says: "l", isOurs: false },
    { name: "of the disk", thrown: new EngineError("io", "i"), says: "i", isOurs: true },
    { name: "of ours", thrown: new TypeError("secret"), says: "internal error", isOurs: true },
  ])("$name", async ({ thrown, says, isOurs }) => {
    failure = thrown;
    expect(await run("SELECT v FROM m")).toEqual(["begin 0", "frame of 1", `end ${says}`]);
    expect(reported).toEqual(isOurs ? [thrown] : []);
  });

  test("a query that is stopped says why, whatever its parts throw", async () => {
    failure = new DOMException("aborted", "AbortError");
    controller.abort(new StatementError("query interrupted"));
    expect(await run("SELECT v FROM m")).toEqual(["begin 0", "end query interrupted"]);
    expect(reported).toEqual([]);
  });
});

test("in a read only context, changes are done and warned of, unless they fail", async () => {
  expect(await run("CREATE DATABASE a; DROP USER x", true)).toEqual([
    "begin 0",
    "end warning",
    "begin 1",
    "end user not found",
  ]);
  expect(databases.databases()).toEqual(["a"]);
});

test("INTO writes and tells how many points", async () => {
  databases.touch("db");
  frames = [floats([1, 2, 3])];
  const [statement] = parseInfluxql("SELECT v INTO db..copy FROM m");
  const { frames: answered } = await statements().run(statement!, contextOf());
  const [frame] = answered as Frame[];
  expect(frame).toMatchObject({ name: "result", columns: ["time", "written"], count: 1 });
  expect([...frame!.data[0]!.values]).toEqual([3]);
});

describe("the label of a database and policy", () => {
  beforeEach(() => {
    databases.touch("db");
    databases.touch("db/short");
    const entry = databases.database("db")!;
    const policies = entry.policies.map((policy) =>
      policy.name === "short" ? { ...policy, durationNs: 3_600_000_000_000n } : policy
    );
    databases.put({ ...entry, policies });
  });

  test.each([
    { given: {}, names: ["db", ""], label: "db" },
    { given: { database: "db" }, names: ["", ""], label: "db" },
    { given: { database: "db", policy: "short" }, names: ["", ""], label: "db/short" },
    { given: { database: "db", policy: "short" }, names: ["", "autogen"], label: "db" },
    { given: { policy: "short" }, names: ["db", ""], label: "db/short" },
  ])("$given and $names are $label", ({ given, names, label }) => {
    expect(contextOf(given).label(names[0]!, names[1]!)).toBe(label);
  });

  test.each([
    { names: ["", ""], says: "database name required" },
    { names: ["x", ""], says: "database not found: x" },
    { names: ["db", "x"], says: "retention policy not found: x" },
  ])("$names: $says", ({ names, says }) => {
    expect(() => contextOf().label(names[0]!, names[1]!)).toThrow(says);
  });

  test("points of a policy are hidden once its duration is over", () => {
    const context = contextOf();
    expect(context.expiredBeforeNs(context.label("db", ""))).toBeUndefined();
    expect(context.expiredBeforeNs(context.label("db", "short"))).toBe(6_400_000_000_000n);
  });

  test("a default policy that is gone is not found", () => {
    databases.put({ ...databases.database("db")!, defaultPolicy: "" });
    expect(() => contextOf().label("db", "")).toThrow("retention policy not found: ");
  });
});
