/** The public face of the engine. */
export * from "./base/types.ts";
export { ALL_TIME, msToTicks, nsToTicks, TICKS_PER_MS, ticksToMs } from "./base/time.ts";
export * from "./components.ts";
export { AnswerChannel, AskChannel, type Asked } from "./background/ask_channel.ts";
export { type WorkerHandle, workerUrl } from "./background/worker_handle.ts";
export type {
  Database,
  DatabaseExtent,
  DeleteResult,
  Readable,
  Selection,
  WriteResult,
} from "./database.ts";
export * from "./errors.ts";
export type { TimeBounds } from "./head/head.ts";
export { copyFile } from "./fs/copy_file.ts";
export type { FileSystem } from "./fs/file_system.ts";
export { isDiskFull } from "./fs/io_error.ts";
export { absolutePath } from "./fs/paths.ts";
export * from "./query/aggregate.ts";
export * from "./query/block.ts";
export type { Outline } from "./query/outline.ts";
export type { Page, PageOptions, ScanRow } from "./query/pager.ts";
export {
  type Aggregator,
  type BytesAggregation,
  bytesAggregation,
  type Codec,
  decodeValue,
  encodeValue,
  type QueryOptions,
} from "./query/query_options.ts";
export { SampleText } from "./query/sample_text.ts";
export type { ShardWindow, ShardWindowDigest } from "./query/shard_window.ts";
export type { NumberColumn, SeriesReference, Totals, View } from "./query/view.ts";
export { type WindowFold, WindowFolds } from "./query/window_folds.ts";
export type { RemoteDescription, RemoteQuestion } from "./remote/messages.ts";
export { type Ask, RemoteDatabase } from "./remote/remote_database.ts";
export type { ViewHost } from "./remote/view_host.ts";
export { compareText } from "./series/labels.ts";
export type { Matcher, MatchOperator } from "./series/matcher.ts";
export { compileRegex, type Regex } from "./series/regex.ts";
export type {
  CardinalityStatistics,
  ListedSeries,
  NamedCount,
  SeriesGroup,
  SeriesListing,
  SeriesRegistry,
  ShardFilter,
} from "./series/registry.ts";
export * from "./settings.ts";
export * from "./write/line_errors.ts";
export type { LineOptions, LineSettings, LineUnit } from "./write/line_run.ts";
export {
  LINE_BYTES_MAX,
  LineScanner,
  type LineStream,
  type ScanOptions,
} from "./write/line_scanner.ts";
export { inspectFile, type InspectOptions } from "./inspect.ts";
export { openDatabase, type OpenOptions } from "./open.ts";
export { repairDatabase, type RepairReport, storedSettings } from "./repair.ts";
export { restoreSnapshot } from "./snapshot.ts";
export * from "./stats.ts";
export * from "./storage.ts";
export { type CheckedFile, verifyDatabase, type VerifyReport } from "./verify.ts";
