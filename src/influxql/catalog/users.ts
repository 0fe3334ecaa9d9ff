/**
 * Statements on users and what they may do. Kept, and shown again; passwords as salted hashes. Whether a request must name a
 * user is not decided here.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { compareText } from "../../../engine/mod.ts";
import type { Statement } from "../language/ast.ts";
import type { Catalog, UserEntry } from "../context.ts";
import { tableFrame } from "../values/frames.ts";
import { notFound } from "./policies.ts";
import { type Frame, StatementError } from "../values/result.ts";

type Of<Kind extends Statement["kind"]> = Statement & { readonly kind: Kind };
type Grant = UserEntry["grants"][number];

const HASH_BYTES = 32;
const SALT_BYTES = 16;
const PASSWORD_LENGTH_MAX = 1_024;
const SHOWN: Readonly<Record<Grant[1], string>> = {
  none: "NO PRIVILEGES",
  read: "READ",
  write: "WRITE",
  all: "ALL PRIVILEGES",
};

export async function createUser(catalog: Catalog, statement: Of<"create_user">): Promise<void> {
  const { name, password, admin } = statement;
  if (name === "") throw new StatementError("username required");
  const known = catalog.users().find((each) => each.name === name);
  if (known !== undefined) {
    if (known.admin === admin && await isPassword(password, known.hash)) return;
    throw new StatementError("user already exists");
  }
  const hash = await hashOf(password);
  // Another request may have been as quick.
  if (catalog.users().some((each) => each.name === name)) {
    throw new StatementError("user already exists");
  }
  catalog.putUser({ name, admin, hash, grants: [] });
}

export async function setPassword(catalog: Catalog, statement: Of<"set_password">): Promise<void> {
  userOf(catalog, statement.name);
  const hash = await hashOf(statement.password);
  // As it is by now: rights may have been given meanwhile.
  catalog.putUser({ ...userOf(catalog, statement.name), hash });
}

export function dropUser(catalog: Catalog, { name }: Of<"drop_user">): void {
  catalog.removeUser(userOf(catalog, name).name);
}

export function changeGrant(catalog: Catalog, statement: Of<"grant" | "revoke">): void {
  const { kind, privilege, database, user: name } = statement;
  const user = userOf(catalog, name);
  if (database === "") return catalog.putUser({ ...user, admin: kind === "grant" });
  if (catalog.database(database) === undefined) throw notFound(database);
  const others = user.grants.filter(([each]) => each !== database);
  const known = user.grants.find(([each]) => each === database)?.[1];
  const after = kind === "grant" ? privilege : without(known, privilege);
  const grants: Grant[] = [...others, [database, after]];
  catalog.putUser({ ...user, grants: grants.sort(([a], [b]) => compareText(a, b)) });
}

export function showUsers(catalog: Catalog): Frame {
  return tableFrame("", ["user", "admin"], catalog.users().map(({ name, admin }) => [name, admin]));
}

export function showGrants(catalog: Catalog, user: string): Frame {
  const { grants } = userOf(catalog, user);
  const rows = grants.map(([database, privilege]) => [database, SHOWN[privilege]]);
  return tableFrame("", ["database", "privilege"], rows);
}

function userOf(catalog: Catalog, name: string): UserEntry {
  const user = catalog.users().find((each) => each.name === name);
  if (user === undefined) throw new StatementError("user not found");
  return user;
}

/** What is left of a privilege when another is taken away. */
function without(known: Grant[1] | undefined, taken: Grant[1]): Grant[1] {
  if (known === undefined || known === taken || taken === "all") return "none";
  return known === "all" ? taken === "read" ? "write" : "read" : known;
}

async function hashOf(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return `scrypt:${salt.toString("hex")}:${(await derive(password, salt)).toString("hex")}`;
}

async function isPassword(password: string, hash: string): Promise<boolean> {
  const [, salt = "", derived = ""] = hash.split(":");
  const wanted = Buffer.from(derived, "hex");
  if (wanted.length !== HASH_BYTES) return false;
  return timingSafeEqual(await derive(password, Buffer.from(salt, "hex")), wanted);
}

async function derive(password: string, salt: Uint8Array): Promise<Buffer> {
  if (password.length > PASSWORD_LENGTH_MAX) {
    throw new StatementError(
      `password of ${password.length} characters is longer than ${PASSWORD_LENGTH_MAX}`,
    );
  }
  return await new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, (error, key) => error ? reject(error) : resolve(key));
  });
}
