/**
 * All settings of the engine: data with units, ranges and defaults, so that they can be printed, compared and stored.
 * Defaults fit a machine with 512 MB; the daemon raises memory limits where it finds more.
 */
import type { TimeUnit } from "./base/types.ts";
import { EngineError } from "./errors.ts";

/** How long an answer waits: for nothing, for the log's bytes to be handed to the kernel, or for the device. */
export type Acknowledgement = "volatile" | "appended" | "durable";
/** `per-append`: every write waits for its sync group. `periodic`: synced every `logSyncIntervalMs`. */
export type LogSyncMode = "per-append" | "periodic";
/** What replay does about damage that is not the torn end of the newest file. */
export type ReplayMode = "strict" | "salvage";
/** What happens at `diskLimitBytes`. */
export type DiskLimitAction = "evict-oldest" | "read-only";

export interface Settings {
  /** Unit of all timestamps; fixed when the database is created. */
  readonly timeUnit: TimeUnit;
  /** Width of a partition in milliseconds, at least 1,000; fixed when the database is created. */
  readonly partitionMs: number;
  /** Shards of the metadata index; 0 switches shard-scoped calls off. Fixed when the database is created. */
  readonly metadataShards: number;

  /** Bytes for head, registry, caches and query scratch together; at least 16 MiB. */
  readonly memoryLimitBytes: number;
  /** Share of `memoryLimitBytes` that the head may fill before it is flushed, 0.05 to 0.8. */
  readonly headMemoryShare: number;
  /** Bytes of segment pages kept in memory, at least 1 MiB; never more than a quarter of `memoryLimitBytes`. */
  readonly blockCacheBytes: number;
  /** Bytes of scratch that one read of a series may take, never more than half of `memoryLimitBytes`; longer ones are refused. */
  readonly queryScratchBytes: number;
  /** Series that may exist; rows that would create more, or more than half of `memoryLimitBytes` holds, are refused. */
  readonly seriesMax: number;
  /** Open segment files. */
  readonly openFilesMax: number;

  readonly logEnabled: boolean;
  readonly logSyncMode: LogSyncMode;
  /** Milliseconds between syncs in `periodic` mode, at least 10. */
  readonly logSyncIntervalMs: number;
  /** Size at which a log file is closed and the next begun. */
  readonly logFileBytes: number;
  /** Bytes that all log files may take before writes are refused. */
  readonly logBytesMax: number;
  readonly replayMode: ReplayMode;

  /** Points in the head that start a flush; bounds replay to about two seconds. */
  readonly flushPointsMax: number;
  /** Milliseconds after which data of a finished partition is flushed. */
  readonly flushIdlePartitionMs: number;
  /** Milliseconds a write waits for memory before it is refused. */
  readonly writeTimeoutMs: number;

  /** Age in milliseconds past which data is dropped; 0 keeps everything. */
  readonly retentionMs: number;
  /** How far beyond the clock a timestamp may lie and still count as "now" for retention. */
  readonly futureSkewMs: number;
  /**
   * Share of the stored bytes that retention drops within an hour at most, in the day after the clock has jumped forward,
   * above 0 to 1; at 1 it drops all that has expired.
   */
  readonly expiryShareAfterJump: number;
  /** Bytes the data directory may take; 0 sets no limit. */
  readonly diskLimitBytes: number;
  readonly diskLimitAction: DiskLimitAction;

  /**
   * How long files that are not needed any more stay in the directory at most, in milliseconds, so that a plain copy of it
   * that was begun before finds them: as long as copying takes at `copyBytesPerSecond`; 0 removes them at once.
   */
  readonly obsoleteKeepMs: number;
  /** How fast the directory is copied at least. */
  readonly copyBytesPerSecond: number;
  /** Bytes that such files may take; the oldest goes first. */
  readonly obsoleteBytesMax: number;

  /** Runs compaction at all; off only for tests and tools. */
  readonly compactionEnabled: boolean;
  /** Bytes above which no merge makes a file. */
  readonly segmentBytesMax: number;
  /** Bytes a second that compaction may write; 0 sets no limit. */
  readonly compactionBytesPerSecond: number;
}

