/**
 * Types of what the kernel module exports, one interface for each assembly file, in the order of module.ts.
 * Pointers and 32-bit counts arrive as signed numbers: apply `>>> 0` to a pointer before using it.
 */
import type { ChunkKernel } from "../chunk/chunk.ts";

export interface MemoryKernel {
  readonly memory: WebAssembly.Memory;
  init(): void;
  alloc(bytes: number, tag: number): number;
  free(block: number, tag: number): void;
  blockBytes(bytes: number): number;
  usedBytes(tag: number): number;
  spareBytes(): number;
  occupiedBytes(): number;
}

export interface BatchKernel {
  readonly ROWS_MAX: WebAssembly.Global;
  readonly CELLS_MAX: WebAssembly.Global;
  readonly INPUT_BYTES_MAX: WebAssembly.Global;
  readonly inputPtr: WebAssembly.Global;
  readonly rowSourcePtr: WebAssembly.Global;
  readonly rowTimePtr: WebAssembly.Global;
  readonly rowCellPtr: WebAssembly.Global;
  readonly cellSlotPtr: WebAssembly.Global;
  readonly cellBitsPtr: WebAssembly.Global;
  readonly rowCount: WebAssembly.Global;
  readonly cellCount: WebAssembly.Global;
  setBatch(rows: number, cells: number): void;
  hasRoom(cells: number): number;
  pushRow(source: number, time: bigint): void;
  pushRowMs(source: number, ms: number, ticksPerMs: number): void;
  pushCell(slot: number, bits: bigint): void;
  pushHalves(slot: number, low: number, high: number): void;
}

export interface SegmentIndexKernel {
  encodeIndexBlock(table: number, count: number, target: number): number;
  decodeIndexBlock(
    block: number,
    bytes: number,
    table: number,
    ids: number,
    idCount: number,
    first: bigint,
    last: bigint,
  ): number;
}

export interface SeriesTableKernel {
  readonly SOURCE_ID: WebAssembly.Global;
  readonly SOURCE_MEASUREMENT: WebAssembly.Global;
  readonly SOURCE_KEY: WebAssembly.Global;
  readonly SOURCE_KEY_BYTES: WebAssembly.Global;
  readonly SOURCE_SEEN: WebAssembly.Global;
  readonly SOURCE_SEEN_MORE: WebAssembly.Global;
  readonly SOURCE_BYTES: WebAssembly.Global;
  readonly MEASUREMENT_ID: WebAssembly.Global;
  readonly MEASUREMENT_FIELDS: WebAssembly.Global;
  readonly MEASUREMENT_FIELD_RECORDS: WebAssembly.Global;
  readonly MEASUREMENT_NAME: WebAssembly.Global;
  readonly MEASUREMENT_NAME_BYTES: WebAssembly.Global;
  readonly MEASUREMENT_DATABASE: WebAssembly.Global;
  readonly MEASUREMENT_DATABASE_BYTES: WebAssembly.Global;
  readonly MEASUREMENT_SOURCES: WebAssembly.Global;
  readonly FIELD_NAME: WebAssembly.Global;
  readonly FIELD_NAME_BYTES: WebAssembly.Global;
  readonly FIELD_FAMILY: WebAssembly.Global;
  readonly FIELD_BYTES: WebAssembly.Global;
  readonly FIELDS_MAX: WebAssembly.Global;
  readonly NAME_BYTES_MAX: WebAssembly.Global;
  sourceCount(): number;
  sourceTotal(): number;
  lateSourceCount(): number;
  sourceById(id: number): number;
  measurementCount(): number;
  measurementById(id: number): number;
  fieldDefinitionCount(): number;
  fieldDefinitionMeasurement(index: number): number;
  fieldDefinitionSlot(index: number): number;
  findSource(key: number, bytes: number, create: boolean): number;
  defineSource(id: number, key: number, bytes: number): number;
  findMeasurement(
    database: number,
    databaseBytes: number,
    name: number,
    nameBytes: number,
    create: boolean,
  ): number;
  findField(measurement: number, name: number, nameBytes: number, family: number): number;
  seriesCount(): number;
  setSeriesMax(limit: number): void;
  seriesRoom(): number;
  isSeen(source: number, slot: number): number;
  markSeen(source: number, slot: number): void;
  claimSeries(source: number, slot: number): number;
}

