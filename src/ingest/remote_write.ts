/**
 * Prometheus remote write, versions 1.0 and 2.0: a decoded message into the database.
 *
 * A message is read once, series by series, straight into the batch; a full batch is written and reading goes on where
 * it stopped. What is wrong with one series or sample is counted with its reason and the rest stands; a message that is
 * no protocol buffer at all ends the request.
 *
 * Messages (fields that are read): 1.0 `WriteRequest{timeseries=1, metadata=3}`, `TimeSeries{labels=1, samples=2,
 * exemplars=3, histograms=4}`; 2.0 `Request{symbols=4, timeseries=5}`, `TimeSeries{labels_refs=1, samples=2,
 * histograms=3, exemplars=4, metadata=5, created=6}`. Labels stand before samples, as every sender writes them. Exemplars
 * are counted and not kept.
 *
 * Start timestamps stand in samples and histograms, in messages of older senders once for the series. They are stored
 * beside the sample; a series that has had one gets one with each of its samples, 0 for none.
 */
import type { Acknowledgement, WriteResult } from "../../engine/mod.ts";
import { TICKS_PER_MS } from "../../engine/mod.ts";
import type { BatchFill } from "./batch_writes.ts";
import { writeBatches } from "./batch_writes.ts";
import { Destination, type DestinationParts } from "./destination.ts";
import { ProtobufError, ProtobufReader, WIRE } from "./protobuf.ts";
import type { HistogramSample } from "./remote_histogram.ts";
import { RemoteHistogramReader } from "./remote_histogram.ts";
import {
  familyOf,
  findCreated,
  LABELS,
  METADATA_1,
  METADATA_2,
  readText,
  SAMPLE,
  VERSION_1,
  VERSION_2,
  type VersionTags,
} from "./remote_message.ts";
import type { SlotKind } from "./remote_series_cache.ts";
import { RemoteSeriesCache, SLOT_REFUSED, SLOT_UNKNOWN } from "./remote_series_cache.ts";
import type { RemoteLabels } from "./remote_labels.ts";
import { LabelsVersion1, LabelsVersion2 } from "./remote_labels.ts";
import type { SeriesTarget } from "./sample_series.ts";
import { SampleSeries } from "./sample_series.ts";

export type RemoteWriteVersion = 1 | 2;

/** What a sender says of a metric family; `type` counts in the order of the protocol. */
export interface RemoteMetadata {
  readonly family: string;
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

export interface RemoteWriteParts extends DestinationParts {
  /** A histogram, or (undefined) the marker that ends a series, as the database stores it. */
  readonly encodeHistogram: (histogram: HistogramSample | undefined) => Uint8Array;
  /** Keeps metadata; returns whether anything changed. */
  readonly onMetadata: (metadata: RemoteMetadata) => boolean;
  readonly cache?: RemoteSeriesCache;
}

/** What became of a message. */
export interface RemoteWriteOutcome {
  /** Stored. */
  samples: number;
  histograms: number;
  /** Seen and not kept. */
  exemplars: number;
  /** Metric families whose metadata changed. */
  metadata: number;
  /** Older than the retention: not stored, and no fault of the sender. */
  tooOld: number;
  /** Samples and histograms that cannot be stored. */
  rejected: number;
  /** Why, the first few reasons with their counts. */
  readonly reasons: Map<string, number>;
}

/** Different reasons that are kept. */
const REASONS_MAX = 10;
/** Times beyond this many milliseconds do not fit 64 bits of nanoseconds. */
const TIME_MS_MAX = 9_223_372_036_854;
/** An encoded histogram takes at most this much; larger ones are rejected. */
const HISTOGRAM_BYTES_MAX = 512 << 10;

export class RemoteWriter {
  readonly #parts: RemoteWriteParts;
  readonly #series: SampleSeries;
  readonly #cache: RemoteSeriesCache;

