/** Statements on databases and retention policies. */
import { beforeEach, describe, expect, test } from "bun:test";
import type { Policy } from "../../../src/influxql/context.ts";
import { formatGoDuration } from "../../../src/influxql/language/durations.ts";
import {
  alterPolicy,
  createDatabase,
  createPolicy,
  dropPolicy,
} from "../../../src/influxql/catalog/policies.ts";
import { DatabaseStore } from "../../../src/stores/databases.ts";
import { statementOf } from "../../support/influxql_world.ts";

let catalog: DatabaseStore;

beforeEach(() => {
  catalog = DatabaseStore.open();
});

function run(text: string): void {
  const statement = statementOf(text);
  switch (statement.kind) {
    case "create_database":
      return createDatabase(catalog, statement);
    case "create_policy":
      return createPolicy(catalog, statement);
    case "alter_policy":
      return alterPolicy(catalog, statement);
    case "drop_policy":
      return void dropPolicy(catalog, statement);
    default:
      throw new Error(text);
  }
}

/** Name, duration, shard duration, replication, and a star behind the default one. */
function policies(database = "db"): string[] | undefined {
  const known = catalog.database(database);
  return known?.policies.map(({ name, durationNs, shardNs, replication }: Policy) => {
    const isDefault = name === known.defaultPolicy ? "*" : "";
    return `${name}${isDefault} ${formatGoDuration(durationNs)} ${
      formatGoDuration(shardNs)
    } ${replication}`;
  });
}

describe("CREATE DATABASE", () => {
  test.each([
    ["", "autogen* 0s 168h0m0s 1"],
    ["WITH NAME rp", "rp* 0s 168h0m0s 1"],
    ["WITH DURATION 24h REPLICATION 2 NAME rp", "rp* 24h0m0s 1h0m0s 2"],
    ["WITH DURATION 60m SHARD DURATION 30m", "autogen* 1h0m0s 1h0m0s 1"],
    ["WITH SHARD DURATION 61m", "autogen* 0s 1h1m0s 1"],
    ["WITH DURATION INF", "autogen* 0s 168h0m0s 1"],
    ["WITH DURATION 48h", "autogen* 48h0m0s 24h0m0s 1"],
    ["WITH DURATION 47h", "autogen* 47h0m0s 1h0m0s 1"],
    ["WITH DURATION 180d", "autogen* 4320h0m0s 168h0m0s 1"],
    ["WITH DURATION 179d", "autogen* 4296h0m0s 24h0m0s 1"],
  ])("%s", (rest, policy) => {
    run(`CREATE DATABASE db ${rest}`);
    expect(policies()).toEqual([policy]);
  });

  test("again, it is what it was, or it is refused", () => {
    run("CREATE DATABASE db WITH DURATION 24h NAME rp");
    run("CREATE DATABASE db");
    run("CREATE DATABASE db WITH DURATION 24h NAME rp");
    run("CREATE DATABASE db WITH REPLICATION 1 NAME rp");
    for (const rest of ["DURATION 25h NAME rp", "DURATION 24h", "REPLICATION 2 NAME rp"]) {
      expect(() => run(`CREATE DATABASE db WITH ${rest}`)).toThrow(
        "retention policy conflicts with an existing policy",
      );
    }
    expect(policies()).toEqual(["rp* 24h0m0s 1h0m0s 1"]);
  });

  test.each([
    [".", "invalid name"],
    ["..", "invalid name"],
    ["a/b", "invalid name"],
    ["a\\nb", "invalid name"],
    ["\u0007", "invalid name"],
    ["n".repeat(256), "name too long"],
  ])("%j is no name", (name, message) => {
    expect(() => run(`CREATE DATABASE "${name}"`)).toThrow(message);
    expect(() => run(`CREATE DATABASE db WITH NAME "${name}"`)).toThrow(message);
    expect(catalog.databases()).toEqual([]);
  });

  test("names may hold anything else", () => {
    for (const name of ["°C", "温度", "a b", "-", "\u{1f600}"]) run(`CREATE DATABASE "${name}"`);
    expect(catalog.databases()).toHaveLength(5);
  });
});