export interface HeadKernel {
  readonly HEAD_CHUNK_HEADER: WebAssembly.Global;
  readonly headRows: WebAssembly.Global;
  readonly headPoints: WebAssembly.Global;
  readonly planPoints: WebAssembly.Global;
  readonly planMaxTime: WebAssembly.Global;
  readonly planFutureRows: WebAssembly.Global;
  headConfigure(partitionTicks: bigint): void;
  headPlan(cutoff: bigint, bound: bigint): number;
  headAppend(): number;
  headFreeze(): number;
  headForget(rows: number, points: number): void;
  headStamp(): number;
  headSealSource(source: number, generation: number): void;
  headDropSource(source: number, generation: number): void;
  headDropSources(first: number, end: number, generation: number): void;
  headNextSource(from: number, generation: number): number;
  headWindows(generation: number, width: bigint, target: number, most: number): number;
  readonly headExtentMin: WebAssembly.Global;
  readonly headExtentMax: WebAssembly.Global;
  headExtent(): number;
  headSetViews(open: number): void;
  headRetiredCount(): number;
  headReleaseRetired(count: number): void;
  headCaptureWords(ids: number, count: number): number;
  headCapture(ids: number, count: number, target: number, offsets: number): void;
  headReadBuilder(
    builder: number,
    rows: number,
    slot: number,
    first: bigint,
    last: bigint,
    times: number,
    bits: number,
  ): number;
  hideRange(times: number, bits: number, count: number, start: bigint, end: bigint): number;
  headRelocate(builder: number, rows: number, base: number): void;
  headPackBytes(words: number, sources: number, first: bigint, last: bigint): number;
  headPack(words: number, sources: number, first: bigint, last: bigint, target: number): number;
}

/** Turning runs of points into doubles; used by engine/query. */
export interface DoublesKernel {
  /** Turns i64, u64 and bool values into the nearest doubles in place. */
  bitsToDoubles(bits: number, count: number, family: number): void;
  /** Turns times (i64 ticks) into milliseconds (f64) in place. */
  timesToMs(times: number, count: number, ticksPerMs: number): void;
  /** Turns times (i64 ticks) into ticks after an origin (f64) in place; all are less than 2^53 ticks away from it. */
  ticksToOffsets(times: number, count: number, origin: bigint): void;
  /** What is known of doubles that were values of a family: SMALL_WHOLES, NO_NAN or 0. */
  valuesKind(values: number, count: number, family: number): number;
  readonly NO_NAN: WebAssembly.Global;
  readonly SMALL_WHOLES: WebAssembly.Global;
}

/** Folds of windows; used by engine/query/window_folds.ts only. Staging areas are described in window_folds.ts. */
export interface WindowFoldsKernel {
  readonly WINDOWS_MAX: WebAssembly.Global;
  readonly FOLD_SUM: WebAssembly.Global;
  readonly FOLD_LEAST: WebAssembly.Global;
  readonly FOLD_GREATEST: WebAssembly.Global;
  readonly windowFrom: WebAssembly.Global;
  readonly windowTo: WebAssembly.Global;
  readonly windowFolds: WebAssembly.Global;
  foldWindows(operation: number, values: number, count: number): void;
}

/** Samples as JSON text; used by engine/query/sample_text.ts only. Blocks and the text are described in sample_text.ts. */
export interface SampleTextKernel {
  readonly SAMPLES_MAX: WebAssembly.Global;
  readonly sampleTimes: WebAssembly.Global;
  readonly sampleValues: WebAssembly.Global;
  readonly sampleText: WebAssembly.Global;
  readonly sampleTextBytes: WebAssembly.Global;
  writeSamples(count: number): number;
}

/** Totals of points that are not handed out; used by engine/query. The state is described in totals.ts. */
export interface TotalsKernel {
  readonly totalsState: WebAssembly.Global;
  totalsBegin(first: bigint, last: bigint): void;
  totalColumn(chunk: number, bytes: number, slot: number, isWhole: boolean): number;
  totalRun(times: number, bits: number, count: number, family: number): void;
}

/** Merging chunks; used by engine/chunk/row_merger.ts only. Records and lists are described in row_merge.ts. */
export interface RowMergeKernel {
  readonly MERGE_INPUT_BYTES: WebAssembly.Global;
  readonly MERGE_WORK_BYTES: WebAssembly.Global;
  readonly mergedChunk: WebAssembly.Global;
  readonly mergedPoints: WebAssembly.Global;
  mergeUse(work: number): void;
  mergeRelease(): void;
  mergeOpen(input: number): number;
  mergeHide(input: number, ranges: number, count: number, live: number): number;
  mergeTimes(list: number, count: number, last: bigint, rowsMax: number): number;
  mergeEncode(list: number, count: number, effort: number): number;
  mergeCountPoints(input: number): number;
}

export interface IdListKernel {
  readonly ID_LIST_BYTES: WebAssembly.Global;
  appendId(list: number, id: number): void;
  dropIdList(list: number): void;
  decodeIdList(list: number, target: number): number;
  setIdListBits(list: number, bitmap: number): void;
  clearIdListBits(list: number, bitmap: number): void;
  idListMeets(list: number, bitmap: number): number;
  setIdBits(ids: number, count: number, bitmap: number): void;
  bitmapToIds(bitmap: number, bytes: number, target: number): number;
  bitmapCount(bitmap: number, bytes: number): number;
  keepInBitmap(ids: number, count: number, bitmap: number, inside: boolean): number;
  keepInIdList(ids: number, count: number, list: number, inside: boolean): number;
}

