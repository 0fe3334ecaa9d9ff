/** Statements on users and their rights. */
import { beforeEach, expect, test } from "bun:test";
import {
  changeGrant,
  createUser,
  dropUser,
  setPassword,
  showGrants,
  showUsers,
} from "../../../src/influxql/catalog/users.ts";
import { DatabaseStore, newDatabase } from "../../../src/stores/databases.ts";
import { plainFrame, statementOf } from "../../support/influxql_world.ts";

let catalog: DatabaseStore;

beforeEach(() => {
  catalog = DatabaseStore.open();
  catalog.put(newDatabase("db0"));
  catalog.put(newDatabase("db1"));
});

async function run(text: string): Promise<void> {
  const statement = statementOf(text);
  switch (statement.kind) {
    case "create_user":
      return await createUser(catalog, statement);
    case "set_password":
      return await setPassword(catalog, statement);
    case "drop_user":
      return dropUser(catalog, statement);
    case "grant":
    case "revoke":
      return changeGrant(catalog, statement);
    default:
      throw new Error(text);
  }
}

const users = () => plainFrame(showUsers(catalog)).values;
const grants = (user = "jo") => plainFrame(showGrants(catalog, user)).values;

test("created, listed by name, dropped", async () => {
  expect(plainFrame(showUsers(catalog))).toEqual({
    name: "",
    columns: ["user", "admin"],
    values: [],
  });
  await run("CREATE USER zoe WITH PASSWORD 'a'");
  await run("CREATE USER \"Ann B\" WITH PASSWORD 'b' WITH ALL PRIVILEGES");
  expect(users()).toEqual([["Ann B", true], ["zoe", false]]);
  await run("DROP USER zoe");
  expect(users()).toEqual([["Ann B", true]]);
});

test("the same user again is no error, another password or rank is", async () => {
  await run("CREATE USER jo WITH PASSWORD 'pass'");
  await run("CREATE USER jo WITH PASSWORD 'pass'");
  await expect(run("CREATE USER jo WITH PASSWORD 'other'")).rejects.toThrow("user already exists");
  await expect(run("CREATE USER jo WITH PASSWORD 'pass' WITH ALL PRIVILEGES")).rejects.toThrow(
    "user already exists",
  );
  await expect(run("CREATE USER \"\" WITH PASSWORD 'x'")).rejects.toThrow("username required");
});

test("passwords are kept as salted hashes", async () => {
  await run("CREATE USER a WITH PASSWORD 'secret'");
  await run("CREATE USER b WITH PASSWORD 'secret'");
  const [a, b] = catalog.users().map(({ hash }) => hash);
  expect(a).toMatch(/^scrypt:[0-9a-f]{32}:[0-9a-f]{64}$/);
  expect(a).not.toBe(b);
  await run("SET PASSWORD FOR a = 'new'");
  await expect(run("CREATE USER a WITH PASSWORD 'secret'")).rejects.toThrow("user already exists");
  await run("CREATE USER a WITH PASSWORD 'new'");
});

test("passwords have a limit, and what happens while one is hashed is not undone", async () => {
  const long = "x".repeat(1_025);
  const refusal = "password of 1025 characters is longer than 1024";
  await expect(run(`CREATE USER jo WITH PASSWORD '${long}'`)).rejects.toThrow(refusal);
  await run("CREATE USER jo WITH PASSWORD 'a'");
  const setting = run("SET PASSWORD FOR jo = 'b'");
  await run("GRANT ALL PRIVILEGES TO jo");
  await setting;
  expect(users()).toEqual([["jo", true]]);
  const again = run("SET PASSWORD FOR jo = 'c'");
  await run("DROP USER jo");
  await expect(again).rejects.toThrow("user not found");
  const both = ["'a'", "'b'"].map((text) => run(`CREATE USER al WITH PASSWORD ${text}`));
  const results = await Promise.allSettled(both);
  expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
});

test("rights are given and taken, one for each database", async () => {
  await run("CREATE USER jo WITH PASSWORD 'x'");
  expect(plainFrame(showGrants(catalog, "jo")).columns).toEqual(["database", "privilege"]);
  await run("GRANT READ ON db0 TO jo");
  await run("GRANT ALL ON db1 TO jo");
  expect(grants()).toEqual([["db0", "READ"], ["db1", "ALL PRIVILEGES"]]);
  await run("GRANT WRITE ON db0 TO jo");
  await run("REVOKE WRITE ON db1 FROM jo");
  expect(grants()).toEqual([["db0", "WRITE"], ["db1", "READ"]]);
  // What one does not have cannot be taken.
  await run("REVOKE READ ON db0 FROM jo");
  expect(grants()).toEqual([["db0", "WRITE"], ["db1", "READ"]]);
  await run("REVOKE ALL ON db0 FROM jo");
  await run("REVOKE READ ON db1 FROM jo");
  expect(grants()).toEqual([["db0", "NO PRIVILEGES"], ["db1", "NO PRIVILEGES"]]);
  await run("GRANT READ ON db0 TO jo");
  expect(grants()[0]).toEqual(["db0", "READ"]);
});

test("administrators are made and unmade", async () => {
  await run("CREATE USER jo WITH PASSWORD 'x'");
  await run("GRANT ALL PRIVILEGES TO jo");
  expect(users()).toEqual([["jo", true]]);
  await run("REVOKE ALL PRIVILEGES FROM jo");
  expect(users()).toEqual([["jo", false]]);
});

test.each([
  ["DROP USER nobody", "user not found"],
  ["SET PASSWORD FOR nobody = 'x'", "user not found"],
  ["GRANT ALL PRIVILEGES TO nobody", "user not found"],
  ["GRANT READ ON db0 TO nobody", "user not found"],
])("%s: %s", async (text, message) => await expect(run(text)).rejects.toThrow(message));

test("rights to what does not exist, and of nobody", async () => {
  await run("CREATE USER jo WITH PASSWORD 'x'");
  await expect(run("GRANT READ ON nope TO jo")).rejects.toThrow("database not found: nope");
  expect(() => showGrants(catalog, "nobody")).toThrow("user not found");
});
