/** Fields of remote write messages, and what of a message needs no writer to read. */
import type { ProtobufReader } from "./protobuf.ts";
import { WIRE } from "./protobuf.ts";

/** Tags of the fields that the versions number differently. */
export interface VersionTags {
  readonly series: number;
  readonly histogram: number;
  readonly exemplar: number;
}

export const VERSION_1: VersionTags = {
  series: 8 + WIRE.bytes,
  histogram: 32 + WIRE.bytes,
  exemplar: 24 + WIRE.bytes,
};
export const VERSION_2: VersionTags = {
  series: 40 + WIRE.bytes,
  histogram: 24 + WIRE.bytes,
  exemplar: 32 + WIRE.bytes,
};
export const METADATA_1: number = 24 + WIRE.bytes;
export const METADATA_2: number = 40 + WIRE.bytes;
export const LABELS: number = 8 + WIRE.bytes;
export const SAMPLE: number = 16 + WIRE.bytes;
const CREATED_2 = 48 + WIRE.varint;

/** The start timestamp that the series ahead gives for all its samples, 0 for none. */
export function findCreated(reader: ProtobufReader): number {
  const position = reader.at;
  let createdMs = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === CREATED_2) createdMs = reader.signed();
    else reader.skip(tag);
  }
  reader.at = position;
  return createdMs;
}

const HISTOGRAM_TYPE = 3;
const GAUGE_HISTOGRAM_TYPE = 4;
const SUMMARY_TYPE = 5;

/** The family of a metric: without the suffix of its part, where the type has parts. */
export function familyOf(metric: string, type: number): string {
  if (type === HISTOGRAM_TYPE || type === GAUGE_HISTOGRAM_TYPE) {
    return metric.replace(/_(?:bucket|count|sum|gcount|gsum)$/, "");
  }
  return type === SUMMARY_TYPE ? metric.replace(/_(?:count|sum)$/, "") : metric;
}

const decoder = new TextDecoder();

/** A field of text. */
export function readText(reader: ProtobufReader): string {
  const length = reader.length();
  const start = reader.take(length);
  return decoder.decode(reader.bytes.subarray(start, start + length));
}