export const DEFAULT_SETTINGS: Settings = {
  timeUnit: "ns",
  partitionMs: 86_400_000,
  metadataShards: 0,
  memoryLimitBytes: 128 << 20,
  headMemoryShare: 0.4,
  blockCacheBytes: 16 << 20,
  queryScratchBytes: 32 << 20,
  seriesMax: 1_000_000,
  openFilesMax: 64,
  logEnabled: true,
  logSyncMode: "per-append",
  logSyncIntervalMs: 1_000,
  logFileBytes: 16 << 20,
  logBytesMax: 256 << 20,
  replayMode: "strict",
  flushPointsMax: 8_000_000,
  flushIdlePartitionMs: 3_600_000,
  writeTimeoutMs: 30_000,
  retentionMs: 0,
  futureSkewMs: 900_000,
  expiryShareAfterJump: 0.25,
  diskLimitBytes: 0,
  diskLimitAction: "evict-oldest",
  obsoleteKeepMs: 600_000,
  copyBytesPerSecond: 4 << 20,
  obsoleteBytesMax: 256 << 20,
  compactionEnabled: true,
  segmentBytesMax: 1 << 30,
  compactionBytesPerSecond: 0,
};

interface NumberRule {
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
}

const whole = (min: number, max = Number.MAX_SAFE_INTEGER): NumberRule => ({
  min,
  max,
  integer: true,
});

const NUMBER_RULES: { readonly [Name in keyof Settings]?: NumberRule } = {
  partitionMs: whole(1_000, 366 * 86_400_000),
  metadataShards: whole(0, 65_536),
  memoryLimitBytes: whole(16 << 20),
  headMemoryShare: { min: 0.05, max: 0.8, integer: false },
  blockCacheBytes: whole(1 << 20, 2 ** 31),
  queryScratchBytes: whole(1 << 20, 2 ** 30),
  seriesMax: whole(1),
  openFilesMax: whole(4, 65_536),
  logSyncIntervalMs: whole(10, 3_600_000),
  logFileBytes: whole(64 << 10, 2 ** 30),
  logBytesMax: whole(256 << 10),
  flushPointsMax: whole(1_000),
  flushIdlePartitionMs: whole(0),
  writeTimeoutMs: whole(0, 3_600_000),
  retentionMs: whole(0),
  futureSkewMs: whole(0),
  expiryShareAfterJump: { min: 0.001, max: 1, integer: false },
  diskLimitBytes: whole(0),
  obsoleteKeepMs: whole(0, 7 * 86_400_000),
  copyBytesPerSecond: whole(1_024),
  obsoleteBytesMax: whole(0),
  segmentBytesMax: whole(1 << 20),
  compactionBytesPerSecond: whole(0),
};

const CHOICES: { readonly [Name in keyof Settings]?: readonly string[] } = {
  timeUnit: ["ns", "us", "ms", "s"],
  logSyncMode: ["per-append", "periodic"],
  replayMode: ["strict", "salvage"],
  diskLimitAction: ["evict-oldest", "read-only"],
};

/** Completes `given` with the defaults. Throws EngineError "invalid" that names the setting, its value and what is allowed. */
export function completeSettings(given: Partial<Settings> = {}): Settings {
  const settings = { ...DEFAULT_SETTINGS, ...given };
  for (const [name, value] of Object.entries(settings)) {
    if (!Object.hasOwn(DEFAULT_SETTINGS, name)) {
      throw new EngineError("invalid", `Cannot use setting "${name}": there is no such setting`);
    }
    checkSetting(name as keyof Settings, value);
  }
  return settings;
}

function checkSetting(name: keyof Settings, value: unknown): void {
  const rule = NUMBER_RULES[name];
  if (rule !== undefined) {
    const fits = typeof value === "number" && value >= rule.min && value <= rule.max &&
      (!rule.integer || Number.isInteger(value));
    if (!fits) {
      const kind = rule.integer ? "a whole number" : "a number";
      throw new EngineError(
        "invalid",
        `Cannot use setting "${name}": "${
          String(value)
        }" is not ${kind} from ${rule.min} to ${rule.max}`,
      );
    }
    return;
  }
  const choices = CHOICES[name];
  if (choices !== undefined) {
    if (!choices.includes(value as string)) {
      throw new EngineError(
        "invalid",
        `Cannot use setting "${name}": "${String(value)}" is none of ${choices.join(", ")}`,
      );
    }
    return;
  }
  if (typeof value !== "boolean") {
    throw new EngineError("invalid", `Cannot use setting "${name}": it takes true or false`);
  }
}
