/** Statements that change something: CREATE, DROP, ALTER, DELETE, SET, KILL, and who may do what. */
import type { Expr, PolicySpecification, Privilege, Source, Statement } from "./ast.ts";
import { parseSources, parseWhere } from "./parser_select.ts";
import type { TokenStream } from "./token_stream.ts";

/** How often the data of a policy may be copied, as InfluxDB has it. */
const REPLICATION_MAX = 2_147_483_647n;
const POLICY_OPTIONS: readonly string[] = ["DURATION", "REPLICATION", "SHARD", "DEFAULT"];
const DATABASE_OPTIONS: readonly string[] = ["DURATION", "NAME", "REPLICATION", "SHARD"];

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function unnamedPolicy(): Mutable<PolicySpecification> {
  return {
    durationNs: undefined,
    replication: undefined,
    shardNs: undefined,
    isDefault: false,
  };
}

/** Behind CREATE DATABASE. */
export function parseCreateDatabase(tokens: TokenStream): Statement {
  const name = tokens.expectName();
  if (!tokens.takeKeyword("WITH")) return { kind: "create_database", name, policy: undefined };
  const policy = { ...unnamedPolicy(), name: "", isDefault: true };
  const { kind, text } = tokens.current;
  if (kind !== "keyword" || !DATABASE_OPTIONS.includes(text)) {
    throw tokens.unexpected(...DATABASE_OPTIONS);
  }
  if (tokens.takeKeyword("DURATION")) policy.durationNs = tokens.expectDuration();
  if (tokens.takeKeyword("REPLICATION")) policy.replication = parseReplication(tokens);
  if (tokens.takeKeyword("SHARD")) policy.shardNs = parseShardDuration(tokens);
  if (tokens.takeKeyword("NAME")) policy.name = tokens.expectName();
  return { kind: "create_database", name, policy };
}

function parseReplication(tokens: TokenStream): number {
  const token = tokens.current;
  const count = tokens.expectInteger();
  if (count < 1n || count > REPLICATION_MAX) {
    const range = `must be 1 <= n <= ${REPLICATION_MAX}`;
    throw tokens.failure(`invalid value ${count}: ${range}`, token);
  }
  return Number(count);
}

function parseShardDuration(tokens: TokenStream): bigint {
  tokens.expectKeywords("DURATION");
  return tokens.expectDuration();
}

/** Behind CREATE RETENTION POLICY. */
export function parseCreatePolicy(tokens: TokenStream): Statement {
  const { name, database } = parseNameOn(tokens);
  const policy = unnamedPolicy();
  tokens.expectKeywords("DURATION");
  policy.durationNs = tokens.expectDuration();
  tokens.expectKeywords("REPLICATION");
  policy.replication = parseReplication(tokens);
  if (tokens.takeKeyword("SHARD")) policy.shardNs = parseShardDuration(tokens);
  policy.isDefault = tokens.takeKeyword("DEFAULT");
  return { kind: "create_policy", name, database, policy };
}

/** Behind ALTER. */
export function parseAlterPolicy(tokens: TokenStream): Statement {
  tokens.expectKeywords("RETENTION", "POLICY");
  const { name, database } = parseNameOn(tokens);
  const policy = unnamedPolicy();
  const found = new Set<string>();
  for (;;) {
    const { kind, text } = tokens.current;
    if (kind !== "keyword" || !POLICY_OPTIONS.includes(text)) break;
    if (found.has(text)) throw tokens.failure(`found duplicate ${text} option`);
    found.add(text);
    tokens.take();
    if (text === "DURATION") policy.durationNs = tokens.expectDuration();
    else if (text === "REPLICATION") policy.replication = parseReplication(tokens);
    else if (text === "SHARD") policy.shardNs = parseShardDuration(tokens);
    else policy.isDefault = true;
  }
  if (found.size === 0) throw tokens.unexpected(...POLICY_OPTIONS);
  return { kind: "alter_policy", name, database, policy };
}

/** `name ON database`. */
export function parseNameOn(tokens: TokenStream): { name: string; database: string } {
  const name = tokens.expectName();
  tokens.expectKeywords("ON");
  return { name, database: tokens.expectName() };
}

