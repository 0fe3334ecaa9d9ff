/**
 * The kernel module: what runs per point, in one WebAssembly module without imports.
 * Each kernel file exports its functions here; engine/kernels/kernels.ts is their typed face.
 */
import { initBatch } from "./batch";
import { initChunk } from "./chunk";
import { initLineProtocol } from "./line_protocol";
import { initMemory } from "./memory";
import { initMetricIndex } from "./metric_index";
import { initPostings } from "./postings";
import { initRecord } from "./record";
import { initSeriesTable } from "./series_table";
import { initHeadRead } from "./head_read";
import { initBuilders } from "./builder";
import { initSampleText } from "./sample_text";
import { initWindowFolds } from "./window_folds";

export * from "./memory";
export * from "./batch";
export * from "./segment_index";
export * from "./series_table";
export * from "./id_list";
export * from "./postings";
export * from "./selection";
export * from "./metric_index";
export {
  prepareDefinitions,
  setCheckpointed,
  sourceIds,
  takeChanged,
  writeDefinitions,
} from "./definitions";
export * from "./definitions_reader";
export * from "./line_protocol";
export { LINE_ERROR_BYTES, LINE_ERRORS_MAX, lineErrorCount, lineErrorsPtr } from "./line_refusals";
export { ancientRows, lineScale } from "./line_time";
export { aliasBytes, aliasCount, clearAliases } from "./alias_table";
export * from "./record";
export * from "./record_read";
export { chunkBytesBound, encodeChunk } from "./chunk";
export {
  chunkColumn,
  chunkColumns,
  chunkEffort,
  chunkHolds,
  chunkRows,
  decodeColumn,
  decodeTimes,
  readColumn,
  readColumnDoubles,
} from "./chunk_reader";
export {
  FOLD_GREATEST,
  FOLD_LEAST,
  FOLD_SUM,
  foldWindows,
  windowFolds,
  windowFrom,
  WINDOWS_MAX,
  windowTo,
} from "./window_folds";
export { totalColumn, totalRun, totalsBegin, totalsState } from "./totals";
export {
  bitsToDoubles,
  NO_NAN,
  SMALL_WHOLES,
  ticksToOffsets,
  timesToMs,
  valuesKind,
} from "./doubles";
export { mergeRuns } from "./merge";
export {
  INPUT_BYTES as MERGE_INPUT_BYTES,
  MERGE_WORK_BYTES,
  mergeCountPoints,
  mergedChunk,
  mergedPoints,
  mergeEncode,
  mergeHide,
  mergeOpen,
  mergeRelease,
  mergeTimes,
  mergeUse,
} from "./row_merge";
export * from "./builder";
export { headPack, headPackBytes, headRelocate } from "./head_pack";
export * from "./slabs";
export * from "./seal";
export * from "./head_extent";
export * from "./head_read";
export {
  SAMPLES_MAX,
  sampleText,
  sampleTextBytes,
  sampleTimes,
  sampleValues,
  writeSamples,
} from "./sample_text";

/** Prepares the instance. Must be called first and once. */
export function init(): void {
  initMemory();
  initBatch();
  initSeriesTable();
  initPostings();
  initMetricIndex();
  initLineProtocol();
  initRecord();
  initChunk();
  initBuilders();
  initHeadRead();
  initSampleText();
  initWindowFolds();
}