describe("CREATE RETENTION POLICY", () => {
  beforeEach(() => run("CREATE DATABASE db"));

  test.each([
    ["DURATION 1h REPLICATION 1", "rp 1h0m0s 1h0m0s 1"],
    ["DURATION 1h REPLICATION 1 SHARD DURATION 30m", "rp 1h0m0s 1h0m0s 1"],
    ["DURATION INF REPLICATION 1 SHARD DURATION 0s", "rp 0s 168h0m0s 1"],
    ["DURATION 2h REPLICATION 1 SHARD DURATION 1s", "rp 2h0m0s 1h0m0s 1"],
    ["DURATION 8w REPLICATION 3 SHARD DURATION 2d", "rp 1344h0m0s 48h0m0s 3"],
  ])("%s", (rest, policy) => {
    run(`CREATE RETENTION POLICY rp ON db ${rest}`);
    expect(policies()).toEqual(["autogen* 0s 168h0m0s 1", policy]);
  });

  test.each([
    ['"." ON db DURATION 1d REPLICATION 1', "invalid name"],
    ["rp ON nope DURATION 1h REPLICATION 1", "database not found: nope"],
    ["rp ON db DURATION 59m REPLICATION 1", "retention policy duration must be at least 1h0m0s"],
    [
      "rp ON db DURATION 1h REPLICATION 1 SHARD DURATION 2h",
      "retention policy duration must be greater than the shard duration",
    ],
  ])("%s is refused", (rest, message) => {
    expect(() => run(`CREATE RETENTION POLICY ${rest}`)).toThrow(message);
    expect(policies()).toHaveLength(1);
  });

  test("again", () => {
    const text = "CREATE RETENTION POLICY rp ON db DURATION 1h REPLICATION 1";
    run(text);
    run(text);
    expect(() => run(`${text} DEFAULT`)).toThrow(
      "retention policy conflicts with an existing policy",
    );
    expect(() => run(text.replace("1h", "2h"))).toThrow("retention policy already exists");
  });

  test("the default one", () => {
    run("CREATE RETENTION POLICY rp ON db DURATION 1h REPLICATION 1 DEFAULT");
    expect(policies()).toEqual(["autogen 0s 168h0m0s 1", "rp* 1h0m0s 1h0m0s 1"]);
    expect(catalog.labelOf("db", "")).toBe("db/rp");
  });
});

describe("ALTER and DROP RETENTION POLICY", () => {
  beforeEach(() => run("CREATE DATABASE db WITH DURATION 1d NAME rp"));

  test.each([
    ["DURATION 2h REPLICATION 3 DEFAULT", "rp* 2h0m0s 1h0m0s 3"],
    ["DURATION INF", "rp* 0s 1h0m0s 1"],
    ["SHARD DURATION 2h", "rp* 24h0m0s 2h0m0s 1"],
    ["SHARD DURATION 1s", "rp* 24h0m0s 1h0m0s 1"],
    ["REPLICATION 4", "rp* 24h0m0s 1h0m0s 4"],
  ])("%s", (rest, policy) => {
    run(`ALTER RETENTION POLICY rp ON db ${rest}`);
    expect(policies()).toEqual([policy]);
  });

  test.each([
    ["rp ON db DURATION 1m", "retention policy duration must be at least 1h0m0s"],
    ["rp ON db SHARD DURATION 2d", "retention policy duration must be greater than the shard"],
    ["rp ON nope DURATION 2h", "database not found: nope"],
    ["nope ON db DURATION 2h", "retention policy not found: nope"],
  ])("%s is refused", (rest, message) => {
    expect(() => run(`ALTER RETENTION POLICY ${rest}`)).toThrow(message);
    expect(policies()).toEqual(["rp* 24h0m0s 1h0m0s 1"]);
  });

  test("what is not there is dropped already; the default one leaves none", () => {
    run("DROP RETENTION POLICY nope ON db");
    run("DROP RETENTION POLICY rp ON nope");
    expect(policies()).toHaveLength(1);
    run("DROP RETENTION POLICY rp ON db");
    expect(policies()).toEqual([]);
    run("CREATE RETENTION POLICY rp2 ON db DURATION 1h REPLICATION 1");
    expect(policies()).toEqual(["rp2 1h0m0s 1h0m0s 1"]);
  });
});
