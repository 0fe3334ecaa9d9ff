import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Configuration,
  loadConfiguration,
  settingNames,
  settingsMarkdown,
} from "../../src/config.ts";
import { formatAddress, parseAddress, parseBytes, parseDuration } from "../../src/config_values.ts";

interface Sources {
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly file?: string;
  readonly memoryBytes?: number;
}

function load(
  { flags = [], environment = {}, file, memoryBytes = 1 << 30 }: Sources,
): Configuration {
  const config = file === undefined ? [] : ["--config", "t.conf"];
  return loadConfiguration({
    flags: [...config, ...flags],
    environment,
    readFile: () => {
      if (file === undefined) throw new Error("no such file");
      return file;
    },
    memoryBytes,
  });
}

test("the defaults are valid and are what the issue of first start says", () => {
  const { values, engine } = load({});
  expect(formatAddress(values.listen)).toBe("127.0.0.1:8086");
  expect(formatAddress(values["tcp-listen"]!)).toBe("127.0.0.1:8094");
  expect(values["data-path"]).toBe("./tsinkd-data");
  expect(engine.logSyncMode).toBe("per-append");
  expect(engine.retentionMs).toBe(0);
});

describe("the memory limit", () => {
  const MIB = 1 << 20;
  test.each([
    { machine: 256, limit: 128 },
    { machine: 512, limit: 128 },
    { machine: 1024, limit: 256 },
    { machine: 8192, limit: 512 },
  ])("of a machine with $machine MiB is $limit MiB", ({ machine, limit }) => {
    const { values, engine } = load({ memoryBytes: machine * MIB });
    expect(values["memory-limit"]).toBe(limit * MIB);
    expect(engine.memoryLimitBytes).toBe(limit * MIB);
    expect(engine.memoryLimitBytes * engine.headMemoryShare).toBeCloseTo(0.4 * 128 * MIB, 0);
  });

  test("that is given holds, and so does the share of unflushed data", () => {
    const { engine } = load({ flags: ["--memory-limit", "1G"], memoryBytes: 256 * MIB });
    expect([engine.memoryLimitBytes, engine.headMemoryShare]).toEqual([1024 * MIB, 0.4]);
  });
});

describe("precedence", () => {
  const file = 'retention = "1d"\nseries-max = 10\nlookback = 1m\n';
  const environment = { TSINKD_RETENTION: "2d", TSINKD_SERIES_MAX: "20" };

  test("flag before environment before file before default", () => {
    const { engine, values } = load({ flags: ["--retention=3d"], environment, file });
    expect(engine.retentionMs).toBe(3 * 86_400_000);
    expect(engine.seriesMax).toBe(20);
    expect(values.lookback).toBe(60_000);
    expect(values["queries-max"]).toBe(20);
  });

  test("a variable that names no setting is left alone", () => {
    expect(load({ environment: { TSINKD_HTTP_PORT: "1", OTHER: "2" } }).values.listen.port)
      .toBe(8086);
  });
});

test.each([
  {
    name: "lines",
    file: '# note\n\nlog-format = json\ninflux-version="1 # 2" # end\ntcp_database = "a\\"b"\n',
  },
  {
    name: "JSON",
    file: '{"log-format": "json", "influx-version": "1 # 2", "tcp-database": "a\\"b"}',
  },
])("a file of $name", ({ file }) => {
  const { values } = load({ file });
  expect(values["log-format"]).toBe("json");
  expect(values["influx-version"]).toBe("1 # 2");
  expect(values["tcp-database"]).toBe('a"b');
});

test.each<{ name: string; sources: Sources; message: string }>([
  { name: "unknown flag", sources: { flags: ["--nope"] }, message: 'Unknown flag "--nope"' },
  { name: "word", sources: { flags: ["nope"] }, message: 'Unknown flag "nope"' },
  { name: "no value", sources: { flags: ["--listen"] }, message: "--listen: its value is missing" },
  {
    name: "twice",
    sources: { flags: ["--lookback", "1m", "--lookback=2m"] },
    message: "--lookback: it is given twice",
  },
  {
    name: "bad value of a flag",
    sources: { flags: ["--listen", "8086"] },
    message: 'Cannot use --listen "8086": it takes an address such as',
  },
  {
    name: "bad value of a variable",
    sources: { environment: { TSINKD_RETENTION: "1 month" } },
    message: 'Cannot use TSINKD_RETENTION "1 month": it takes a duration',
  },
  {
    name: "bad value in a file",
    sources: { file: "\nwal-sync = never\n" },
    message: 'Cannot use t.conf line 2, wal-sync, "never": it takes one of per-append, periodic',
  },
  {
    name: "unknown name in a file",
    sources: { file: "color = red" },
    message: "Cannot use t.conf line 1, color,: no setting has that name",
  },
  { name: "bad line", sources: { file: "retention" }, message: "Cannot read t.conf line 1" },
  { name: "bad JSON", sources: { file: "{" }, message: 'Cannot read --config "t.conf"' },
  { name: "nested JSON", sources: { file: '{"listen": []}' }, message: "it is not a plain value" },
  { name: "no file", sources: { flags: ["--config", "x"] }, message: 'Cannot read --config "x"' },
  {
    name: "the engine's rule, under our name",
    sources: { flags: ["--memory-limit", "1M"] },
    message: 'Cannot use --memory-limit: "1048576" is not a whole number from 16777216',
  },
  {
    name: "certificate alone",
    sources: { flags: ["--tls-cert", "x"] },
    message: "both or neither",
  },
  {
    name: "TLS without certificate",
    sources: { flags: ["--tcp-tls", "on"] },
    message: "--tls-cert",
  },
])("$name", ({ sources, message }) => expect(() => load(sources)).toThrow(message));

test.each([
  { text: "5", ms: 5_000 },
  { text: "1.5h", ms: 5_400_000 },
  { text: "250ms", ms: 250 },
  { text: "1y", ms: 31_557_600_000 },
])("parseDuration $text", ({ text, ms }) => expect(parseDuration(text)).toBe(ms));

test.each(["", "-1s", "1.5", "1h30m", "1 s", "99999999999y"])(
  "parseDuration refuses %p",
  (text) => {
    expect(() => parseDuration(text)).toThrow();
  },
);

test.each([
  { text: "0", bytes: 0 },
  { text: "64K", bytes: 65_536 },
  { text: "1.5m", bytes: 1_572_864 },
  { text: "2GiB", bytes: 2 ** 31 },
])("parseBytes $text", ({ text, bytes }) => expect(parseBytes(text)).toBe(bytes));

test.each(["", "1.5", "x", "-1", "9999999999T"])("parseBytes refuses %p", (text) => {
  expect(() => parseBytes(text)).toThrow();
});

test.each([
  { text: ":80", host: "0.0.0.0", port: 80 },
  { text: "[::1]:0", host: "::1", port: 0 },
  { text: "db.local:65535", host: "db.local", port: 65_535 },
])("parseAddress $text", ({ text, host, port }) => {
  expect(parseAddress(text)).toEqual({ host, port });
});

test.each(["", "80", "host", "host:65536", "::1:80", "a b:80"])(
  "parseAddress refuses %p",
  (text) => {
    expect(() => parseAddress(text)).toThrow();
  },
);

test("docs/configuration.md holds the table of settings", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/configuration.md"), "utf8");
  expect(page).toContain(settingsMarkdown());
});

test("names are words with hyphens", () => {
  expect(settingNames().filter((name) => !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([]);
});
