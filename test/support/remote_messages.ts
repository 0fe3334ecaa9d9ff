/** Builds remote write messages. */
import { ProtobufWriter, WIRE } from "../../src/ingest/protobuf.ts";
import type { HistogramSample } from "../../src/ingest/remote_histogram.ts";
import { writeRemoteHistogram } from "../../src/ingest/remote_histogram.ts";

/** The NaN that ends a series, little-endian; a number would lose its payload. */
const STALE_MARKER = Uint8Array.of(0x02, 0, 0, 0, 0, 0, 0xf0, 0x7f);

export interface MessageSeries {
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly samples?:
    readonly (readonly [timeMs: number, value: number | "stale", startMs?: number])[];
  readonly histograms?:
    readonly (readonly [timeMs: number, histogram: HistogramSample, startMs?: number])[];
  /** 2.0 only: the start timestamp of all its samples, behind them. */
  readonly createdMs?: number;
  readonly exemplars?: number;
  readonly metadata?: { readonly type: number; readonly help: string; readonly unit: string };
}

export interface MessageMetadata {
  readonly family: string;
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

function writeSamples(writer: ProtobufWriter, series: MessageSeries): void {
  for (const [timeMs, value, startMs] of series.samples ?? []) {
    writer.message(2, () => {
      if (value === "stale") {
        writer.varint(8 + WIRE.fixed64);
        writer.raw(STALE_MARKER);
      } else writer.doubleField(1, value);
      writer.signedField(2, timeMs);
      if (startMs !== undefined) writer.signedField(3, startMs);
    });
  }
}

/** A 1.0 message. */
export function message1(
  series: readonly MessageSeries[],
  metadata: readonly MessageMetadata[] = [],
): Uint8Array {
  const writer = new ProtobufWriter();
  for (const one of series) {
    writer.message(1, () => {
      for (const [name, value] of one.labels) {
        writer.message(1, () => {
          writer.textField(1, name);
          writer.textField(2, value);
        });
      }
      writeSamples(writer, one);
      for (let index = 0; index < (one.exemplars ?? 0); index++) {
        writer.message(3, () => writer.doubleField(2, 1));
      }
      for (const [timeMs, histogram] of one.histograms ?? []) {
        writer.message(4, () => writeRemoteHistogram(writer, histogram, timeMs));
      }
    });
  }
  for (const { family, type, help, unit } of metadata) {
    writer.message(3, () => {
      writer.varintField(1, type);
      writer.textField(2, family);
      writer.textField(4, help);
      writer.textField(5, unit);
    });
  }
  return writer.finish();
}

/** A 2.0 message; symbols in the order in which they come up, after the empty one. */
export function message2(series: readonly MessageSeries[]): Uint8Array {
  const symbols = new Map<string, number>([["", 0]]);
  const reference = (text: string): number => {
    const known = symbols.get(text);
    if (known !== undefined) return known;
    symbols.set(text, symbols.size);
    return symbols.size - 1;
  };
  const body = new ProtobufWriter();
  for (const one of series) {
    body.message(5, () => {
      body.message(1, () => one.labels.flat().forEach((text) => body.varint(reference(text))));
      writeSamples(body, one);
      for (const [timeMs, histogram, startMs] of one.histograms ?? []) {
        body.message(3, () => {
          writeRemoteHistogram(body, histogram, timeMs);
          if (startMs !== undefined) body.signedField(17, startMs);
        });
      }
      for (let index = 0; index < (one.exemplars ?? 0); index++) {
        body.message(4, () => body.doubleField(2, 1));
      }
      const { metadata, createdMs } = one;
      if (metadata !== undefined) {
        body.message(5, () => {
          body.varintField(1, metadata.type);
          body.varintField(3, reference(metadata.help));
          body.varintField(4, reference(metadata.unit));
        });
      }
      if (createdMs !== undefined) body.signedField(6, createdMs);
    });
  }
  const writer = new ProtobufWriter();
  for (const symbol of symbols.keys()) writer.textField(4, symbol);
  writer.raw(body.finish());
  return writer.finish();
}
