/** The engine's figures as metrics: one row of a table for each, read together when the page of /metrics is rendered. */
import type { Database, DatabaseStats } from "../engine/mod.ts";
import type { Metrics } from "./metrics.ts";

interface Row {
  readonly name: string;
  readonly help: string;
  /** Undefined leaves the line out. */
  readonly read: (stats: DatabaseStats) => number | undefined;
}

const bit = (value: boolean) => value ? 1 : 0;

/** Names that end in `_total` are counters, others gauges. */
const ROWS: readonly Row[] = [
  row("series", "Series that exist.", ({ cardinality }) => cardinality.series),
  row("series_limit", "Series that may exist.", ({ cardinality }) => cardinality.seriesMax),
  row("sources", "Sources that exist.", ({ cardinality }) => cardinality.sources),
  row("memory_limit_bytes", "The setting memory-limit.", ({ memory }) => memory.limitBytes),
  row("head_rows", "Rows that are in no segment yet.", ({ head }) => head.rows),
  row("head_points", "Points that are in no segment yet.", ({ head }) => head.points),
  row("write_batches_total", "Batches written.", ({ writes }) => writes.batches),
  row("write_errors_total", "Batches that failed.", ({ writes }) => writes.errors),
  row("write_waiting", "Writes that wait for memory or log room.", ({ writes }) => writes.waiting),
  row("write_delays_total", "Writes that had to wait.", ({ writes }) => writes.delays),
  row(
    "write_delay_seconds_total",
    "Time that writes waited.",
    ({ writes }) => writes.delayMs / 1e3,
  ),
  row("write_future_rows_total", "Rows beyond the clock.", ({ writes }) => writes.futureRows),
  row("wal_bytes", "Bytes of the log files.", ({ log }) => log?.bytes),
  row("wal_files", "Log files.", ({ log }) => log?.files),
  row("wal_appended_records_total", "Records appended.", ({ log }) => log?.appendedRecords),
  row("wal_appended_bytes_total", "Bytes appended.", ({ log }) => log?.appendedBytes),
  row("wal_syncs_total", "Syncs of the log.", ({ log }) => log?.syncs),
  row(
    "wal_sync_seconds_total",
    "Time in syncs of the log.",
    ({ log }) => log === undefined ? undefined : log.syncMs / 1e3,
  ),
  row("flush_runs_total", "Flushes.", ({ flush }) => flush.runs),
  row("flush_errors_total", "Flushes that failed.", ({ flush }) => flush.errors),
  row("flush_points_total", "Points flushed.", ({ flush }) => flush.points),
  row("flush_bytes_total", "Bytes of flushed segments.", ({ flush }) => flush.bytes),
  row("flush_seconds_total", "Time in flushes.", ({ flush }) => flush.ms / 1e3),
  row("compaction_merges_total", "Merges of segments.", ({ compaction }) => compaction.merges),
  row(
    "compaction_read_bytes_total",
    "Bytes read by compaction.",
    ({ compaction }) => compaction.readBytes,
  ),
  row(
    "compaction_written_bytes_total",
    "Bytes written by compaction.",
    ({ compaction }) => compaction.writtenBytes,
  ),
  row("segment_files", "Segments.", ({ segments }) => segments.files),
  row("segment_bytes", "Bytes of segments.", ({ segments }) => segments.bytes),
  row("segment_points", "Points in segments.", ({ segments }) => segments.points),
  row("segments_quarantined", "Segments set aside.", ({ segments }) => segments.quarantined),
  row(
    "obsolete_files",
    "Files that are not needed any more and stay for copies of the directory.",
    ({ obsolete }) => obsolete.files,
  ),
  row("obsolete_bytes", "Bytes of such files.", ({ obsolete }) => obsolete.bytes),
  row("tombstones", "Deletions not yet carried out.", ({ segments }) => segments.tombstones),
  row("open_files", "Open segment files.", ({ segments }) => segments.openFiles),
  row(
    "expired_segments_total",
    "Segments dropped by retention.",
    ({ retention }) => retention.expiredSegments,
  ),
  row("read_only", "1 at the disk limit.", ({ retention }) => bit(retention.isReadOnly)),
  row(
    "clock_jumping",
    "1 while the wall clock is ahead of what is believed.",
    ({ retention }) => bit(retention.isClockJumping),
  ),
  row("cache_bytes", "Bytes in the block cache.", ({ cache }) => cache.bytes),
  row("cache_hits_total", "Hits of the block cache.", ({ cache }) => cache.hits),
  row("cache_misses_total", "Misses of the block cache.", ({ cache }) => cache.misses),
  row("query_series_read_total", "Series read.", ({ queries }) => queries.seriesRead),
  row("query_points_read_total", "Points read.", ({ queries }) => queries.pointsRead),
  row("degraded", "1 while background work fails.", ({ health }) => bit(health.degraded)),
  row("failed", "1 once writing has ended until a restart.", ({ health }) => bit(health.failed)),
  row("errors_total", "Errors of background work.", ({ health }) => health.errors),
];

function row(name: string, help: string, read: Row["read"]): Row {
  return { name: `tsinkd_${name}`, help, read };
}

/** Adds the engine's figures; `database` is undefined until it is open. */
export function describeEngine(metrics: Metrics, database: () => Database | undefined): void {
  let stats: DatabaseStats | undefined;
  metrics.onRender(() => {
    stats = database()?.stats();
  });
  for (const { name, help, read } of ROWS) {
    const type = name.endsWith("_total") ? "counter" : "gauge";
    metrics.gauge(name, help, () => stats === undefined ? undefined : read(stats), type);
  }
  metrics.gauges("tsinkd_engine_memory_bytes", "Memory of the engine, by use.", "use", () => {
    if (stats === undefined) return {};
    const { headBytes, registryBytes, cacheBytes, queryBytes, scratchBytes, spareBytes } =
      stats.memory;
    return {
      head: headBytes,
      registry: registryBytes,
      cache: cacheBytes,
      query: queryBytes,
      scratch: scratchBytes,
      spare: spareBytes,
    };
  });
}
