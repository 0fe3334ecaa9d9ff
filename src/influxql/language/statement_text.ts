/** Statements that change something, as InfluxDB prints them in the warning to those who send them with GET. */
import type { Expr, PolicySpecification, Privilege, Source, Statement } from "./ast.ts";
import { formatDuration } from "./durations.ts";
import {
  printContinuousQuery,
  printExpression,
  printMeasurement,
  printSelect,
  quoteName,
} from "./printer.ts";
import type { Message } from "../values/result.ts";

const PRIVILEGES: Readonly<Record<Privilege, string>> = {
  read: "READ",
  write: "WRITE",
  all: "ALL PRIVILEGES",
};

/** The warning that belongs to a statement; undefined where it only reads. */
export function readOnlyWarning(statement: Statement): Message | undefined {
  const text = textOf(statement);
  if (text === undefined) return undefined;
  return {
    level: "warning",
    text: `deprecated use of '${text}' in a read only context, please use a POST request instead`,
  };
}

function textOf(statement: Statement): string | undefined {
  switch (statement.kind) {
    case "select":
      return statement.into === undefined ? undefined : printSelect(statement);
    case "create_database":
      return createDatabaseText(statement);
    case "drop_database":
      return `DROP DATABASE ${quoteName(statement.name)}`;
    case "create_policy":
      return `CREATE RETENTION POLICY ${nameOn(statement)}${policyText(statement.policy)}`;
    case "alter_policy":
      return `ALTER RETENTION POLICY ${nameOn(statement)}${policyText(statement.policy)}`;
    case "drop_policy":
      return `DROP RETENTION POLICY ${nameOn(statement)}`;
    case "drop_measurement":
      return `DROP MEASUREMENT ${quoteName(statement.name)}`;
    case "drop_series":
      return `DROP SERIES${conditionText(statement)}`;
    case "delete":
      return `DELETE${conditionText(statement)}`;
    case "drop_shard":
      return `DROP SHARD ${statement.id}`;
    case "create_continuous_query":
      return printContinuousQuery(statement);
    case "drop_continuous_query":
      return `DROP CONTINUOUS QUERY ${nameOn(statement)}`;
    default:
      return userText(statement);
  }
}

/** Statements on users and queries; passwords are not repeated. */
function userText(statement: Statement): string | undefined {
  switch (statement.kind) {
    case "create_user": {
      const admin = statement.admin ? " WITH ALL PRIVILEGES" : "";
      return `CREATE USER ${quoteName(statement.name)} WITH PASSWORD [REDACTED]${admin}`;
    }
    case "set_password":
      return `SET PASSWORD FOR ${quoteName(statement.name)} = [REDACTED]`;
    case "drop_user":
      return `DROP USER ${quoteName(statement.name)}`;
    case "grant":
      return `GRANT ${PRIVILEGES[statement.privilege]}${onText(statement.database)} TO ${
        quoteName(statement.user)
      }`;
    case "revoke":
      return `REVOKE ${PRIVILEGES[statement.privilege]}${onText(statement.database)} FROM ${
        quoteName(statement.user)
      }`;
    case "kill_query":
      return `KILL QUERY ${statement.id}`;
    default:
      return undefined;
  }
}

function createDatabaseText(
  { name, policy }: Statement & { readonly kind: "create_database" },
): string {
  const text = `CREATE DATABASE ${quoteName(name)}`;
  if (policy === undefined) return text;
  const named = policy.name === "" ? "" : ` NAME ${quoteName(policy.name)}`;
  return `${text} WITH${policyText({ ...policy, isDefault: false })}${named}`;
}

function nameOn({ name, database }: { readonly name: string; readonly database: string }): string {
  return `${quoteName(name)} ON ${quoteName(database)}`;
}

function onText(database: string): string {
  return database === "" ? "" : ` ON ${quoteName(database)}`;
}

function policyText({ durationNs, replication, shardNs, isDefault }: PolicySpecification): string {
  let text = "";
  if (durationNs !== undefined) text += ` DURATION ${formatDuration(durationNs)}`;
  if (replication !== undefined) text += ` REPLICATION ${replication}`;
  if (shardNs !== undefined && shardNs > 0n) text += ` SHARD DURATION ${formatDuration(shardNs)}`;
  return isDefault ? `${text} DEFAULT` : text;
}

function conditionText(
  { sources, where }: { readonly sources: readonly Source[]; readonly where: Expr | undefined },
): string {
  const names = sources.flatMap((source) =>
    source.kind === "measurement" ? [printMeasurement(source)] : []
  );
  const from = names.length === 0 ? "" : ` FROM ${names.join(", ")}`;
  return where === undefined ? from : `${from} WHERE ${printExpression(where)}`;
}