/** Behind DELETE or DROP SERIES. */
export function parseRemoval(tokens: TokenStream, kind: "delete" | "drop_series"): Statement {
  let sources: Source[] = [];
  let where: Expr | undefined;
  if (tokens.takeKeyword("FROM")) {
    sources = parseSources(tokens, false);
    checkRemoval(tokens, sources, kind);
    where = parseWhere(tokens);
  } else {
    if (!tokens.isKeyword("WHERE")) throw tokens.unexpected("FROM", "WHERE");
    where = parseWhere(tokens);
  }
  return { kind, sources, where };
}

/** Only DELETE names policies, and neither names databases. */
function checkRemoval(tokens: TokenStream, sources: readonly Source[], kind: string): void {
  for (const source of sources) {
    if (source.kind !== "measurement") continue;
    if (source.database !== "") throw atStart(tokens, "database not supported");
    if (source.policy !== "" && kind !== "delete") {
      throw atStart(tokens, "retention policy not supported");
    }
  }
}

/** InfluxDB names no place but the first for these. */
function atStart(tokens: TokenStream, message: string) {
  return tokens.failure(message, { ...tokens.current, at: 0 });
}

/** Behind CREATE USER. */
export function parseCreateUser(tokens: TokenStream): Statement {
  const name = tokens.expectName();
  tokens.expectKeywords("WITH", "PASSWORD");
  const password = tokens.expectString();
  const admin = tokens.takeKeyword("WITH");
  if (admin) tokens.expectKeywords("ALL", "PRIVILEGES");
  return { kind: "create_user", name, password, admin };
}

/** Behind SET. */
export function parseSetPassword(tokens: TokenStream): Statement {
  tokens.expectKeywords("PASSWORD", "FOR");
  const name = tokens.expectName();
  tokens.expectSymbol("=");
  return { kind: "set_password", name, password: tokens.expectString() };
}

/** Behind GRANT or REVOKE. */
export function parseGrant(tokens: TokenStream, kind: "grant" | "revoke"): Statement {
  const preposition = kind === "grant" ? "TO" : "FROM";
  const privilege = parsePrivilege(tokens);
  if (tokens.takeKeyword("ON")) {
    const database = tokens.expectName();
    tokens.expectKeywords(preposition);
    return { kind, privilege, database, user: tokens.expectName() };
  }
  // Only all privileges can be given without a database.
  if (privilege !== "all") throw tokens.unexpected("ON");
  if (!tokens.takeKeyword(preposition)) throw tokens.unexpected("ON", preposition);
  return { kind, privilege, database: "", user: tokens.expectName() };
}

function parsePrivilege(tokens: TokenStream): Privilege {
  if (tokens.takeKeyword("READ")) return "read";
  if (tokens.takeKeyword("WRITE")) return "write";
  if (!tokens.takeKeyword("ALL")) throw tokens.unexpected("READ", "WRITE", "ALL [PRIVILEGES]");
  tokens.takeKeyword("PRIVILEGES");
  return "all";
}

/** Behind KILL. */
export function parseKill(tokens: TokenStream): Statement {
  tokens.expectKeywords("QUERY");
  const id = tokens.expectInteger();
  if (tokens.takeKeyword("ON")) tokens.expectName();
  return { kind: "kill_query", id };
}

/** Behind CREATE or DROP SUBSCRIPTION. */
export function parseSubscription(
  tokens: TokenStream,
  kind: "create_subscription" | "drop_subscription",
): Statement {
  tokens.expectName();
  tokens.expectKeywords("ON");
  tokens.expectName();
  tokens.expectSymbol(".");
  tokens.expectName();
  if (kind === "drop_subscription") return { kind };
  tokens.expectKeywords("DESTINATIONS");
  if (!tokens.takeKeyword("ALL") && !tokens.takeKeyword("ANY")) {
    throw tokens.unexpected("ALL", "ANY");
  }
  do tokens.expectString(); while (tokens.takeSymbol(","));
  return { kind };
}
