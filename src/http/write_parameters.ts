/** The query parameters of the three write endpoints: database, precision and flags, checked. */
import { isDatabaseName } from "../ingest/pipeline.ts";
import { databaseLabel } from "../stores/databases.ts";
import type { LineUnit } from "../../engine/mod.ts";
import type { QueryParameters } from "./query_parameters.ts";
import type { Failure } from "./replies.ts";

/** Where and how a write request wants its lines stored. */
export interface WriteTarget {
  /** `db` label; undefined: the default database. */
  readonly label: string | undefined;
  readonly database: string;
  readonly policy: string;
  readonly unit: LineUnit;
  /** Answer before the data is on disk. */
  readonly noSync: boolean;
  /** Keep the good lines of a body with bad ones. */
  readonly partial: boolean;
}

export interface TargetRules {
  readonly requireDatabase: boolean;
  /** Keep good lines on the endpoint of InfluxDB 2 as well. */
  readonly partialAlways: boolean;
}

export type ParsedTarget = WriteTarget | { readonly failure: Failure };

const V1_PRECISIONS: Readonly<Record<string, LineUnit>> = {
  "": "ns",
  n: "ns",
  ns: "ns",
  u: "us",
  us: "us",
  "µ": "us",
  ms: "ms",
  s: "s",
  m: "m",
  h: "h",
};
const V2_PRECISIONS: Readonly<Record<string, LineUnit>> = {
  "": "ns",
  ns: "ns",
  us: "us",
  ms: "ms",
  s: "s",
};
const V3_PRECISIONS: Readonly<Record<string, LineUnit>> = {
  "": "auto",
  auto: "auto",
  nanosecond: "ns",
  ns: "ns",
  n: "ns",
  microsecond: "us",
  us: "us",
  u: "us",
  millisecond: "ms",
  ms: "ms",
  second: "s",
  s: "s",
};
const CONSISTENCIES = ["", "any", "one", "quorum", "all"];
const V3_DATABASE = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

function refuse(status: number, message: string): ParsedTarget {
  return { failure: { status, message } };
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** `POST /write`. */
export function parseV1(query: QueryParameters, rules: TargetRules): ParsedTarget {
  const database = query.get("db") ?? "";
  if (database === "" && rules.requireDatabase) return refuse(400, "database is required");
  if (database !== "" && !isDatabaseName(database)) return refuse(400, "invalid name");
  const given = query.get("precision") ?? "";
  const unit = own(V1_PRECISIONS, given);
  if (unit === undefined) {
    return refuse(400, `invalid precision "${given}" (use n, u, ms, s, m or h)`);
  }
  if (!CONSISTENCIES.includes(query.get("consistency") ?? "")) {
    return refuse(400, "invalid consistency level");
  }
  const policy = query.get("rp") ?? "";
  if (policy !== "" && !isDatabaseName(policy)) return refuse(400, "invalid name");
  const label = database === "" ? undefined : databaseLabel(database, policy);
  return { label, database, policy, unit, noSync: false, partial: true };
}

/** `POST /api/v2/write`. */
export function parseV2(query: QueryParameters, rules: TargetRules): ParsedTarget {
  const bucket = query.get("bucket") ?? "";
  if (bucket === "") return refuse(404, "bucket not found");
  const slash = bucket.indexOf("/");
  const database = slash < 0 ? bucket : bucket.slice(0, slash);
  const policy = slash < 0 ? "" : bucket.slice(slash + 1);
  if (!isDatabaseName(database) || (slash >= 0 && !isDatabaseName(policy))) {
    return refuse(400, "invalid name");
  }
  const unit = own(V2_PRECISIONS, query.get("precision") ?? "");
  if (unit === undefined) {
    return refuse(400, "invalid precision; valid precision units are ns, us, ms, and s");
  }
  const label = databaseLabel(database, policy);
  return { label, database, policy, unit, noSync: false, partial: rules.partialAlways };
}

/** `POST /api/v3/write_lp`. */
export function parseV3(query: QueryParameters): ParsedTarget {
  const database = query.get("db") ?? "";
  if (database === "") return refuse(400, "missing query parameter 'db'");
  if (!V3_DATABASE.test(database)) {
    return refuse(
      400,
      "invalid database name: it holds letters, digits, _ and -, and starts with a letter or digit",
    );
  }
  const given = query.get("precision") ?? "";
  const unit = own(V3_PRECISIONS, given);
  if (unit === undefined) return refuse(400, `invalid precision "${given}"`);
  return {
    label: database,
    database,
    policy: "",
    unit,
    noSync: query.get("no_sync") === "true",
    partial: query.get("accept_partial") !== "false",
  };
}
