/**
 * Prometheus remote read: series between two times, as one message of samples or as a stream of chunks.
 *
 * Answers `ReadResponse{results=1{timeseries=1{labels=1, samples=2, histograms=4}}}`, or frames of `ChunkedReadResponse{
 * chunked_series=1{labels=1, chunks=2{min=1, max=2, type=3, data=4}}, query_index=2}`, each with its length as LEB128 and its
 * CRC-32C big-endian in front. Series come in the order of their labels, each once: what several fields hold of one
 * series is brought together.
 */
import type { Database, Labels, SourceId, TimeRange, TimeUnit, View } from "../../engine/mod.ts";
import {
  ALL_TIME,
  compareText,
  EngineError,
  FACET,
  METRIC_NAME,
  msToTicks,
} from "../../engine/mod.ts";
import { forEachInSlices, Slices, sortInSlices } from "../slices.ts";
import { crc32c } from "./crc32c.ts";
import { HistogramChunkEncoder, histogramChunkEnd } from "./histogram_chunk.ts";
import { ProtobufWriter, WIRE } from "./protobuf.ts";
import { type HistogramSample, writeRemoteHistogram } from "./remote_histogram.ts";
import type { RemoteReadQuery, RemoteReadRequest } from "./remote_read_request.ts";
import { type StoredReference, StoredSamples } from "./stored_samples.ts";
import { CHUNK_SAMPLES_MAX, XorChunkEncoder } from "./xor_chunk.ts";

export interface RemoteReadParts {
  readonly database: Database;
  /** A histogram as it is stored; undefined for a stale marker. */
  readonly decodeHistogram: (bytes: Uint8Array) => HistogramSample | undefined;
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
/** Series between two looks at the clock. */
const SERIES_PER_CLOCK = 4;
const CHUNK_TYPE = { xor: 1, floatHistogram: 3 } as const;

/** A selected series, named. */
interface ReadSeries {
  readonly labels: Labels;
  /** Where its samples are: mostly one field of one source. */
  readonly references: readonly StoredReference[];
}

/** One request under way: holds a view of the database until it is disposed. */
export class RemoteRead implements Disposable {
  /** Long reads pause: whoever takes frames asks it, too. */
  readonly slices: Slices = new Slices(SERIES_PER_CLOCK);
  readonly #limits: RemoteReadLimits;
  readonly #queries: readonly RemoteReadQuery[];
  readonly #view: View;
  readonly #unit: TimeUnit;
  readonly #samples: StoredSamples;
  #selected: readonly (readonly ReadSeries[])[] = [];

  private constructor(
    parts: RemoteReadParts,
    { queries }: RemoteReadRequest,
    limits: RemoteReadLimits,
  ) {
    if (queries.length > limits.queriesMax) {
      throw new EngineError(
        "limit",
        `Cannot read: ${queries.length} queries are above ${limits.queriesMax}`,
      );
    }
    this.#limits = limits;
    this.#queries = queries;
    this.#unit = parts.database.settings.timeUnit;
    // Without a query there still is a view, as a view of no time cannot be.
    const first = queries[0]?.startMs ?? 0;
    const startMs = queries.reduce((earliest, query) => Math.min(earliest, query.startMs), first);
    const endMs = queries.reduce((latest, query) => Math.max(latest, query.endMs), startMs);
    this.#view = parts.database.view(this.#range(startMs, endMs));
    this.#samples = new StoredSamples(this.#view, this.#unit, parts.decodeHistogram);
  }

  /** Opens the view and selects the series. Throws the engine's "invalid" for a bad expression, and "limit". */
  static async open(
    parts: RemoteReadParts,
    request: RemoteReadRequest,
    limits: RemoteReadLimits = DEFAULT_REMOTE_READ_LIMITS,
  ): Promise<RemoteRead> {
    const read = new RemoteRead(parts, request, limits);
    try {
      read.#selected = await read.#select();
      return read;
    } catch (error) {
      read[Symbol.dispose]();
      throw error;
    }
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

  async #select(): Promise<ReadSeries[][]> {
    const { slices } = this;
    const all: ReadSeries[][] = [];
    let total = 0;
    for (const { matchers } of this.#queries) {
      const selected: ReadSeries[] = [];
      for (const group of this.#view.select(matchers)) {
        if (group.family === "blob" || group.field === FACET.starts) continue;
        total += group.sources.length;
        if (total > this.#limits.seriesMax) {
          throw new EngineError("limit", `Cannot read more than ${this.#limits.seriesMax} series`);
        }
        const { slot, family, metric } = group;
        for (const id of group.sources) {
          const source = id as SourceId;
          const labels = withName(this.#view.tagsOf(source), metric);
          selected.push({ labels, references: [{ source, slot, family }] });
          if (slices.isDue) await slices.pause();
        }
      }
      await sortInSlices(
        selected,
        (left, right) => compareLabels(left.labels, right.labels),
        slices,
      );
      all.push(await joined(selected, slices));
    }
    return all;
  }

  /** The whole answer in the form "samples". Throws "limit" when there are too many. */
  async samples(): Promise<Uint8Array> {
    const writer = new ProtobufWriter(65_536);
    const { samplesMax } = this.#limits;
    let left = samplesMax;
    for (const [index, query] of this.#queries.entries()) {
      const start = writer.begin(1);
      await forEachInSlices(this.#selected[index]!, this.slices, (series) => {
        left -= this.#writeSeries(writer, series, query);
        if (left < 0) {
          throw new EngineError("limit", `Cannot read more than ${samplesMax} samples`);
        }
      });
      writer.end(start);
    }
    return writer.written;
  }

