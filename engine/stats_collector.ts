/** Gathers the figures of an open database's parts. */
import type { EngineParts, EngineServices } from "./engine_parts.ts";
import type { DatabaseStats, QueryStats, SegmentStats, WriteStats } from "./stats.ts";

export interface StatsSources extends EngineParts, EngineServices {
  readonly writes: Omit<WriteStats, "waiting" | "delays" | "delayMs">;
  readonly queries: QueryStats;
  readonly failed: boolean;
}

export function collectStats(from: StatsSources): DatabaseStats {
  const { kernels, settings, head, registry, log, flusher, maintenance, recency, cache } = from;
  const { compaction, expiredSegments, isReadOnly } = maintenance;
  return {
    memory: {
      limitBytes: settings.memoryLimitBytes,
      headBytes: kernels.usedBytes("head"),
      registryBytes: kernels.usedBytes("registry"),
      cacheBytes: kernels.usedBytes("cache"),
      queryBytes: kernels.usedBytes("query"),
      scratchBytes: kernels.usedBytes("scratch"),
      spareBytes: kernels.exports.spareBytes(),
    },
    head: { rows: head.rows, points: head.points, openViews: head.openViews },
    writes: { ...from.writes, ...from.admission.stats() },
    queries: { ...from.queries },
    log: log === undefined ? undefined : { ...log.stats(), mode: settings.logSyncMode },
    flush: { ...flusher.stats() },
    compaction: { ...compaction },
    segments: segmentStats(from),
    obsolete: { files: from.obsolete.count, bytes: from.obsolete.bytes },
    cache: cache.stats(),
    retention: {
      maxTime: recency.maxTime,
      cutoff: recency.cutoff(),
      expiredSegments,
      isClockJumping: recency.isJumping,
      isReadOnly,
    },
    cardinality: {
      sources: registry.sourceCount,
      series: registry.seriesCount,
      seriesMax: from.budget.seriesMax,
    },
    health: { ...maintenance.health(), failed: from.failed },
  };
}

function segmentStats({ versions, files }: StatsSources): SegmentStats {
  const { segments, tombstones, quarantined } = versions.current;
  const filesOfLevel = [0, 0, 0];
  let bytes = 0;
  let rows = 0;
  let points = 0;
  for (const segment of segments) {
    filesOfLevel[segment.level]!++;
    bytes += segment.bytes;
    rows += segment.rows;
    points += segment.points;
  }
  return {
    files: segments.length,
    bytes,
    rows,
    points,
    filesOfLevel,
    tombstones: tombstones.length,
    quarantined: quarantined.length,
    openFiles: files.openCount,
  };
}
