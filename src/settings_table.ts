/**
 * Every setting of the daemon: name, kind, default, meaning. The name is the flag (`--tcp-listen`), the environment
 * variable (`TSINKD_TCP_LISTEN`) and the key in the file (`tcp-listen`). docs/configuration.md is checked against it.
 */
import type { Settings as EngineSettings } from "../engine/mod.ts";
import {
  type Address,
  parseAddress,
  parseBoolean,
  parseBytes,
  parseBytesOrAuto,
  parseDecimal,
  parseDuration,
  parseInteger,
  parseList,
  parseOptionalAddress,
  SettingError,
} from "./config_values.ts";

/** One row of the table. */
export interface Setting<T> {
  /** What the text may be, as the documents name it. */
  readonly kind: string;
  readonly parse: (text: string) => T;
  /** The text that stands when nothing is given; empty: nothing. */
  readonly initial: string;
  readonly help: string;
  /** The engine's setting it becomes. */
  readonly engine?: keyof EngineSettings;
}

function setting<T>(
  kind: string,
  parse: (text: string) => T,
  initial: string,
  help: string,
  engine?: keyof EngineSettings,
): Setting<T> {
  return engine === undefined
    ? { kind, parse, initial, help }
    : { kind, parse, initial, help, engine };
}

const text = (initial: string, help: string) => setting("text", (value) => value, initial, help);
const path = (initial: string, help: string) => setting("path", (value) => value, initial, help);
const flag = (initial: string, help: string, engine?: keyof EngineSettings) =>
  setting("boolean", parseBoolean, initial, help, engine);
const bytes = (initial: string, help: string, engine?: keyof EngineSettings) =>
  setting("bytes", parseBytes, initial, help, engine);
const duration = (initial: string, help: string, engine?: keyof EngineSettings) =>
  setting("duration", parseDuration, initial, help, engine);
const count = (initial: string, help: string, engine?: keyof EngineSettings) =>
  setting("number", parseInteger, initial, help, engine);

function choice<const T extends string>(
  options: readonly T[],
  initial: T,
  help: string,
  engine?: keyof EngineSettings,
): Setting<T> {
  const parse = (value: string): T => {
    const found = options.find((option) => option === value);
    if (found === undefined) throw new SettingError(`it takes one of ${options.join(", ")}`);
    return found;
  };
  return setting(options.map((option) => `\`${option}\``).join(", "), parse, initial, help, engine);
}

const optionalAddress = (initial: string, help: string): Setting<Address | undefined> =>
  setting("address or `off`", parseOptionalAddress, initial, help);

/** Units that a listener's timestamps may have. */
export type ListenerPrecision = "ns" | "us" | "ms" | "s";
const LISTENER_PRECISIONS: readonly ListenerPrecision[] = ["ns", "us", "ms", "s"];

/** The values of all settings: bytes in bytes, durations in milliseconds. */
export interface SettingValues {
  readonly "listen": Address;
  readonly "http-socket": string;
  readonly "tls-cert": string;
  readonly "tls-key": string;
  readonly "data-path": string;
  readonly "tcp-listen": Address | undefined;
  readonly "tcp-socket": string;
  readonly "tcp-connections-max": number;
  readonly "tcp-idle-timeout": number;
  readonly "tcp-disconnect-on-error": boolean;
  readonly "tcp-precision": ListenerPrecision;
  readonly "tcp-database": string;
  readonly "tcp-tls": boolean;
  readonly "udp-listen": Address | undefined;
  readonly "udp-precision": ListenerPrecision;
  readonly "udp-database": string;
  readonly "udp-receive-buffer": number;
  readonly "body-bytes-max": number;
  readonly "body-expanded-bytes-max": number;
  readonly "body-bytes-in-flight": number;
  readonly "write-requests-max": number;
  readonly "write-wait": number;
  readonly "require-db": boolean;
  readonly "auto-create": boolean;
  readonly "databases": readonly string[];
  readonly "partial-writes": "by-version" | "always";
  readonly "influx-version": string;
  readonly "cors-origins": readonly string[];
  readonly "queries-max": number;
  readonly "query-timeout": number;
  readonly "query-points-max": number;
  readonly "query-series-max": number;
  readonly "query-buckets-max": number;
  readonly "query-rows-max": number;
  readonly "query-worker-samples": number;
  readonly "lookback": number;
  readonly "admin-api": boolean;
  readonly "practice": "off" | "first-query" | "start";
  readonly "log-level": "debug" | "info" | "warn" | "error";
  readonly "log-format": "text" | "json";
  readonly "memory-limit": number;
  readonly "block-cache": number;
  readonly "series-max": number;
  readonly "time-unit": "ns" | "us" | "ms" | "s";
  readonly "partition": number;
  readonly "retention": number;
  readonly "expiry-share-after-jump": number;
  readonly "obsolete-keep": number;
  readonly "copy-rate": number;
  readonly "obsolete-size-max": number;
  readonly "disk-limit": number;
  readonly "disk-limit-action": "evict-oldest" | "read-only";
  readonly "wal-sync": "per-append" | "periodic";
  readonly "wal-sync-interval": number;
  readonly "wal-file-size": number;
  readonly "wal-size-max": number;
  readonly "wal-replay": "strict" | "salvage";
  readonly "flush-points": number;
  readonly "flush-idle": number;
  readonly "head-share": number;
  readonly "compaction": boolean;
  readonly "compaction-rate": number;
}

