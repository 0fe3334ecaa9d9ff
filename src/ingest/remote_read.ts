/**
 * Prometheus remote read: series between two times, as one message of samples or as a stream of XOR chunks.
 *
 * Request `ReadRequest{queries=1, accepted_response_types=2}`, `Query{start_ms=1, end_ms=2, matchers=3}`, `LabelMatcher{
 * type=1, name=2, value=3}`. Both bounds are inclusive. Answers `ReadResponse{results=1{timeseries=1{labels=1, samples=2,
 * histograms=4}}}`, or frames of `ChunkedReadResponse{chunked_series=1{labels=1, chunks=2{min=1, max=2, type=3, data=4}},
 * query_index=2}`, each with its length as LEB128 and its CRC-32C big-endian in front. Series come in the order of their
 * labels. Times finer than milliseconds are rounded down; of several samples in one millisecond the last is sent.
 */
import type {
  Database,
  Labels,
  Matcher,
  MatchOperator,
  SeriesReference,
  TimeRange,
  TimeUnit,
  View,
} from "../../engine/mod.ts";
import {
  ALL_TIME,
  EngineError,
  METRIC_NAME,
  msToTicks,
  ticksToMs,
  timeAt,
  toSourceId,
} from "../../engine/mod.ts";
import { crc32c } from "./crc32c.ts";
import { ProtobufError, ProtobufReader, ProtobufWriter, WIRE } from "./protobuf.ts";
import type { HistogramSample } from "./remote_histogram.ts";
import { writeRemoteHistogram } from "./remote_histogram.ts";
import { compareUtf8 } from "./sample_series.ts";
import { XOR_CHUNK_SAMPLES_MAX, XorChunkEncoder } from "./xor_chunk.ts";

export interface RemoteReadQuery {
  readonly startMs: number;
  readonly endMs: number;
  readonly matchers: readonly Matcher[];
}

export type RemoteReadForm = "samples" | "chunks";

export interface RemoteReadRequest {
  readonly queries: readonly RemoteReadQuery[];
  /** Forms the client takes, the best first; only those that exist. */
  readonly accepted: readonly RemoteReadForm[];
}

export interface RemoteReadParts {
  readonly database: Database;
  readonly decodeHistogram: (bytes: Uint8Array) => HistogramSample;
}

export interface RemoteReadLimits {
  /** Queries of one request. */
  readonly queriesMax: number;
  /** Series of one request. */
  readonly seriesMax: number;
  /** Samples of an answer in the form "samples", which is held in memory. */
  readonly samplesMax: number;
}

export const DEFAULT_REMOTE_READ_LIMITS: RemoteReadLimits = {
  queriesMax: 100,
  seriesMax: 500_000,
  samplesMax: 5_000_000,
};

/** Bytes of chunks after which a frame ends. */
const FRAME_BYTES_MAX = 1 << 20;
const CHUNK_TYPE_XOR = 1;
const OPERATORS: readonly MatchOperator[] = ["=", "!=", "=~", "!~"];
const FORMS: readonly RemoteReadForm[] = ["samples", "chunks"];

/** Reads a request. Throws a ProtobufError for anything malformed. */
export function parseReadRequest(message: Uint8Array): RemoteReadRequest {
  const reader = new ProtobufReader(message);
  const queries: RemoteReadQuery[] = [];
  const types: number[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8 + WIRE.bytes) {
      queries.push(parseQuery(reader));
    } else if (tag === 16 + WIRE.varint) {
      types.push(reader.varint());
    } else if (tag === 16 + WIRE.bytes) {
      const outer = reader.enter();
      while (reader.at < reader.end) types.push(reader.varint());
      reader.leave(outer);
    } else {
      reader.skip(tag);
    }
  }
  // Old clients name no form and take samples.
  if (types.length === 0) return { queries, accepted: ["samples"] };
  return { queries, accepted: types.flatMap((type) => FORMS[type] ?? []) };
}

function parseQuery(reader: ProtobufReader): RemoteReadQuery {
  const outer = reader.enter();
  let startMs = 0;
  let endMs = 0;
  const matchers: Matcher[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8 + WIRE.varint) startMs = reader.signed();
    else if (tag === 16 + WIRE.varint) endMs = reader.signed();
    else if (tag === 24 + WIRE.bytes) matchers.push(parseMatcher(reader));
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { startMs, endMs, matchers };
}

function parseMatcher(reader: ProtobufReader): Matcher {
  const outer = reader.enter();
  let type = 0;
  let name = "";
  let value = "";
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8 + WIRE.varint) type = reader.varint();
    else if (tag === 16 + WIRE.bytes) name = readText(reader);
    else if (tag === 24 + WIRE.bytes) value = readText(reader);
    else reader.skip(tag);
  }
  reader.leave(outer);
  const operator = OPERATORS[type];
  if (operator === undefined) throw new ProtobufError(`a matcher has the unknown type ${type}`);
  return { name, operator, value };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readText(reader: ProtobufReader): string {
  const length = reader.length();
  const start = reader.take(length);
  try {
    return decoder.decode(reader.bytes.subarray(start, start + length));
  } catch {
    throw new ProtobufError("a text is not valid UTF-8");
  }
}

