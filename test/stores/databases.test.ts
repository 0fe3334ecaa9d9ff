/** What databases, policies and users there are, and that the file tells of it after whatever happens. */
import { describe, expect, test } from "bun:test";
import { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";
import {
  databaseLabel,
  DatabaseStore,
  newDatabase,
  splitLabel,
} from "../../src/stores/databases.ts";
import type { StoredDatabase } from "../../src/stores/databases_content.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";

const PATH = "/data/databases.json";
const HOUR_NS = 3_600_000_000_000n;
const user = { name: "jo", admin: false, hash: "scrypt:1:2" };

function withPolicy(name: string, policy: string): StoredDatabase {
  const entry = newDatabase(name);
  const added = { name: policy, durationNs: 2n ** 62n, shardNs: HOUR_NS, replication: 2 };
  return { ...entry, policies: [...entry.policies, added], defaultPolicy: policy };
}

function setting(fileSystem: MemoryFileSystem | SimulatedDisk = new MemoryFileSystem()) {
  fileSystem.makeDirectory("/data");
  fileSystem.syncDirectory("/");
  const warnings: string[] = [];
  const logger = { log: (_: string, message: string) => void warnings.push(message) };
  return { fileSystem, path: PATH, logger, warnings };
}

function writeFile(file: ReturnType<typeof setting>, text: string): void {
  const handle = file.fileSystem.open(PATH, "create");
  handle.write(new TextEncoder().encode(text), 0);
  handle.close();
}

describe("labels", () => {
  test.each([
    ["db", "", "db"],
    ["db", "autogen", "db"],
    ["db", "a week", "db/a week"],
    ["db", "a/b", "db/a/b"],
  ])("of %s and %s is %s", (database, policy, label) => {
    expect(databaseLabel(database, policy)).toBe(label);
    expect(splitLabel(label)).toEqual({ database, policy: policy || "autogen" });
  });

  test("the default policy is meant where none is named", () => {
    const store = DatabaseStore.open();
    store.put(withPolicy("db", "week"));
    expect(store.labelOf("db", "")).toBe("db/week");
    expect(store.labelOf("db", "autogen")).toBe("db");
    store.put({ ...withPolicy("db", "week"), defaultPolicy: "" });
    expect(store.labelOf("db", "")).toBe("db");
    expect(store.labelOf("unknown", "")).toBe("unknown");
  });
});

describe("in memory", () => {
  test("databases are sorted by the bytes of their names", () => {
    const store = DatabaseStore.open();
    for (const name of ["\u{1f600}", "\u{ff5e}", "b", "B"]) store.put(newDatabase(name));
    expect(store.databases()).toEqual(["B", "b", "\u{ff5e}", "\u{1f600}"]);
  });

  test("what is written exists from then on", () => {
    const store = DatabaseStore.open();
    store.touch("db");
    store.touch("other/week");
    store.touch("");
    expect(store.databases()).toEqual(["db", "other"]);
    expect(store.database("db")).toEqual(newDatabase("db"));
    expect(store.database("other")?.policies.map((each) => each.name)).toEqual([
      "autogen",
      "week",
    ]);
    expect(store.database("other")?.defaultPolicy).toBe("autogen");
  });

  test("the generation changes with the databases alone", () => {
    const store = DatabaseStore.open();
    const generations = [store.generation];
    const note = () => generations.push(store.generation);
    store.touch("db");
    note();
    store.put(withPolicy("db", "week"));
    note();
    store.remove("db");
    note();
    expect(new Set(generations).size).toBe(generations.length);
    store.touch("db");
    const last = store.generation;
    store.touch("db");
    store.putUser({ ...user, grants: [] });
    expect(store.generation).toBe(last);
  });

  test("with a database go all rights to it", () => {
    const store = DatabaseStore.open();
    store.put(newDatabase("db"));
    store.putUser({ ...user, grants: [["db", "read"], ["other", "all"]] });
    store.remove("db");
    expect(store.users()).toEqual([{ ...user, grants: [["other", "all"]] }]);
    store.removeUser("jo");
    store.removeUser("nobody");
    expect(store.users()).toEqual([]);
  });
});

describe("discovery", () => {
  test("labels make databases, but for those that were dropped", () => {
    const store = DatabaseStore.open();
    store.put(withPolicy("gone", "week"));
    store.remove("gone");
    store.put(withPolicy("half", "week"));
    store.put(newDatabase("half"));
    expect([...store.dropped].sort()).toEqual(["gone", "gone/week", "half/week"]);
    store.discover(["a", "b/week", "gone", "gone/week", "half/week", ""]);
    expect(store.databases()).toEqual(["a", "b", "half"]);
    expect(store.database("half")?.policies).toHaveLength(1);
  });

  test("what was dropped and is written again is no longer dropped", () => {
    const store = DatabaseStore.open();
    store.put(newDatabase("db"));
    store.remove("db");
    store.touch("db");
    expect(store.dropped).toEqual([]);
    store.remove("db");
    store.put(newDatabase("db"));
    expect(store.dropped).toEqual([]);
  });
});

test("what was emptied need not be emptied again, until it is dropped again", () => {
  const file = setting();
  const store = DatabaseStore.open(file);
  store.put(newDatabase("db"));
  store.put(newDatabase("other"));
  store.remove("db");
  store.remove("other");
  store.noteEmptied(["db", "unknown"]);
  const again = DatabaseStore.open(file);
  expect(again.dropped).toEqual(["other"]);
  again.discover(["db"]);
  expect(again.databases()).toEqual([]);
  again.touch("db");
  again.remove("db");
  expect([...again.dropped].sort()).toEqual(["db", "other"]);
});

describe("limits", () => {
  const counted = (count: number) => Array.from({ length: count }, (_, i) => i);

  test("of databases: no more can be created, and writes go on unlisted", () => {
    const store = DatabaseStore.open();
    for (const i of counted(10_000)) store.touch(`db${i}`);
    const refusal = "Cannot keep 10001 databases: allowed are 10000";
    expect(() => store.put(newDatabase("more"))).toThrow(refusal);
    expect(store.touch("more")).toBeUndefined();
    expect(store.touch("db0/week")).toBeUndefined();
    store.put(withPolicy("db0", "day"));
    expect(store.databases()).toHaveLength(10_000);
  });

  test("of policies and continuous queries: there may be fewer, not more", () => {
    const store = DatabaseStore.open();
    const entry = newDatabase("db");
    const policies = counted(1_001).map((i) => ({ ...entry.policies[0]!, name: `p${i}` }));
    const queries = counted(1_001).map((i) => [`q${i}`, ""] as const);
    expect(() => store.put({ ...entry, policies })).toThrow("1001 retention policies");
    expect(() => store.put({ ...entry, queries })).toThrow("1001 continuous queries");
    store.put({ ...entry, policies: policies.slice(1), queries: queries.slice(1) });
    store.put({ ...entry, policies: policies.slice(2), queries: queries.slice(2) });
  });

  test("of users", () => {
    const store = DatabaseStore.open();
    for (const i of counted(10_000)) store.putUser({ ...user, name: `u${i}`, grants: [] });
    expect(() => store.putUser({ ...user, grants: [] })).toThrow("10001 users");
    store.putUser({ ...user, name: "u0", admin: true, grants: [] });
  });
});

describe("labels that are being emptied", () => {
  test("are not written before all of them are empty", async () => {
    const store = DatabaseStore.open();
    store.touch("db");
    store.touch("db/week");
    store.remove("db");
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const begun: string[] = [];
    const emptied = store.empty(["db", "db/week"], (label) => {
      begun.push(label);
      return gates[begun.length - 1]!.promise;
    });
    const waiting = store.touch("db");
    expect(waiting).toBeInstanceOf(Promise);
    expect(store.touch("other")).toBeUndefined();
    gates[0]!.resolve();
    while (begun.length < 2) await Promise.resolve();
    expect(store.touch("db")).toBe(waiting!);
    expect(store.databases()).toEqual(["other"]);
    gates[1]!.resolve();
    await waiting;
    expect(store.touch("db")).toBeUndefined();
    expect(store.databases()).toEqual(["db", "other"]);
    await emptied;
    expect(begun).toEqual(["db", "db/week"]);
    expect(store.dropped).toEqual([]);
  });

  test("wait for each other where they are the same", async () => {
    const store = DatabaseStore.open();
    const order: string[] = [];
    const empty = (name: string) =>
      store.empty(["db"], async () => {
        order.push(`begin ${name}`);
        await Promise.resolve();
        order.push(`end ${name}`);
      });
    await Promise.all([empty("first"), empty("second")]);
    expect(order).toEqual(["begin first", "end first", "begin second", "end second"]);
  });

  test("are left to the next start where that fails, unless they are written and that is saved", async () => {
    const file = setting();
    const store = DatabaseStore.open(file);
    store.touch("db");
    store.remove("db");
    const failing = store.empty(["db"], () => Promise.reject(new Error("no room")));
    await expect(failing).rejects.toThrow("no room");
    expect(DatabaseStore.open(file).dropped).toEqual(["db"]);

    file.fileSystem.open = () => {
      throw new Error("no room");
    };
    expect(() => store.touch("db")).toThrow("no room");
    expect(store.databases()).toEqual([]);
    Reflect.deleteProperty(file.fileSystem, "open");
    expect(store.touch("db")).toBeUndefined();
    expect(DatabaseStore.open(file).dropped).toEqual([]);
  });
});

describe("in a file", () => {
  test("survives a restart", () => {
    const file = setting();
    const store = DatabaseStore.open(file);
    store.put({ ...withPolicy("db", "week"), queries: [["q", "SELECT 1"]] });
    store.putUser({ ...user, grants: [["db", "write"]] });
    store.put(newDatabase("old"));
    store.remove("old");
    store.touch("touched");
    const again = DatabaseStore.open(file);
    expect(again.databases()).toEqual(["db", "touched"]);
    expect(again.database("db")).toEqual(store.database("db")!);
    expect(again.users()).toEqual(store.users());
    expect(again.dropped).toEqual(["old"]);
    expect(file.warnings).toEqual([]);
  });

  test.each([
    "",
    "{",
    "null",
    '{"version":2,"databases":[],"users":[],"dropped":[],"emptied":[]}',
    '{"version":1,"databases":{},"users":[],"dropped":[],"emptied":[]}',
    '{"version":1,"databases":[{"name":"a","policies":[{"name":"p","durationNs":"x"}]}],"users":[],"dropped":[],"emptied":[]}',
    '{"version":1,"databases":[],"users":[{"name":"a","hash":"","grants":[["d","own"]]}],"dropped":[],"emptied":[]}',
    '{"version":1,"databases":[],"users":[],"dropped":[1],"emptied":[]}',
  ])("a damaged one is set aside: %s", (text) => {
    const file = setting();
    writeFile(file, text);
    const store = DatabaseStore.open(file);
    expect([store.databases(), store.users()]).toEqual([[], []]);
    expect(file.warnings).toEqual([
      "Cannot read the list of databases, beginning anew from the data",
    ]);
    expect(file.fileSystem.exists(`${PATH}.damaged`)).toBe(true);
    store.discover(["found"]);
    expect(DatabaseStore.open(file).databases()).toEqual(["found"]);
  });

  test("a change that cannot be saved is not made", () => {
    const disk = new SimulatedDisk();
    const file = setting(disk);
    const store = DatabaseStore.open(file);
    store.put(newDatabase("db"));
    store.putUser({ ...user, grants: [["db", "read"]] });
    const before = [store.databases(), store.users(), store.dropped];
    const changes = [
      () => store.put(newDatabase("new")),
      () => store.remove("db"),
      () => store.removeUser("jo"),
      () => store.putUser({ ...user, name: "new", grants: [] }),
    ];
    for (const change of changes) {
      disk.inject({ at: disk.operations + 2, kind: "error", when: "before" });
      expect(change).toThrow();
      disk.clearFaults();
      expect([store.databases(), store.users(), store.dropped]).toEqual(before);
    }
    store.remove("db");
    expect(DatabaseStore.open(file).databases()).toEqual([]);
  });

  test("a write goes on when its database cannot be saved, and the next one saves it", () => {
    const disk = new SimulatedDisk();
    const file = setting(disk);
    const store = DatabaseStore.open(file);
    store.put(newDatabase("db"));
    store.remove("db");
    store.noteEmptied(["db"]);
    disk.inject({ at: disk.operations + 2, kind: "error", when: "before" });
    store.touch("db");
    disk.clearFaults();
    expect(file.warnings).toEqual(["Cannot save the list of databases"]);
    expect(DatabaseStore.open(file).databases()).toEqual([]);
    store.touch("db");
    const again = DatabaseStore.open(file);
    expect([again.databases(), again.dropped]).toEqual([["db"], []]);
    const { operations } = disk;
    store.touch("db");
    expect(disk.operations).toBe(operations);
  });
});

describe("a power cut", () => {
  /** Runs a change with a crash at one operation; false where there is no such operation. */
  function crashAt(at: number, seed: number): boolean {
    const disk = new SimulatedDisk({ seed });
    const file = setting(disk);
    const store = DatabaseStore.open(file);
    store.put(newDatabase("kept"));
    disk.inject({
      at: disk.operations + at,
      kind: "crash",
      when: seed % 2 === 0 ? "before" : "after",
    });
    let isDone = false;
    try {
      store.put(newDatabase("new"));
      isDone = true;
    } catch {
      // The power is off.
    }
    const hasCrashed = disk.faultsMet > 0;
    disk.clearFaults();
    disk.crash("random");
    const names = DatabaseStore.open(file).databases();
    expect(names).toContain("kept");
    if (isDone) expect(names).toContain("new");
    expect(file.warnings).toEqual([]);
    // What an interrupted change left behind is in nobody's way.
    const again = DatabaseStore.open(file);
    again.put(newDatabase("later"));
    expect(DatabaseStore.open(file).databases()).toContain("later");
    return hasCrashed;
  }

  test("leaves the old or the new list, and the new one once the change is made", () => {
    for (let seed = 0; seed < 20; seed++) {
      let at = 1;
      while (crashAt(at, seed)) at++;
      expect(at).toBeGreaterThan(5);
    }
  });
});
