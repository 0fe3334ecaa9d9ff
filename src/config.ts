/**
 * The daemon's configuration: flags before environment before file before default, all through one table of settings.
 *
 * The file holds `name = value` lines (a subset of TOML: strings in double quotes, numbers, true and false, comments
 * with #), or one JSON object. Every bad value ends the start with a line that names where it stands.
 */
import { completeSettings, type Settings as EngineSettings } from "../engine/mod.ts";
import { SettingError } from "./config_values.ts";
import { type SettingName, SETTINGS_TABLE, type SettingValues } from "./settings_table.ts";

/** Values of all settings and the engine's part of them. */
export interface Configuration {
  readonly values: SettingValues;
  readonly engine: EngineSettings;
  /** The texts that the values were read from. */
  readonly texts: Readonly<Record<SettingName, string>>;
}

export interface ConfigurationSources {
  /** Words after the command. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
  /** Memory of the machine or of the control group, in bytes. */
  readonly memoryBytes: number;
}

/** Text of a setting and the place it was read from. */
interface Given {
  readonly text: string;
  readonly place: string;
}

const ENVIRONMENT_PREFIX = "TSINKD_";
/** Bounds of a `memory-limit` that is not set. */
const MEMORY_LIMIT_MIN = 128 << 20;
const MEMORY_LIMIT_MAX = 512 << 20;
/** Variables with the prefix that are no settings. */
const ENVIRONMENT_OTHERS = ["TSINKD_CONFIG", "TSINKD_EXECUTABLE"];

/** Reads all sources. Throws SettingError with a message that names the flag, variable or line. */
export function loadConfiguration(sources: ConfigurationSources): Configuration {
  const flags = readFlags(sources.flags);
  const path = flags.get("config")?.text ?? sources.environment["TSINKD_CONFIG"];
  const file = path === undefined ? new Map<string, Given>() : readFile(path, sources.readFile);
  const layers = [file, readEnvironment(sources.environment), flags];
  const values: Record<string, unknown> = {};
  const engine: Record<string, unknown> = {};
  const texts: Record<string, string> = {};
  for (const name of settingNames()) {
    const row = SETTINGS_TABLE[name];
    let found: Given = { text: row.initial, place: "default" };
    for (const layer of layers) {
      found = layer.get(name) ?? found;
    }
    const value = parseSetting(name, found);
    values[name] = value;
    texts[name] = found.text;
    if (row.engine !== undefined) engine[row.engine] = value;
  }
  if (values["memory-limit"] === 0) {
    const limit = automaticMemoryLimit(sources.memoryBytes);
    values["memory-limit"] = limit;
    engine["memoryLimitBytes"] = limit;
    // More memory is for more series; unflushed data does not get slower to replay by it.
    engine["headMemoryShare"] = values["head-share"] as number * (MEMORY_LIMIT_MIN / limit);
  }
  const result: Configuration = {
    values: values as unknown as SettingValues,
    engine: checkEngine(engine),
    texts: texts as Record<SettingName, string>,
  };
  checkTogether(result.values);
  return result;
}

/** The `memory-limit` of a machine with so much memory. */
function automaticMemoryLimit(memoryBytes: number): number {
  const quarter = Math.floor(memoryBytes / 4);
  return Math.min(MEMORY_LIMIT_MAX, Math.max(MEMORY_LIMIT_MIN, quarter));
}

/** Names in the table's order. */
export function settingNames(): SettingName[] {
  return Object.keys(SETTINGS_TABLE) as SettingName[];
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS_TABLE, name);
}

function parseSetting(name: SettingName, { text, place }: Given): unknown {
  try {
    return SETTINGS_TABLE[name].parse(text.trim());
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    throw new SettingError(`Cannot use ${place} "${text}": ${error.message}`);
  }
}

function checkEngine(engine: Record<string, unknown>): EngineSettings {
  try {
    return completeSettings(engine as Partial<EngineSettings>);
  } catch (error) {
    throw new SettingError(translateNames((error as Error).message));
  }
}

/** Replaces the engine's name of a setting in a message by ours. */
function translateNames(message: string): string {
  return message.replace(/setting "(\w+)"/, (whole, engineName: string) => {
    const name = settingNames().find((each) => SETTINGS_TABLE[each].engine === engineName);
    return name === undefined ? whole : `--${name}`;
  });
}