export interface PostingsKernel {
  readonly LABEL_NAME: WebAssembly.Global;
  readonly LABEL_VALUES: WebAssembly.Global;
  readonly LABEL_SOURCES: WebAssembly.Global;
  readonly LABEL_VALUE_BYTES: WebAssembly.Global;
  indexSources(max: number): number;
  postingsGeneration(): number;
  findLabel(name: number, bytes: number): number;
  labelCount(): number;
  labelAt(index: number): number;
  findLabelValue(label: number, value: number, bytes: number): number;
  labelValueText(label: number, value: number): number;
  labelValueSources(label: number, value: number): number;
  measurementSourceList(measurement: number): number;
}

export interface SelectionKernel {
  tagValues(ids: number, count: number, name: number, nameBytes: number, target: number): void;
  keepByTag(
    ids: number,
    count: number,
    name: number,
    nameBytes: number,
    value: number,
    valueBytes: number,
    inside: boolean,
  ): number;
  setValueBits(label: number, values: number, count: number, bitmap: number): void;
  clearValueBits(label: number, values: number, count: number, bitmap: number): void;
  countValueSources(label: number, values: number, count: number): number;
  measurementsOf(ids: number, count: number, target: number): void;
  keepSeen(ids: number, count: number, slot: number, target: number): number;
  idListHasSeen(list: number, slot: number): number;
  countSeries(list: number, counts: number, slots: number): number;
  keepInShards(
    ids: number,
    count: number,
    metric: number,
    metricBytes: number,
    shards: number,
    bitmap: number,
  ): number;
  findValuesByGlob(
    label: number,
    from: number,
    until: number,
    glob: number,
    target: number,
  ): number;
}

export interface MetricIndexKernel {
  readonly METRIC_NAME_ROOM: WebAssembly.Global;
  writeMetricName(definition: number, target: number): number;
  findMetrics(name: number, bytes: number, target: number, max: number): number;
}

export interface DefinitionsKernel {
  readonly DEFINITIONS_MALFORMED: WebAssembly.Global;
  readonly DEFINITIONS_FIELD_CONFLICT: WebAssembly.Global;
  readonly DEFINITIONS_SOURCE_CONFLICT: WebAssembly.Global;
  prepareDefinitions(
    ids: number,
    count: number,
    complete: boolean,
    measurements: number,
    fields: number,
  ): number;
  writeDefinitions(ids: number, count: number, target: number): number;
  definitionsOffset(): number;
  applyDefinitions(block: number, bytes: number): number;
  sourceIds(first: number, end: number, target: number): number;
  takeChanged(after: number, target: number, max: number, bytesMax: number): number;
  setCheckpointed(known: boolean): void;
}

export interface LineProtocolKernel {
  readonly PARSE_FINAL: WebAssembly.Global;
  readonly PARSE_CHECK_ONLY: WebAssembly.Global;
  readonly PARSE_KNOWN_ONLY: WebAssembly.Global;
  readonly lineErrorsPtr: WebAssembly.Global;
  readonly lineErrorCount: WebAssembly.Global;
  readonly lineStop: WebAssembly.Global;
  readonly lineCount: WebAssembly.Global;
  readonly ancientRows: WebAssembly.Global;
  lineContext(database: number, bytes: number, flags: number): number;
  lineScale(writtenNs: bigint, databaseNs: bigint, defaultTime: bigint): void;
  parseLines(context: number, from: number, to: number, flags: number): number;
  aliasCount(): number;
  aliasBytes(): number;
  clearAliases(): void;
}

export interface RecordKernel {
  readonly RECORD_HEADROOM: WebAssembly.Global;
  readonly recordPtr: WebAssembly.Global;
  readonly recordRows: WebAssembly.Global;
  readonly recordCells: WebAssembly.Global;
  readonly recordBlobBytes: WebAssembly.Global;
  readonly recordLostRows: WebAssembly.Global;
  recordRestart(): void;
  recordBaseBytes(): number;
  recordShapeBytes(): number;
  recordReserve(bytes: number): number;
  encodeRecord(extraBytes: number): number;
  decodeRecord(bytes: number, blobBytes: number): number;
}

export type KernelExports =
  & MemoryKernel
  & BatchKernel
  & SegmentIndexKernel
  & SeriesTableKernel
  & LineProtocolKernel
  & HeadKernel
  & RecordKernel
  & ChunkKernel
  & RowMergeKernel
  & DoublesKernel
  & SampleTextKernel
  & WindowFoldsKernel
  & TotalsKernel
  & IdListKernel
  & PostingsKernel
  & SelectionKernel
  & MetricIndexKernel
  & DefinitionsKernel;
