/** The database: open, write, read, delete, maintain, close. */
import type { SourceId, TimeRange } from "./base/types.ts";
import type { TimeBounds } from "./head/head.ts";
import type { Kernels } from "./kernels/kernels.ts";
import type { View } from "./query/view.ts";
import type { Matcher } from "./series/matcher.ts";
import type { ViewHost } from "./remote/view_host.ts";
import type { SeriesGroup, SeriesRegistry } from "./series/registry.ts";
import type { Acknowledgement, Settings } from "./settings.ts";
import type { DatabaseStats } from "./stats.ts";
import type { BatchBuilder } from "./write/batch.ts";

/** What became of a batch. */
export interface WriteResult {
  readonly rows: number;
  readonly points: number;
  /** Rows older than the retention, not written. */
  readonly tooOld: number;
  readonly acknowledgement: Acknowledgement;
  /**
   * Resolves at the acknowledgement asked for; undefined when it holds already. Rejects with "failed" or "io", which need
   * not be handled. Writes of one sync group share the promise.
   */
  readonly done: Promise<void> | undefined;
}

export interface Selection {
  readonly matchers: readonly Matcher[];
  /** Half-open; absent: all time. */
  readonly range?: TimeRange;
  /**
   * What else a series must satisfy; absent: nothing. Measurements and fields need it: their names joined, as the metric's
   * name, may be those of another measurement with another field.
   */
  readonly accepts?: (group: SeriesGroup, source: SourceId) => boolean;
}

export interface DeleteResult {
  readonly matchedSeries: number;
  readonly tombstones: number;
}

/** How far the stored data reaches. */
export interface DatabaseExtent {
  /** Chunks in memory, open ones included. */
  readonly headChunks: number;
  /** Inclusive bounds of all times, in ticks; undefined while nothing is stored. Hidden rows count until they are purged. */
  readonly bounds: TimeBounds | undefined;
}

/** What can be read: a database, or one that another thread has open. */
export interface Readable {
  readonly settings: Pick<Settings, "timeUnit">;
  readonly kernels: Kernels;
  /** Opens a view over a range. */
  view(range: TimeRange): View;
}

export interface Database extends Readable {
  readonly settings: Settings;
  readonly registry: SeriesRegistry;
  /** Fills the batch from TypeScript; parsers fill it through the kernels. Nothing may await between filling and `write`. */
  readonly batch: BatchBuilder;
  /** Resolves when a write may go ahead (memory, log size); undefined when it may at once. Rejects with "limit" after the write timeout, "failed", "closed", "io". */
  admit(): Promise<void> | undefined;
  /**
   * Plans, logs and applies the batch in one synchronous step, all of it or (thrown) nothing. Rows older than the retention,
   * or than `keep` ticks where that is less, are too old. Throws "limit", "io", "failed", "closed".
   */
  write(acknowledgement?: Acknowledgement, keep?: bigint): WriteResult;
  /** Answers a reader in another thread, a RemoteDatabase; undefined where the files are not the machine's, which is all it sees. */
  serveViews(): ViewHost | undefined;
  /** Hides what is selected from everything written so far; returns once that is durable. */
  delete(selection: Selection): Promise<DeleteResult>;
  /** Writes the head into segments. */
  flush(): Promise<void>;
  /** Flushes, compacts until nothing is left to do, purges deleted rows. */
  compact(): Promise<void>;
  /** Removes at once what is kept for plain copies of the directory; such a copy must not be under way. */
  removeObsolete(): void;
  /** A consistent copy in a directory that does not exist yet. */
  snapshot(directory: string): Promise<void>;
  /** Figures for operators; cheap enough for every scrape. */
  stats(): DatabaseStats;
  /** What is stored when; looks at every source, for answers to a person. */
  extent(): DatabaseExtent;
  close(): Promise<void>;
}