export type SettingName = keyof SettingValues;

export type SettingsTable = {
  readonly [Name in SettingName]: Setting<SettingValues[Name]>;
};

/** Settings by name, grouped as the documents show them. */
export const SETTINGS_TABLE: SettingsTable = {
  "listen": setting("address", parseAddress, "127.0.0.1:8086", "HTTP listener"),
  "http-socket": path("", "unix socket that serves HTTP as well"),
  "tls-cert": path("", "PEM certificate chain; with `tls-key`, HTTP is HTTPS"),
  "tls-key": path("", "PEM private key"),
  "data-path": path("./tsinkd-data", "directory of the database"),

  "tcp-listen": optionalAddress("127.0.0.1:8094", "TCP listener for line protocol"),
  "tcp-socket": path("", "unix socket for line protocol, handled like TCP"),
  "tcp-connections-max": count("1024", "line protocol connections at once; more are closed"),
  "tcp-idle-timeout": duration("0s", "closes a connection that sends nothing for so long; 0 never"),
  "tcp-disconnect-on-error": flag("false", "closes a connection at its first bad line"),
  "tcp-precision": choice(LISTENER_PRECISIONS, "ns", "unit of timestamps on the TCP listener"),
  "tcp-database": text("", "`db` label of what arrives by TCP; empty: none"),
  "tcp-tls": flag("false", "TLS on the TCP listener, with `tls-cert` and `tls-key`"),
  "udp-listen": optionalAddress("off", "UDP listener for line protocol"),
  "udp-precision": choice(LISTENER_PRECISIONS, "ns", "unit of timestamps on the UDP listener"),
  "udp-database": text("", "`db` label of what arrives by UDP; empty: none"),
  "udp-receive-buffer": bytes("4M", "receive buffer asked of the kernel for UDP"),

  "body-bytes-max": bytes("25000000", "longest request body as received"),
  "body-expanded-bytes-max": bytes("100000000", "longest request body after decompression"),
  "body-bytes-in-flight": bytes("64M", "bytes of request bodies in memory at once"),
  "write-requests-max": count("512", "write requests at once; more are answered with 503"),
  "write-wait": duration(
    "10s",
    "longest wait of a write for memory before it is refused",
    "writeTimeoutMs",
  ),
  "require-db": flag("false", "refuses `/write` without `db`, as InfluxDB 1 does"),
  "auto-create": flag("true", "creates a database or bucket at its first write"),
  "databases": setting(
    "list",
    parseList,
    "",
    "databases that exist when `auto-create` is false, with commas",
  ),
  "partial-writes": choice(
    ["by-version", "always"],
    "by-version",
    "whether `/api/v2/write` keeps the good lines of a body with bad ones",
  ),
  "influx-version": text("1.8.10", "version in `X-Influxdb-Version` and `/ping`"),
  "cors-origins": setting("list", parseList, "", "origins that browsers may call from"),

  "queries-max": count("20", "queries that run at once; ten times as many wait in line"),
  "query-timeout": duration("2m", "longest time that a query may run"),
  "query-points-max": count("50000000", "points that a query may hold at once"),
  "query-series-max": count("1000000", "series that a query may match"),
  "query-buckets-max": count(
    "5000000",
    "buckets of `GROUP BY time` in an answer to InfluxQL; 0 sets no limit",
  ),
  "query-rows-max": count(
    "0",
    "rows of an answer to InfluxQL that is not chunked, which is cut there; 0 sets no limit",
  ),
  "query-worker-samples": count(
    "20000000",
    "samples, as estimated, above which a query is evaluated in a thread of its own; 0: none is",
  ),
  "lookback": duration("5m", "how far back an instant selector looks"),
  "admin-api": flag("false", "serves `/api/v1/admin/`: delete, snapshot, flush, compact"),
  "practice": choice(
    ["off", "first-query", "start"],
    "off",
    "when an idle daemon practises queries once, so that the next ones find their code compiled",
  ),

  "log-level": choice(["debug", "info", "warn", "error"], "info", "least level that is logged"),
  "log-format": choice(["text", "json"], "text", "form of a log line"),

  "memory-limit": setting(
    "bytes",
    parseBytesOrAuto,
    "auto",
    "memory of the engine: head, registry, caches, reads; auto is a quarter of the machine's, 128M to 512M",
    "memoryLimitBytes",
  ),
  "block-cache": bytes("16M", "segment pages kept in memory", "blockCacheBytes"),
  "series-max": count(
    "1000000",
    "series that may exist; more are refused, and more than half of `memory-limit` has room for",
    "seriesMax",
  ),
  "time-unit": choice(
    ["ns", "us", "ms", "s"],
    "ns",
    "unit of stored timestamps; fixed when the database is created",
    "timeUnit",
  ),
  "partition": duration(
    "24h",
    "time slice of a segment; fixed when the database is created",
    "partitionMs",
  ),
  "retention": duration("0s", "age at which data is dropped; 0 keeps everything", "retentionMs"),
  "expiry-share-after-jump": setting(
    "number",
    parseDecimal,
    "0.25",
    "share of the stored bytes that `retention` drops an hour at most, in the day after the clock jumped forward",
    "expiryShareAfterJump",
  ),
  "obsolete-keep": duration(
    "10m",
    "how long files that are not needed any more stay at most, for copies of the directory",
    "obsoleteKeepMs",
  ),
  "copy-rate": bytes(
    "4M",
    "bytes a second at which the directory is copied at least: such files stay that long",
    "copyBytesPerSecond",
  ),
  "obsolete-size-max": bytes(
    "256M",
    "bytes that such files may take; the oldest goes first",
    "obsoleteBytesMax",
  ),
  "disk-limit": bytes("0", "bytes of the data directory; 0 sets no limit", "diskLimitBytes"),
  "disk-limit-action": choice(
    ["evict-oldest", "read-only"],
    "evict-oldest",
    "what happens at `disk-limit`",
    "diskLimitAction",
  ),
  "wal-sync": choice(
    ["per-append", "periodic"],
    "per-append",
    "`per-append`: answered when the write is on disk; `periodic`: answered at once, synced every `wal-sync-interval`",
    "logSyncMode",
  ),
  "wal-sync-interval": duration("1s", "interval of `periodic`", "logSyncIntervalMs"),
  "wal-file-size": bytes("16M", "size of a log file", "logFileBytes"),
  "wal-size-max": bytes("256M", "size of all log files at which writes are refused", "logBytesMax"),
  "wal-replay": choice(
    ["strict", "salvage"],
    "strict",
    "what a start does about damage in the log: stop, or keep what is readable",
    "replayMode",
  ),
  "flush-points": count("16000000", "points in memory that start a flush", "flushPointsMax"),
  "flush-idle": duration(
    "1h",
    "age at which a finished partition is flushed",
    "flushIdlePartitionMs",
  ),
  "head-share": setting(
    "number",
    parseDecimal,
    "0.4",
    "share of `memory-limit` that unflushed data may take; of 128M where that is auto",
    "headMemoryShare",
  ),
  "compaction": flag("true", "merges segments in the background", "compactionEnabled"),
  "compaction-rate": bytes(
    "0",
    "bytes a second that compaction may write; 0 sets no limit",
    "compactionBytesPerSecond",
  ),
};
