/**
 * What is known of metrics beside their samples: type, help, unit, by metric family. Bounded; the last write wins.
 *
 * Kept in memory and, where a file is given, written whole to it when something changed: call `save` now and then and
 * before closing. The file is a convenience: one that is damaged is reported and begun anew.
 *
 * The file is JSON: `{"version":1,"families":[[family,type,help,unit],...]}`.
 */
import type { FileSystem, Logger } from "../../engine/mod.ts";

export type MetricType =
  | "unknown"
  | "counter"
  | "gauge"
  | "histogram"
  | "gaugehistogram"
  | "summary"
  | "info"
  | "stateset";

/** In the order of the numbers that remote write uses. */
export const METRIC_TYPES: readonly MetricType[] = [
  "unknown",
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
];

export interface MetricMetadata {
  readonly type: MetricType;
  readonly help: string;
  readonly unit: string;
}

export interface MetadataLimits {
  /** Families; those that come after the limit are not kept. */
  readonly familiesMax: number;
  /** UTF-16 units of name, help and unit together; longer help is cut. */
  readonly familyLengthMax: number;
}

export const DEFAULT_METADATA_LIMITS: MetadataLimits = {
  familiesMax: 20_000,
  familyLengthMax: 4_096,
};

/** Where the store lies, and who hears about a damaged file. */
export interface MetadataFile {
  readonly fileSystem: FileSystem;
  readonly path: string;
  readonly logger: Logger;
}

const FILE_VERSION = 1;
const FILE_BYTES_MAX = 128 << 20;

export class MetadataStore {
  readonly #limits: MetadataLimits;
  readonly #file: MetadataFile | undefined;
  readonly #families = new Map<string, MetricMetadata>();
  #changed = false;
  #refused = 0;

  private constructor(limits: MetadataLimits, file: MetadataFile | undefined) {
    this.#limits = limits;
    this.#file = file;
  }

  /** Opens the store; with a file, with what it holds. */
  static open(
    file?: MetadataFile,
    limits: MetadataLimits = DEFAULT_METADATA_LIMITS,
  ): MetadataStore {
    const store = new MetadataStore(limits, file);
    if (file !== undefined && file.fileSystem.exists(file.path)) store.#load(file);
    return store;
  }

  get size(): number {
    return this.#families.size;
  }

  /** Families that were not kept for want of room. */
  get refused(): number {
    return this.#refused;
  }

  get(family: string): MetricMetadata | undefined {
    return this.#families.get(family);
  }

  /** All families, in the order in which they came. */
  entries(): Iterable<[family: string, metadata: MetricMetadata]> {
    return this.#families.entries();
  }

  /** Keeps what is known of a family; returns whether anything changed. */
  set(family: string, metadata: MetricMetadata): boolean {
    const known = this.#families.get(family);
    const { type, unit } = metadata;
    const room = this.#limits.familyLengthMax - family.length - unit.length;
    if (room < 0 || (known === undefined && this.#families.size >= this.#limits.familiesMax)) {
      this.#refused++;
      return false;
    }
    const help = metadata.help.length > room
      ? metadata.help.slice(0, room).toWellFormed()
      : metadata.help;
    if (known?.type === type && known.help === help && known.unit === unit) return false;
    this.#families.set(family, { type, help, unit });
    this.#changed = true;
    return true;
  }

  /** Writes the file if anything changed since it was written. Throws "io". */
  save(): void {
    if (this.#file === undefined || !this.#changed) return;
    const { fileSystem, path } = this.#file;
    const families = [...this.#families].map(([name, { type, help, unit }]) => [
      name,
      type,
      help,
      unit,
    ]);
    const bytes = new TextEncoder().encode(JSON.stringify({ version: FILE_VERSION, families }));
    const temporary = `${path}.new`;
    if (fileSystem.exists(temporary)) fileSystem.remove(temporary);
    const handle = fileSystem.open(temporary, "create");
    try {
      handle.write(bytes, 0);
      handle.syncNow();
    } finally {
      handle.close();
    }
    fileSystem.rename(temporary, path);
    this.#changed = false;
  }

  #load({ fileSystem, path, logger }: MetadataFile): void {
    try {
      const bytes = new Uint8Array(Math.min(fileSystem.fileBytes(path), FILE_BYTES_MAX));
      const handle = fileSystem.open(path, "read");
      try {
        handle.read(bytes, 0);
      } finally {
        handle.close();
      }
      const content: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
      for (const [family, metadata] of parseFile(content)) this.set(family, metadata);
      this.#changed = false;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.log("warn", "Cannot read metadata of metrics, beginning anew", { path, reason });
    }
  }
}

function parseFile(content: unknown): [string, MetricMetadata][] {
  const { version, families } = content as { version?: unknown; families?: unknown };
  if (version !== FILE_VERSION || !Array.isArray(families)) throw new Error("unknown form");
  return families.map((entry: unknown) => {
    if (!Array.isArray(entry) || !entry.every((part) => typeof part === "string")) {
      throw new Error("damaged entry");
    }
    const [family = "", type = "", help = "", unit = ""] = entry;
    if (!isMetricType(type)) throw new Error(`unknown type "${type}"`);
    return [family, { type, help, unit }];
  });
}

export function isMetricType(type: string): type is MetricType {
  return (METRIC_TYPES as readonly string[]).includes(type);
}
