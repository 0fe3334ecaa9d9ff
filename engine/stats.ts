/** What an operator may want to know of an open database: the reference's groups, every figure counted, none estimated. */

export interface MemoryStats {
  /** The setting memoryLimitBytes. */
  readonly limitBytes: number;
  readonly headBytes: number;
  readonly registryBytes: number;
  readonly cacheBytes: number;
  readonly queryBytes: number;
  readonly scratchBytes: number;
  /** Linear memory of the kernels that nothing uses now. */
  readonly spareBytes: number;
}

export interface HeadStats {
  readonly rows: number;
  readonly points: number;
  readonly openViews: number;
}

export interface WriteStats {
  readonly batches: number;
  readonly rows: number;
  readonly points: number;
  readonly tooOldRows: number;
  /** Rows with times beyond the clock and its skew; stored, but they move no retention. */
  readonly futureRows: number;
  readonly errors: number;
  readonly waiting: number;
  readonly delays: number;
  readonly delayMs: number;
}

export interface QueryStats {
  readonly views: number;
  readonly selections: number;
  readonly seriesRead: number;
  readonly pointsRead: number;
}

export interface FlushStats {
  readonly runs: number;
  readonly errors: number;
  readonly segments: number;
  readonly rows: number;
  readonly points: number;
  readonly bytes: number;
  readonly ms: number;
}

export interface CompactionStats {
  readonly merges: number;
  /** Segments found to hold nothing that a deletion hides. */
  readonly untouched: number;
  readonly damaged: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Linear memory that a worker came to; 0 where none has run. */
  readonly workerBytes: number;
}

/** The write-ahead log. */
export interface LogStats {
  readonly bytes: number;
  readonly files: number;
  readonly activeFile: number;
  readonly appendedRecords: number;
  readonly appendedBytes: number;
  readonly syncs: number;
  readonly syncMs: number;
}

/** The block cache. */
export interface CacheStats {
  readonly bytes: number;
  readonly budgetBytes: number;
  readonly blocks: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
}

export interface SegmentStats {
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
  readonly points: number;
  /** By level 0, 1, 2. */
  readonly filesOfLevel: readonly number[];
  readonly tombstones: number;
  readonly quarantined: number;
  readonly openFiles: number;
}

/** Files that are not needed any more and stay a while for copies of the directory. */
export interface ObsoleteStats {
  readonly files: number;
  readonly bytes: number;
}

export interface RetentionStats {
  readonly maxTime: bigint | undefined;
  readonly cutoff: bigint | undefined;
  readonly expiredSegments: number;
  /** Whether the wall clock is ahead of what is believed. */
  readonly isClockJumping: boolean;
  readonly isReadOnly: boolean;
}

export interface CardinalityStats {
  readonly sources: number;
  readonly series: number;
  readonly seriesMax: number;
}

export interface HealthStats {
  /** Background work fails and is tried again. */
  readonly degraded: boolean;
  /** Writing ended until a restart. */
  readonly failed: boolean;
  readonly errors: number;
  readonly lastError: string | undefined;
}

export interface DatabaseStats {
  readonly memory: MemoryStats;
  readonly head: HeadStats;
  readonly writes: WriteStats;
  readonly queries: QueryStats;
  /** Absent where logging is off. */
  readonly log: (LogStats & { readonly mode: string }) | undefined;
  readonly flush: FlushStats;
  readonly compaction: CompactionStats;
  readonly segments: SegmentStats;
  readonly obsolete: ObsoleteStats;
  readonly cache: CacheStats;
  readonly retention: RetentionStats;
  readonly cardinality: CardinalityStats;
  readonly health: HealthStats;
}
