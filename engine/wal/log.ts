/**
 * The write-ahead log as the database uses it. Files, records and replay are engine/wal's affair.
 *
 * Contract
 * - `append` writes the record in order and returns its position, or throws and leaves the log as it was.
 * - `synced` resolves once everything appended so far is on the device; one fdatasync serves all who wait (group commit).
 * - A failed sync is final: `append` and `synced` throw "failed" until the database is opened again.
 * - Bytes of a position below the floor are never needed again; their files are recycled.
 */

import type { LogStats } from "../stats.ts";

/** Where a record begins. */
export interface LogPosition {
  /** Number of the log file, dense from 1, never reused. */
  readonly file: number;
  readonly offset: number;
}

export interface LogRecord {
  /** Definitions of sources and fields that the rows are the first to use; SeriesRegistry.takeUnlogged. */
  readonly definitions: Uint8Array | undefined;
  /** Whether the kernels' batch holds rows to encode. */
  readonly hasRows: boolean;
}

export interface WriteAheadLog {
  /** Encodes the batch and appends one record. Throws "limit" at the size limit, "io" (disk full: writable again later), "failed". */
  append(record: LogRecord): LogPosition;
  /** Resolves when all that was appended before this call is on the device. Undefined when it already is. */
  synced(): Promise<void> | undefined;
  /** Resolves when all that was appended before this call is on the device; the sync begins at once. Throws "failed". */
  sync(): Promise<void>;
  /** Begins a new file, so that what follows is at or after the returned position; for a flush. */
  rotate(): LogPosition;
  /** Position of the next record. */
  readonly end: LogPosition;
  /** Gives up files wholly below the floor. */
  trim(floor: LogPosition): void;
  stats(): LogStats;
  /** Syncs and closes. */
  close(): Promise<void>;
}

/** A file with records that are still needed, and where the log goes on behind it. */
export interface KeptLogFile extends LogPosition {
  /** Up to where the log itself proves that the file is on the device, 0 for nowhere. */
  readonly synced: number;
}

export interface ReplayReport {
  readonly records: number;
  readonly rows: number;
  readonly points: number;
  /** Where the log goes on: the begin of a file of its own. */
  readonly end: LogPosition;
  /** Files that were read, oldest first, each with the end of what was readable in it. */
  readonly files: readonly KeptLogFile[];
  /** What salvage skipped, or why a torn tail was cut: for people. */
  readonly damage: readonly string[];
}
