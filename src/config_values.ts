/**
 * How the text of a setting becomes a value: one parser a kind, the same for flags, environment and file.
 *
 *   boolean   true, yes, on, 1 or false, no, off, 0
 *   duration  a whole number of seconds, or a decimal with a unit: ms s m h d w y (y = 365.25 d)
 *   bytes     a whole number, or a decimal with K, M, G or T (powers of 1024, optional B or iB behind)
 *   address   HOST:PORT, [IPv6]:PORT or :PORT (all interfaces)
 */

/** A host and a port to listen on. */
export interface Address {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** Thrown for a text that does not fit; the message says what would. */
export class SettingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SettingError";
  }
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  y: 365.25 * 86_400_000,
};
const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

export function parseBoolean(text: string): boolean {
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  if (/^(false|no|off|0)$/i.test(text)) return false;
  throw new SettingError("it takes true or false");
}

/** Milliseconds; whole. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)?$/.exec(text);
  if (match === null || (match[2] === undefined && match[1]!.includes("."))) {
    throw new SettingError("it takes a duration such as 30s, 15m, 12h or 90d");
  }
  return bounded(Math.round(Number(match[1]) * MS_PER_UNIT[match[2] ?? "s"]!), "duration");
}

export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?$/i.exec(text);
  const unit = match?.[2]?.toUpperCase() ?? "";
  if (match === null || (unit === "" && match[1]!.includes("."))) {
    throw new SettingError("it takes a size such as 65536, 64K, 128M or 2G");
  }
  return bounded(Math.round(Number(match[1]) * BYTES_PER_UNIT[unit]!), "size");
}

/** A size; 0 for "auto". */
export function parseBytesOrAuto(text: string): number {
  return text === "auto" ? 0 : parseBytes(text);
}

export function parseInteger(text: string): number {
  if (!/^\d+$/.test(text)) throw new SettingError("it takes a whole number");
  return bounded(Number(text), "number");
}

export function parseDecimal(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text)) throw new SettingError("it takes a number");
  return Number(text);
}

function bounded(value: number, kind: string): number {
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  throw new SettingError(`it takes a ${kind} of at most ${Number.MAX_SAFE_INTEGER}`);
}

export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new SettingError("it takes an address such as 127.0.0.1:8086, [::1]:8086 or :8086");
  }
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? "0.0.0.0" : host, port };
}

/** As parseAddress; "off" or nothing is undefined. */
export function parseOptionalAddress(text: string): Address | undefined {
  return text === "" || text === "off" ? undefined : parseAddress(text);
}

/** Parts between commas, trimmed; empty ones left out. */
export function parseList(text: string): readonly string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/** An address as a client writes it. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