function checkTogether(values: SettingValues): void {
  if ((values["tls-cert"] === "") !== (values["tls-key"] === "")) {
    throw new SettingError("Cannot use --tls-cert and --tls-key: both or neither must be given");
  }
  if (values["tcp-tls"] && values["tls-cert"] === "") {
    throw new SettingError("Cannot use --tcp-tls: it needs --tls-cert and --tls-key");
  }
  if (values["data-path"] === "") {
    throw new SettingError("Cannot use --data-path: it is empty");
  }
}

function readFlags(words: readonly string[]): Map<string, Given> {
  const found = new Map<string, Given>();
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const match = /^--([a-z][a-z0-9-]*)(?:=([\s\S]*))?$/.exec(word);
    const name = match?.[1] ?? "";
    if (name !== "config" && !isSettingName(name)) {
      throw new SettingError(`Unknown flag "${word}"; "tsinkd help" lists the flags`);
    }
    const attached = match?.[2];
    const text = attached ?? words[++index];
    if (text === undefined) throw new SettingError(`Cannot use --${name}: its value is missing`);
    if (found.has(name)) throw new SettingError(`Cannot use --${name}: it is given twice`);
    found.set(name, { text, place: `--${name}` });
  }
  return found;
}

function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Map<string, Given> {
  const found = new Map<string, Given>();
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue;
    if (ENVIRONMENT_OTHERS.includes(variable)) continue;
    const name = variable.slice(ENVIRONMENT_PREFIX.length).toLowerCase().replaceAll("_", "-");
    if (!isSettingName(name)) continue;
    found.set(name, { text, place: variable });
  }
  return found;
}

function readFile(path: string, read: (path: string) => string): Map<string, Given> {
  let content: string;
  try {
    content = read(path);
  } catch (error) {
    throw new SettingError(`Cannot read --config "${path}": ${(error as Error).message}`);
  }
  return content.trimStart().startsWith("{") ? readJson(path, content) : readLines(path, content);
}

function readJson(path: string, content: string): Map<string, Given> {
  let object: unknown;
  try {
    object = JSON.parse(content);
  } catch (error) {
    throw new SettingError(`Cannot read --config "${path}": ${(error as Error).message}`);
  }
  const found = new Map<string, Given>();
  for (const [name, value] of Object.entries(object as Record<string, unknown>)) {
    if (!["string", "number", "boolean"].includes(typeof value)) {
      throw new SettingError(`Cannot use "${name}" in ${path}: it is not a plain value`);
    }
    put(found, name, String(value), `${path} ${name}`);
  }
  return found;
}

function readLines(path: string, content: string): Map<string, Given> {
  const found = new Map<string, Given>();
  content.split(/\r?\n/).forEach((line, index) => {
    const place = `${path} line ${index + 1}`;
    if (/^\s*(#|$)/.test(line)) return;
    const match = /^\s*([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^"#]*?))\s*(?:#.*)?$/.exec(
      line,
    );
    if (match === null) {
      throw new SettingError(`Cannot read ${place}: it is not a line of the form name = value`);
    }
    put(found, match[1]!, match[2]?.replace(/\\(.)/g, "$1") ?? match[3]!, `${place}, ${match[1]},`);
  });
  return found;
}

function put(found: Map<string, Given>, key: string, text: string, place: string): void {
  const name = key.replaceAll("_", "-");
  if (!isSettingName(name)) throw new SettingError(`Cannot use ${place}: no setting has that name`);
  if (found.has(name)) throw new SettingError(`Cannot use ${place}: it is given twice`);
  found.set(name, { text, place });
}

/** The table of settings as Markdown rows, for docs/configuration.md. */
export function settingsMarkdown(): string {
  const rows = settingNames().map((name) => {
    const { kind, initial, help } = SETTINGS_TABLE[name];
    return `| \`${name}\` | ${kind} | ${initial === "" ? "" : `\`${initial}\``} | ${help} |`;
  });
  return ["| setting | value | default | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** The table of settings as lines of the help text. */
export function settingsHelp(): string {
  const lines = settingNames().map((name) => {
    const { initial, help } = SETTINGS_TABLE[name];
    const standing = initial === "" ? "" : ` (${initial})`;
    return `  ${`--${name}`.padEnd(28)}${help.replaceAll("`", "")}${standing}`;
  });
  return ["  --config FILE               settings from a file", ...lines].join("\n");
}