/** A selected series, named. */
interface ReadSeries {
  readonly labels: Labels;
  readonly reference: SeriesReference;
}

/** One request under way: holds a view of the database until it is disposed. */
export class RemoteRead implements Disposable {
  readonly #parts: RemoteReadParts;
  readonly #limits: RemoteReadLimits;
  readonly #queries: readonly RemoteReadQuery[];
  readonly #view: View;
  readonly #unit: TimeUnit;
  readonly #selected: readonly (readonly ReadSeries[])[];
  #times = new Float64Array(1_024);
  #values = new Float64Array(1_024);

  /** Opens the view and selects the series. Throws the engine's "invalid" for a bad expression, and "limit". */
  constructor(
    parts: RemoteReadParts,
    request: RemoteReadRequest,
    limits: RemoteReadLimits = DEFAULT_REMOTE_READ_LIMITS,
  ) {
    const { queries } = request;
    if (queries.length > limits.queriesMax) {
      throw new EngineError(
        "limit",
        `Cannot read: ${queries.length} queries are above ${limits.queriesMax}`,
      );
    }
    this.#parts = parts;
    this.#limits = limits;
    this.#queries = queries;
    this.#unit = parts.database.settings.timeUnit;
    // Without a query there still is a view, as a view of no time cannot be.
    const first = queries[0]?.startMs ?? 0;
    const startMs = queries.reduce((earliest, query) => Math.min(earliest, query.startMs), first);
    const endMs = queries.reduce((latest, query) => Math.max(latest, query.endMs), startMs);
    this.#view = parts.database.view(this.#range(startMs, endMs));
    try {
      this.#selected = this.#select();
    } catch (error) {
      this.#view[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether a selected series holds histograms, which the form "chunks" has no place for. */
  get hasHistograms(): boolean {
    return this.#selected.some((series) =>
      series.some(({ reference }) => reference.family === "histogram")
    );
  }

  [Symbol.dispose](): void {
    this.#view[Symbol.dispose]();
  }

  #range(startMs: number, endMs: number): TimeRange {
    const start = msToTicks(startMs, this.#unit);
    // Up to the last tick of the last millisecond.
    const end = msToTicks(endMs + 1, this.#unit);
    if (this.#unit === "s") return { start, end: msToTicks(endMs, this.#unit) + 1n };
    return end > ALL_TIME.end ? { start, end: ALL_TIME.end } : { start, end };
  }

  #select(): ReadSeries[][] {
    let total = 0;
    return this.#queries.map(({ matchers }) => {
      const selected: ReadSeries[] = [];
      for (const group of this.#view.select(matchers)) {
        if (group.family === "blob") continue;
        total += group.sources.length;
        if (total > this.#limits.seriesMax) {
          throw new EngineError("limit", `Cannot read more than ${this.#limits.seriesMax} series`);
        }
        for (const id of group.sources) {
          const source = toSourceId(id);
          selected.push({
            labels: withName(this.#view.tagsOf(source), group.metric),
            reference: { source, slot: group.slot, family: group.family },
          });
        }
      }
      return selected.sort((left, right) => compareLabels(left.labels, right.labels));
    });
  }

  /** The whole answer in the form "samples". Throws "limit" when there are too many. */
  samples(): Uint8Array {
    const writer = new ProtobufWriter(65_536);
    let left = this.#limits.samplesMax;
    this.#queries.forEach((query, index) => {
      writer.message(1, () => {
        for (const series of this.#selected[index]!) {
          left -= this.#writeSeries(writer, series, query);
          if (left < 0) {
            throw new EngineError(
              "limit",
              `Cannot read more than ${this.#limits.samplesMax} samples`,
            );
          }
        }
      });
    });
    return writer.finish();
  }

  #writeSeries(writer: ProtobufWriter, series: ReadSeries, query: RemoteReadQuery): number {
    if (series.reference.family === "histogram") {
      return this.#writeHistograms(writer, series, query);
    }
    const count = this.#readFloats(series.reference, query);
    if (count === 0) return 0;
    const bits = new DataView(this.#values.buffer);
    writer.message(1, () => {
      writeLabels(writer, series.labels);
      for (let index = 0; index < count; index++) {
        writer.message(2, () => {
          writer.varint(8 + WIRE.fixed64);
          // As bytes: the payload of a NaN is a stale marker.
          writer.raw(new Uint8Array(bits.buffer, index * 8, 8));
          writer.signedField(2, this.#times[index]!);
        });
      }
    });
    return count;
  }

  #writeHistograms(writer: ProtobufWriter, series: ReadSeries, query: RemoteReadQuery): number {
    const range = this.#range(query.startMs, query.endMs);
    const blocks = this.#view.readBlocks(series.reference, range);
    const count = blocks.reduce((sum, block) => sum + block.count, 0);
    if (count === 0) return 0;
    writer.message(1, () => {
      writeLabels(writer, series.labels);
      for (const block of blocks) {
        for (let index = 0; index < block.count; index++) {
          const timeMs = Math.floor(ticksToMs(timeAt(block, index), this.#unit));
          const histogram = this.#parts.decodeHistogram(block.blobs![index]!);
          writer.message(4, () => writeRemoteHistogram(writer, histogram, timeMs));
        }
      }
    });
    return count;
  }

  /** The answer in the form "chunks", frame by frame; series with histograms are left out. */
  *chunks(): Generator<Uint8Array> {
    const encoder = new XorChunkEncoder();
    const message = new ProtobufWriter(65_536);
    for (let query = 0; query < this.#queries.length; query++) {
      for (const series of this.#selected[query]!) {
        if (series.reference.family === "histogram") continue;
        const count = this.#readFloats(series.reference, this.#queries[query]!);
        for (let start = 0; start < count;) {
          message.reset();
          start = this.#writeChunks(message, encoder, { labels: series.labels, start, count });
          message.varintField(2, query);
          yield frame(message.finish());
          // Others may have read meanwhile, into the same columns.
          if (start < count) this.#readFloats(series.reference, this.#queries[query]!);
        }
      }
    }
  }

  /** Writes chunks until the frame is full; where the next one begins. */
  #writeChunks(
    message: ProtobufWriter,
    encoder: XorChunkEncoder,
    part: { readonly labels: Labels; readonly start: number; readonly count: number },
  ): number {
    let start = part.start;
    message.message(1, () => {
      writeLabels(message, part.labels);
      while (start < part.count && message.length < FRAME_BYTES_MAX) {
        const end = Math.min(part.count, start + XOR_CHUNK_SAMPLES_MAX);
        const data = encoder.encode(this.#times, this.#values, start, end);
        message.message(2, () => {
          message.signedField(1, this.#times[start]!);
          message.signedField(2, this.#times[end - 1]!);
          message.varintField(3, CHUNK_TYPE_XOR);
          message.bytesField(4, data);
        });
        start = end;
      }
    });
    return start;
  }

  /** Copies a series' samples into the columns; their number. */
  #readFloats(reference: SeriesReference, { startMs, endMs }: RemoteReadQuery): number {
    // Anything finer than a millisecond belongs to the one it began in.
    const column = this.#view.readNumbers(reference, startMs, endMs + 0.999_999);
    if (this.#times.length < column.count) {
      this.#times = new Float64Array(column.count * 2);
      this.#values = new Float64Array(column.count * 2);
    }
    const times = this.#times;
    const from = new BigUint64Array(column.values.buffer, column.values.byteOffset, column.count);
    let count = 0;
    let runStart = 0;
    const bits = new BigUint64Array(this.#values.buffer);
    const isWhole = this.#unit === "ms" || this.#unit === "s";
    if (isWhole) {
      times.set(column.times.subarray(0, column.count));
      bits.set(from);
      return column.count;
    }
    // Values move in runs, as integers: an assignment through a double may change a NaN's payload.
    for (let index = 0; index < column.count; index++) {
      const timeMs = Math.floor(column.times[index]!);
      if (count > 0 && times[count - 1] === timeMs) {
        bits.set(from.subarray(runStart, index - 1), count - 1 - (index - 1 - runStart));
        runStart = index;
        continue;
      }
      times[count++] = timeMs;
    }
    bits.set(from.subarray(runStart), count - (column.count - runStart));
    return count;
  }
}

function frame(message: Uint8Array): Uint8Array {
  const head = new ProtobufWriter(16);
  head.varint(message.length);
  const framed = new Uint8Array(head.length + 4 + message.length);
  framed.set(head.finish());
  new DataView(framed.buffer).setUint32(head.length, crc32c(message));
  framed.set(message, head.length + 4);
  return framed;
}

function writeLabels(writer: ProtobufWriter, labels: Labels): void {
  for (const [name, value] of labels) {
    writer.message(1, () => {
      writer.textField(1, name);
      writer.textField(2, value);
    });
  }
}

/** Tags and the metric's name, sorted. */
function withName(tags: Labels, metric: string): Labels {
  const at = tags.findIndex(([name]) => compareUtf8(name, METRIC_NAME) > 0);
  const place = at === -1 ? tags.length : at;
  return [...tags.slice(0, place), [METRIC_NAME, metric], ...tags.slice(place)];
}

function compareLabels(left: Labels, right: Labels): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const order = compareUtf8(left[index]![0], right[index]![0]) ||
      compareUtf8(left[index]![1], right[index]![1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