  #writeSeries(writer: ProtobufWriter, series: ReadSeries, query: RemoteReadQuery): number {
    const { count, times, values, histograms } = this.#samples.read(series.references, query);
    if (count === 0 && histograms.length === 0) return 0;
    const bits = new Uint8Array(values.buffer);
    writer.message(1, () => {
      writeLabels(writer, series.labels);
      for (let index = 0; index < count; index++) {
        writer.message(2, () => {
          writer.varint(8 + WIRE.fixed64);
          // As bytes: the payload of a NaN is a stale marker.
          writer.raw(bits.subarray(index * 8, index * 8 + 8));
          writer.signedField(2, times[index]!);
        });
      }
      for (const { timeMs, histogram } of histograms) {
        writer.message(4, () => writeRemoteHistogram(writer, histogram, timeMs));
      }
    });
    return count + histograms.length;
  }

  /** The answer in the form "chunks", frame by frame. */
  *chunks(): Generator<Uint8Array> {
    const message = new ProtobufWriter(65_536);
    const chunks = new ChunkWriter(message);
    for (let query = 0; query < this.#queries.length; query++) {
      for (const series of this.#selected[query]!) {
        let at: ChunkPosition = { float: 0, histogram: 0 };
        for (;;) {
          // Anew for each frame: others may have read meanwhile, into the same columns.
          const samples = this.#samples.read(series.references, this.#queries[query]!);
          if (isAtEnd(samples, at)) break;
          message.reset();
          at = chunks.write(series.labels, samples, at);
          message.varintField(2, query);
          yield frame(message.finish());
          if (isAtEnd(samples, at)) break;
        }
      }
    }
  }
}

/** How many floats and histograms of a series stand in chunks. */
interface ChunkPosition {
  readonly float: number;
  readonly histogram: number;
}

type SeriesSamples = ReturnType<StoredSamples["read"]>;

function isAtEnd({ count, histograms }: SeriesSamples, at: ChunkPosition): boolean {
  return at.float >= count && at.histogram >= histograms.length;
}

/** Writes series of chunks; floats and histograms take turns, so that chunks do not overlap in time. */
class ChunkWriter {
  readonly #message: ProtobufWriter;
  readonly #floats = new XorChunkEncoder();
  readonly #histograms = new HistogramChunkEncoder();

  constructor(message: ProtobufWriter) {
    this.#message = message;
  }

  /** Writes chunks until the frame is full; where the next one begins. */
  write(labels: Labels, samples: SeriesSamples, from: ChunkPosition): ChunkPosition {
    let { float, histogram } = from;
    const message = this.#message;
    const { count, times, values, histograms } = samples;
    message.message(1, () => {
      writeLabels(message, labels);
      while (message.length < FRAME_BYTES_MAX && !isAtEnd(samples, { float, histogram })) {
        const floatMs = float < count ? times[float]! : Infinity;
        const histogramMs = histograms[histogram]?.timeMs ?? Infinity;
        if (floatMs <= histogramMs) {
          const start = float;
          const most = Math.min(count, start + CHUNK_SAMPLES_MAX);
          while (float < most && times[float]! <= histogramMs) float++;
          const data = this.#floats.encode(times, values, start, float);
          this.#chunk(times[start]!, times[float - 1]!, CHUNK_TYPE.xor, data);
        } else {
          const start = histogram;
          const most = histogramChunkEnd(histograms, start);
          while (histogram < most && histograms[histogram]!.timeMs < floatMs) histogram++;
          const data = this.#histograms.encode(histograms, start, histogram);
          const lastMs = histograms[histogram - 1]!.timeMs;
          this.#chunk(histograms[start]!.timeMs, lastMs, CHUNK_TYPE.floatHistogram, data);
        }
      }
    });
    return { float, histogram };
  }

  #chunk(firstMs: number, lastMs: number, type: number, data: Uint8Array): void {
    const message = this.#message;
    message.message(2, () => {
      message.signedField(1, firstMs);
      message.signedField(2, lastMs);
      message.varintField(3, type);
      message.bytesField(4, data);
    });
  }
}

/** Series in order, those with the same labels as one. */
async function joined(series: readonly ReadSeries[], slices: Slices): Promise<ReadSeries[]> {
  const joint: ReadSeries[] = [];
  await forEachInSlices(series, slices, (each) => {
    const last = joint.at(-1);
    if (last !== undefined && compareLabels(last.labels, each.labels) === 0) {
      const references = [...last.references, ...each.references];
      joint[joint.length - 1] = { labels: last.labels, references };
    } else {
      joint.push(each);
    }
  });
  return joint;
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
  const at = tags.findIndex(([name]) => compareText(name, METRIC_NAME) > 0);
  const place = at === -1 ? tags.length : at;
  return [...tags.slice(0, place), [METRIC_NAME, metric], ...tags.slice(place)];
}

function compareLabels(left: Labels, right: Labels): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const order = compareText(left[index]![0], right[index]![0]) ||
      compareText(left[index]![1], right[index]![1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