  constructor(parts: RemoteWriteParts) {
    this.#parts = parts;
    this.#series = new SampleSeries(parts.database);
    this.#cache = parts.cache ?? new RemoteSeriesCache();
  }

  /**
   * Writes a message. Resolves when all of it is acknowledged as asked. Rejects with a ProtobufError for a malformed
   * message, and with the engine's errors; batches before the error may be stored then.
   */
  async write(
    message: Uint8Array,
    options: {
      readonly version: RemoteWriteVersion;
      /** Value of the label `db` of all series. */
      readonly db?: string;
      readonly acknowledgement: Acknowledgement;
    },
  ): Promise<RemoteWriteOutcome> {
    const { version, db, acknowledgement } = options;
    const fill = new Fill(this.#parts, this.#series, this.#cache, message, version, db);
    const destination = new Destination(this.#parts, db);
    await writeBatches(this.#parts.database, fill, { acknowledgement, destination });
    return fill.outcome;
  }
}

/** Cells of a row: the sample and its start timestamp. */
const CELLS_MAX = 2;
const TWO_TO_32 = 2 ** 32;

/** One message on its way into batches. */
class Fill implements BatchFill {
  readonly outcome: RemoteWriteOutcome = {
    samples: 0,
    histograms: 0,
    exemplars: 0,
    metadata: 0,
    tooOld: 0,
    rejected: 0,
    reasons: new Map(),
  };
  readonly #parts: RemoteWriteParts;
  readonly #series: SampleSeries;
  readonly #cache: RemoteSeriesCache;
  readonly #reader: ProtobufReader;
  readonly #labels: RemoteLabels;
  readonly #tags: VersionTags;
  readonly #histograms = new RemoteHistogramReader();
  readonly #db: string | undefined;
  readonly #ticksPerMs: number;
  /** The series being read; its message ends where the reader does, and the outer one at `#outerEnd`. */
  #inSeries = false;
  #outerEnd = 0;
  /** Its entry in the cache, -1 when it is not there; or why it cannot be stored. */
  #entry = -1;
  #generation = 0;
  #target: SeriesTarget | string | undefined;
  /** The start timestamp of samples that have none of their own, 0 for none. */
  #createdMs = 0;
  /** Rows of the batch that hold samples and histograms. */
  #sampleRows = 0;
  #histogramRows = 0;

  constructor(
    parts: RemoteWriteParts,
    series: SampleSeries,
    cache: RemoteSeriesCache,
    message: Uint8Array,
    version: RemoteWriteVersion,
    db: string | undefined,
  ) {
    this.#parts = parts;
    this.#series = series;
    this.#cache = cache;
    this.#reader = new ProtobufReader(message);
    this.#tags = version === 1 ? VERSION_1 : VERSION_2;
    this.#labels = version === 1
      ? new LabelsVersion1(this.#reader, db ?? "")
      : new LabelsVersion2(this.#reader, db ?? "", cache);
    this.#db = db;
    this.#ticksPerMs = TICKS_PER_MS[parts.database.settings.timeUnit];
  }

  /** Fills the batch; true when the message is done, false when the batch is full. Throws a ProtobufError. */
  run(): boolean {
    for (;;) {
      const done = this.#inSeries ? this.#readSeries() : this.#nextSeries();
      if (done !== undefined) return done;
    }
  }

  /** The batch is stored. */
  written(result: WriteResult): void {
    // Rows that are too old are not told apart by kind: samples are the many.
    const oldSamples = Math.min(result.tooOld, this.#sampleRows);
    this.outcome.samples += this.#sampleRows - oldSamples;
    this.outcome.histograms += this.#histogramRows - (result.tooOld - oldSamples);
    this.outcome.tooOld += result.tooOld;
    this.#sampleRows = 0;
    this.#histogramRows = 0;
  }

  #nextSeries(): boolean | undefined {
    const reader = this.#reader;
    const tag = reader.tag();
    if (tag === 0) return true;
    if (tag === this.#tags.series) {
      this.#outerEnd = reader.enter();
      this.#inSeries = true;
      this.#createdMs = this.#tags === VERSION_2 ? findCreated(reader) : 0;
      this.#beginSeries();
    } else if (tag === METADATA_1 && this.#tags === VERSION_1) {
      this.#readMetadata1();
    } else {
      reader.skip(tag);
    }
    return undefined;
  }

  /** Reads the labels, which stand first, and finds where the samples go. */
  #beginSeries(): void {
    const labels = this.#labels;
    const cache = this.#cache;
    this.#target = undefined;
    this.#entry = -1;
    const reason = labels.read();
    if (reason !== undefined) {
      this.#target = reason;
      return;
    }
    this.#entry = labels.find(cache);
    this.#generation = cache.generation;
    if (this.#entry !== -1) return;
    const pairs = labels.pairs();
    this.#target = typeof pairs === "string" ? pairs : this.#series.target(pairs, this.#db);
    if (typeof this.#target === "string") return;
    this.#entry = labels.add(cache, this.#target.source);
    this.#generation = cache.generation;
  }

  #readSeries(): boolean | undefined {
    const reader = this.#reader;
    const { batch } = this.#parts.database;
    for (;;) {
      const position = reader.at;
      const tag = reader.tag();
      switch (tag) {
        case 0:
          reader.leave(this.#outerEnd);
          this.#inSeries = false;
          return undefined;
        case SAMPLE:
          if (!batch.hasRoom(CELLS_MAX)) {
            reader.at = position;
            return false;
          }
          this.#readSample();
          break;
        case this.#tags.histogram:
          if (!batch.hasRoom(CELLS_MAX, HISTOGRAM_BYTES_MAX)) {
            reader.at = position;
            return false;
          }
          this.#readHistogram();
          break;
        case this.#tags.exemplar:
          this.outcome.exemplars++;
          reader.skip(tag);
          break;
        case METADATA_2:
          if (this.#tags === VERSION_2) this.#readMetadata2();
          else reader.skip(tag);
          break;
        case LABELS:
          throw new ProtobufError("labels stand behind samples");
        default:
          reader.skip(tag);
      }
    }
  }

  #readSample(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    let valueAt = -1;
    let timeMs = 0;
    let startMs = this.#createdMs;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 8 + WIRE.fixed64) valueAt = reader.take(8);
      else if (tag === 16 + WIRE.varint) timeMs = reader.signed();
      else if (tag === 24 + WIRE.varint) startMs = reader.signed() || startMs;
      else reader.skip(tag);
    }
    reader.leave(outer);
    const slot = this.#slot("f64", timeMs);
    if (slot < 0) return;
    const { batch } = this.#parts.database;
    batch.rowMs(this.#source(), timeMs, this.#ticksPerMs);
    if (valueAt < 0) batch.float64(slot, 0);
    else batch.float64Bytes(slot, reader.view, valueAt);
    this.#addStart(startMs);
    this.#sampleRows++;
  }

  #readHistogram(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    const reason = this.#histograms.read(reader);
    reader.leave(outer);
    const { histogram, timeMs, isStale } = this.#histograms;
    if (histogram === undefined && !isStale) return this.#reject(reason ?? "histogram is empty");
    const slot = this.#slot("histogram", timeMs);
    if (slot < 0) return;
    const bytes = this.#parts.encodeHistogram(histogram);
    if (bytes.length > HISTOGRAM_BYTES_MAX) {
      return this.#reject(`histogram of ${bytes.length} bytes is above ${HISTOGRAM_BYTES_MAX}`);
    }
    const { batch } = this.#parts.database;
    batch.rowMs(this.#source(), timeMs, this.#ticksPerMs);
    batch.blob(slot, bytes);
    this.#addStart(this.#histograms.startMs || this.#createdMs);
    this.#histogramRows++;
  }

  /** Adds a start timestamp to the row, 0 for none; nothing while the series has none. */
  #addStart(startMs: number): void {
    if (this.#tags === VERSION_1) return;
    let slot = this.#entry === -1 ? SLOT_UNKNOWN : this.#cache.slot(this.#entry, "starts");
    if (slot < 0) {
      if (startMs === 0) return;
      slot = this.#findSlot("starts");
      if (slot < 0) return;
    }
    const { batch } = this.#parts.database;
    batch.halves(slot, startMs >>> 0, Math.floor(startMs / TWO_TO_32));
  }

  #source(): number {
    const target = this.#target;
    return typeof target === "object" ? target.source : this.#cache.source(this.#entry);
  }

  /** Slot of a sample of the current series; negative when it was rejected. */
  #slot(family: "f64" | "histogram", timeMs: number): number {
    if (typeof this.#target === "string") {
      this.#reject(this.#target);
      return -1;
    }
    if (!(Math.abs(timeMs) <= TIME_MS_MAX)) {
      this.#reject(`timestamp ${timeMs} is out of range`);
      return -1;
    }
    // While this message waited, another one may have filled the cache.
    if (this.#generation !== this.#cache.generation) this.#entry = -1;
    const known = this.#entry === -1 ? SLOT_UNKNOWN : this.#cache.slot(this.#entry, family);
    return known >= 0 ? known : this.#findSlot(family);
  }

  #findSlot(kind: SlotKind): number {
    let target = this.#target;
    if (typeof target !== "object") {
      const pairs = this.#labels.pairs();
      target = typeof pairs === "string" ? pairs : this.#series.target(pairs, this.#db);
      this.#target = target;
    }
    const slot = typeof target === "string"
      ? target
      : kind === "starts"
      ? this.#series.startSlot(target)
      : this.#series.slot(target, kind);
    // Where a start timestamp has no place the sample stands without it.
    if (typeof slot === "string" && kind !== "starts") this.#reject(slot);
    const number = typeof slot === "string" ? SLOT_REFUSED : slot;
    if (this.#entry !== -1) this.#cache.setSlot(this.#entry, kind, number);
    return number;
  }

  #reject(reason: string): void {
    const { reasons } = this.outcome;
    this.outcome.rejected++;
    const count = reasons.get(reason);
    if (count !== undefined) reasons.set(reason, count + 1);
    else if (reasons.size < REASONS_MAX) reasons.set(reason, 1);
  }

  #readMetadata1(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    let type = 0;
    let family = "";
    let help = "";
    let unit = "";
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 8 + WIRE.varint) type = reader.varint();
      else if (tag === 16 + WIRE.bytes) family = readText(reader);
      else if (tag === 32 + WIRE.bytes) help = readText(reader);
      else if (tag === 40 + WIRE.bytes) unit = readText(reader);
      else reader.skip(tag);
    }
    reader.leave(outer);
    if (family !== "" && this.#parts.onMetadata({ family, type, help, unit })) {
      this.outcome.metadata++;
    }
  }

  #readMetadata2(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    let type = 0;
    let help = 0;
    let unit = 0;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 8 + WIRE.varint) type = reader.varint();
      else if (tag === 24 + WIRE.varint) help = reader.varint();
      else if (tag === 32 + WIRE.varint) unit = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    if (type === 0 && help === 0 && unit === 0) return;
    const mark = this.#labels.metadataMark(type, help, unit);
    if (this.#generation !== this.#cache.generation) this.#entry = -1;
    if (this.#entry !== -1 && mark >= 0 && !this.#cache.metadataChanged(this.#entry, mark)) return;
    const pairs = this.#labels.pairs();
    const name = typeof pairs === "string"
      ? undefined
      : pairs.find(([label]) => label === "__name__")?.[1];
    if (name === undefined) return;
    const metadata = {
      family: familyOf(name, type),
      type,
      help: this.#labels.text(help),
      unit: this.#labels.text(unit),
    };
    if (this.#parts.onMetadata(metadata)) this.outcome.metadata++;
  }
}
