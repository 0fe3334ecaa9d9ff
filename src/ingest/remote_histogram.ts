/**
 * Native histograms in the messages of remote write (1.0 and 2.0 alike) and remote read.
 *
 * In a message buckets lie in spans: an offset from the end of the span before (from index 0 for the first) and a number
 * of buckets. Integer histograms give each count as the difference to the one before, float histograms as it is.
 */
import type { ProtobufReader, ProtobufWriter } from "./protobuf.ts";
import { ProtobufError, WIRE } from "./protobuf.ts";

/** Sparse buckets: parallel columns, indices ascending. */
export interface HistogramBuckets {
  readonly indices: Int32Array;
  readonly counts: Float64Array;
}

/** A histogram with the buckets' indices spelled out; all counts are floats. */
export interface HistogramSample {
  readonly schema: number;
  readonly hint: "unknown" | "reset" | "not_reset" | "gauge";
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positive: HistogramBuckets;
  readonly negative: HistogramBuckets;
  readonly customValues: Float64Array;
}

/** In the order of the message's numbers. */
const HINTS: readonly HistogramSample["hint"][] = ["unknown", "reset", "not_reset", "gauge"];
const CUSTOM_SCHEMA = -53;
const EXPONENTIAL_SCHEMA_MIN = -4;
/** Finer exponential schemas up to this are stored at EXPONENTIAL_SCHEMA_MAX. */
const REDUCIBLE_SCHEMA_MAX = 52;
const EXPONENTIAL_SCHEMA_MAX = 8;
/** Buckets of one sign, and custom bounds. */
const BUCKETS_MAX = 65_536;
const INDEX_MAX = 2 ** 30;

const TAG = {
  countInteger: 8 + WIRE.varint,
  countFloat: 16 + WIRE.fixed64,
  sum: 24 + WIRE.fixed64,
  schema: 32 + WIRE.varint,
  zeroThreshold: 40 + WIRE.fixed64,
  zeroCountInteger: 48 + WIRE.varint,
  zeroCountFloat: 56 + WIRE.fixed64,
  negativeSpan: 64 + WIRE.bytes,
  negativeDelta: 72 + WIRE.varint,
  negativeDeltas: 72 + WIRE.bytes,
  negativeCount: 80 + WIRE.fixed64,
  negativeCounts: 80 + WIRE.bytes,
  positiveSpan: 88 + WIRE.bytes,
  positiveDelta: 96 + WIRE.varint,
  positiveDeltas: 96 + WIRE.bytes,
  positiveCount: 104 + WIRE.fixed64,
  positiveCounts: 104 + WIRE.bytes,
  hint: 112 + WIRE.varint,
  timestamp: 120 + WIRE.varint,
  customValue: 128 + WIRE.fixed64,
  customValues: 128 + WIRE.bytes,
  start: 136 + WIRE.varint,
} as const;

/** Buckets of one sign as the message has them. */
class Side {
  readonly spans: number[] = [];
  readonly deltas: number[] = [];
  readonly counts: number[] = [];

  clear(): void {
    this.spans.length = 0;
    this.deltas.length = 0;
    this.counts.length = 0;
  }
}

/** Reads histograms out of messages, one after the other. */
export class RemoteHistogramReader {
  readonly #positive = new Side();
  readonly #negative = new Side();
  readonly #customValues: number[] = [];
  /** Time of the last histogram read, in milliseconds. */
  timeMs = 0;
  /** Its start timestamp in milliseconds, 0 for none. */
  startMs = 0;
  /** The last histogram, unless `read` gave a reason or it was a stale marker. */
  histogram: HistogramSample | undefined;
  /** Whether the last one was the marker that ends a series: its sum has those bits. */
  isStale = false;

