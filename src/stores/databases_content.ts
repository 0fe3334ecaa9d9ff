/**
 * What the file of databases holds, as JSON: `{"version":1,"databases":[...],"users":[...],"dropped":[...],"emptied":[...]}`,
 * durations in nanoseconds as texts.
 */
export interface StoredPolicy {
  readonly name: string;
  readonly durationNs: bigint;
  readonly shardNs: bigint;
  readonly replication: number;
}

export interface StoredDatabase {
  readonly name: string;
  readonly policies: readonly StoredPolicy[];
  readonly defaultPolicy: string;
  readonly queries: readonly (readonly [name: string, text: string])[];
}

/** "none" is left where all was taken. */
export type StoredPrivilege = "none" | "read" | "write" | "all";

export interface StoredUser {
  readonly name: string;
  readonly admin: boolean;
  readonly hash: string;
  readonly grants: readonly (readonly [database: string, privilege: StoredPrivilege])[];
}

const FILE_VERSION = 1;

export interface DatabasesContent {
  readonly databases: readonly StoredDatabase[];
  readonly users: readonly StoredUser[];
  readonly dropped: readonly string[];
  readonly emptied: readonly string[];
}

export function printContent(content: DatabasesContent): string {
  return JSON.stringify(
    { version: FILE_VERSION, ...content },
    (_, value: unknown) => typeof value === "bigint" ? String(value) : value,
  );
}

/** Throws for a text that is none of ours. */
export function parseContent(text: string): DatabasesContent {
  const content: unknown = JSON.parse(text);
  const { version, databases, users, dropped, emptied } = fieldsOf(content);
  if (version !== FILE_VERSION) throw new Error("unknown form");
  return {
    databases: listOf(databases).map(parseDatabase),
    users: listOf(users).map(parseUser),
    dropped: listOf(dropped).map(textOf),
    emptied: listOf(emptied).map(textOf),
  };
}

function parseDatabase(value: unknown): StoredDatabase {
  const { name, policies, defaultPolicy, queries } = fieldsOf(value);
  return {
    name: textOf(name),
    policies: listOf(policies).map((each) => {
      const { name, durationNs, shardNs, replication } = fieldsOf(each);
      return {
        name: textOf(name),
        durationNs: BigInt(textOf(durationNs)),
        shardNs: BigInt(textOf(shardNs)),
        replication: Number(replication),
      };
    }),
    defaultPolicy: textOf(defaultPolicy),
    queries: listOf(queries).map(pairOf),
  };
}

function parseUser(value: unknown): StoredUser {
  const { name, admin, hash, grants } = fieldsOf(value);
  return {
    name: textOf(name),
    admin: admin === true,
    hash: textOf(hash),
    grants: listOf(grants).map((each) => {
      const [database, privilege] = pairOf(each);
      if (!isPrivilege(privilege)) throw new Error(`unknown privilege "${privilege}"`);
      return [database, privilege] as const;
    }),
  };
}

function isPrivilege(text: string): text is StoredPrivilege {
  return text === "none" || text === "read" || text === "write" || text === "all";
}

function fieldsOf<Name extends string>(value: unknown): Partial<Record<Name, unknown>> {
  if (value === null || typeof value !== "object") throw new Error("damaged entry");
  return value as Partial<Record<Name, unknown>>;
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error("damaged list");
  return value;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw new Error("damaged text");
  return value;
}

function pairOf(value: unknown): readonly [string, string] {
  const [first, second] = listOf(value);
  return [textOf(first), textOf(second)];
}