  /** Reads the message that the reader was narrowed to. Returns why it is no valid histogram, undefined if it is. */
  read(reader: ProtobufReader): string | undefined {
    let schema = 0;
    let hint = 0;
    let zeroThreshold = 0;
    let zeroCount = 0;
    let count = 0;
    let sum = 0;
    let integers = false;
    this.#positive.clear();
    this.#negative.clear();
    this.#customValues.length = 0;
    this.timeMs = 0;
    this.startMs = 0;
    this.histogram = undefined;
    this.isStale = false;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      switch (tag) {
        case TAG.countInteger:
          count = reader.varint();
          integers = true;
          break;
        case TAG.countFloat:
          count = reader.double();
          integers = false;
          break;
        case TAG.sum:
          this.isStale = isStaleMarker(reader);
          sum = reader.double();
          break;
        case TAG.schema:
          schema = reader.zigzag();
          break;
        case TAG.zeroThreshold:
          zeroThreshold = reader.double();
          break;
        case TAG.zeroCountInteger:
          zeroCount = reader.varint();
          break;
        case TAG.zeroCountFloat:
          zeroCount = reader.double();
          break;
        case TAG.hint:
          hint = reader.varint();
          break;
        case TAG.timestamp:
          this.timeMs = reader.signed();
          break;
        case TAG.start:
          this.startMs = reader.signed();
          break;
        case TAG.customValue:
          this.#customValues.push(reader.double());
          break;
        case TAG.customValues:
          readDoubles(reader, this.#customValues);
          break;
        default:
          if (!readSide(reader, tag, this.#positive, this.#negative)) reader.skip(tag);
      }
    }
    if (this.isStale) return undefined;
    const custom = schema === CUSTOM_SCHEMA;
    if (!custom && (schema < EXPONENTIAL_SCHEMA_MIN || schema > REDUCIBLE_SCHEMA_MAX)) {
      return `histogram has the unknown schema ${schema}`;
    }
    if (hint >= HINTS.length) return `histogram has the unknown reset hint ${hint}`;
    const bounds = custom ? Float64Array.from(this.#customValues) : new Float64Array(0);
    if (!bounds.every((bound, index) => index === 0 || bounds[index - 1]! < bound)) {
      return "histogram has custom bounds that do not ascend";
    }
    const positive = expand(this.#positive, integers);
    if (typeof positive === "string") return positive;
    const negative = expand(this.#negative, integers);
    if (typeof negative === "string") return negative;
    if (custom && (negative.indices.length > 0 || zeroCount !== 0)) {
      return "histogram with custom bounds has zero or negative buckets";
    }
    if (custom && positive.indices.some((index) => index < 0 || index > bounds.length)) {
      return "histogram has buckets beyond its custom bounds";
    }
    const steps = custom ? 0 : Math.max(0, schema - EXPONENTIAL_SCHEMA_MAX);
    this.histogram = {
      schema: schema - steps,
      hint: HINTS[hint]!,
      zeroThreshold,
      zeroCount,
      count,
      sum,
      positive: coarser(positive, steps),
      negative: coarser(negative, steps),
      customValues: bounds,
    };
    return undefined;
  }
}

/** Reads a field of buckets; false when the tag is none. */
function readSide(reader: ProtobufReader, tag: number, positive: Side, negative: Side): boolean {
  switch (tag) {
    case TAG.negativeSpan:
      readSpan(reader, negative.spans);
      return true;
    case TAG.positiveSpan:
      readSpan(reader, positive.spans);
      return true;
    case TAG.negativeDelta:
      negative.deltas.push(reader.zigzag());
      return true;
    case TAG.positiveDelta:
      positive.deltas.push(reader.zigzag());
      return true;
    case TAG.negativeDeltas:
      readDeltas(reader, negative.deltas);
      return true;
    case TAG.positiveDeltas:
      readDeltas(reader, positive.deltas);
      return true;
    case TAG.negativeCount:
      negative.counts.push(reader.double());
      return true;
    case TAG.positiveCount:
      positive.counts.push(reader.double());
      return true;
    case TAG.negativeCounts:
      readDoubles(reader, negative.counts);
      return true;
    case TAG.positiveCounts:
      readDoubles(reader, positive.counts);
      return true;
    default:
      return false;
  }
}

function readSpan(reader: ProtobufReader, spans: number[]): void {
  const outer = reader.enter();
  let offset = 0;
  let length = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 8 + WIRE.varint) offset = reader.zigzag();
    else if (tag === 16 + WIRE.varint) length = reader.varint();
    else reader.skip(tag);
  }
  reader.leave(outer);
  spans.push(offset, length);
}

function readDeltas(reader: ProtobufReader, deltas: number[]): void {
  const outer = reader.enter();
  while (reader.at < reader.end) deltas.push(reader.zigzag());
  reader.leave(outer);
}

function readDoubles(reader: ProtobufReader, values: number[]): void {
  const outer = reader.enter();
  if ((reader.end - reader.at) % 8 !== 0) throw new ProtobufError("doubles are cut short");
  while (reader.at < reader.end) values.push(reader.double());
  reader.leave(outer);
}

/** Spans and counts as indices and counts; a text when they do not fit each other. */
function expand(side: Side, integers: boolean): HistogramBuckets | string {
  const { spans } = side;
  const given = integers ? side.deltas : side.counts;
  if (given.length > BUCKETS_MAX) {
    return `histogram has ${given.length} buckets, above ${BUCKETS_MAX}`;
  }
  const indices = new Int32Array(given.length);
  const counts = new Float64Array(given.length);
  let used = 0;
  let index = 0;
  let count = 0;
  for (let at = 0; at < spans.length; at += 2) {
    const offset = spans[at]!;
    const length = spans[at + 1]!;
    if (at > 0 && offset < 0) return "histogram has spans that overlap";
    if (used + length > given.length) return "histogram has more buckets in spans than counts";
    index += offset;
    if (Math.abs(index) + length > INDEX_MAX) return "histogram has a bucket index out of range";
    for (let bucket = 0; bucket < length; bucket++, used++) {
      count = integers ? count + given[used]! : given[used]!;
      if (count < 0) return "histogram has a negative count in a bucket";
      indices[used] = index++;
      counts[used] = count;
    }
  }
  if (used < given.length) return "histogram has more counts than buckets in spans";
  return { indices, counts };
}

/** The same observations at a schema this many steps coarser: buckets that fall together are added up. */
function coarser(buckets: HistogramBuckets, steps: number): HistogramBuckets {
  if (steps === 0 || buckets.indices.length === 0) return buckets;
  const indices: number[] = [];
  const counts: number[] = [];
  buckets.indices.forEach((index, at) => {
    const target = Math.floor((index - 1) / 2 ** steps) + 1;
    if (indices.at(-1) === target) counts[counts.length - 1]! += buckets.counts[at]!;
    else {
      indices.push(target);
      counts.push(buckets.counts[at]!);
    }
  });
  return { indices: Int32Array.from(indices), counts: Float64Array.from(counts) };
}

/** The NaN that ends a series, little-endian. */
const STALE_MARKER = Uint8Array.of(2, 0, 0, 0, 0, 0, 0xf0, 0x7f);

/** Whether the double ahead is a stale marker; its bits are lost once it is a number. */
function isStaleMarker({ bytes, at, end }: ProtobufReader): boolean {
  return end - at >= STALE_MARKER.length &&
    STALE_MARKER.every((byte, index) => bytes[at + index] === byte);
}

/** Writes a histogram as the fields of a message, with float counts; undefined is a stale marker. */
export function writeRemoteHistogram(
  writer: ProtobufWriter,
  histogram: HistogramSample | undefined,
  timeMs: number,
): void {
  if (histogram === undefined) {
    writer.doubleField(2, 0);
    writer.varint(24 + WIRE.fixed64);
    writer.raw(STALE_MARKER);
    writer.signedField(15, timeMs);
    return;
  }
  writer.doubleField(2, histogram.count);
  writer.doubleField(3, histogram.sum);
  writer.zigzagField(4, histogram.schema);
  writer.doubleField(5, histogram.zeroThreshold);
  writer.doubleField(7, histogram.zeroCount);
  writeSide(writer, histogram.negative, { spans: 8, counts: 10 });
  writeSide(writer, histogram.positive, { spans: 11, counts: 13 });
  writer.varintField(14, HINTS.indexOf(histogram.hint));
  writer.signedField(15, timeMs);
  if (histogram.customValues.length > 0) writeDoubles(writer, 16, histogram.customValues);
}

function writeSide(
  writer: ProtobufWriter,
  { indices, counts }: HistogramBuckets,
  fields: { readonly spans: number; readonly counts: number },
): void {
  let end = 0;
  for (let at = 0; at < indices.length;) {
    let length = 1;
    while (at + length < indices.length && indices[at + length] === indices[at]! + length) length++;
    const offset = indices[at]! - end;
    writer.message(fields.spans, () => {
      writer.zigzagField(1, offset);
      writer.varintField(2, length);
    });
    end = indices[at]! + length;
    at += length;
  }
  if (counts.length > 0) writeDoubles(writer, fields.counts, counts);
}

function writeDoubles(writer: ProtobufWriter, field: number, values: Float64Array): void {
  writer.varint(field * 8 + WIRE.bytes);
  writer.varint(values.length * 8);
  for (const value of values) writer.double(value);
}
