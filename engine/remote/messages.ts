/**
 * What a reader in another thread asks of the database, and the answers as bytes.
 *
 * An answer begins with one byte: 0, or 1 where the rest is an error as JSON. Of a selection: u32 bytes of a JSON text, the
 * text, padding to four bytes, then the ascending ids of all groups, one after the other, as u32. Of the head: u32 words,
 * padding to 16 bytes, then the bytes that head_pack.ts draws.
 */
import type { Family, TimeUnit } from "../base/types.ts";
import { EngineError, type EngineErrorCode, isEngineError } from "../errors.ts";
import type { PackedHead } from "../head/head.ts";
import type { SegmentRecord, Tombstone } from "../manifest/version.ts";
import type { Matcher } from "../series/matcher.ts";
import type { SeriesGroup } from "../series/registry.ts";

/** What a reader has to know before its first question. */
export interface RemoteDescription {
  readonly timeUnit: TimeUnit;
  readonly segmentsDirectory: string;
  readonly scratchBytesMax: number;
  readonly cacheBytes: number;
  readonly openFilesMax: number;
}

/** A view has a number of the reader's choice. */
export type RemoteQuestion =
  | { readonly kind: "open"; readonly view: number; readonly start: bigint; readonly end: bigint }
  | { readonly kind: "select"; readonly view: number; readonly matchers: readonly Matcher[] }
  | {
    readonly kind: "head";
    readonly view: number;
    /** The view's sets in the order in which they were made. */
    readonly set: number;
    readonly start: number;
    readonly end: number;
  }
  | { readonly kind: "definitions"; readonly ids: Uint32Array }
  | { readonly kind: "damaged"; readonly segment: number; readonly message: string }
  | {
    readonly kind: "close";
    readonly view: number;
    readonly seriesRead: number;
    readonly pointsRead: number;
  };

/** Segments and deletions at the moment of a selection. */
export interface RemoteState {
  readonly segments: readonly SegmentRecord[];
  readonly tombstones: readonly Tombstone[];
  /** Stamps of the head at which tombstones were made, by sequence. */
  readonly stamps: readonly (readonly [sequence: number, stamp: number])[];
}

export interface RemoteSelection {
  readonly groups: readonly SeriesGroup[];
  readonly state: RemoteState;
}

/** The answer to "close" where files may be obsolete that the reader has open. */
export const SEGMENTS_CHANGED = "changed";

const ERROR_MARK = 1;
/** Bytes before the packed head. */
const HEAD_PREFIX = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An answer without content beyond a text. */
export function textAnswer(text: string): Uint8Array<ArrayBuffer> {
  return marked(0, encoder.encode(text));
}

export function bytesAnswer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return marked(0, bytes);
}

export function errorAnswer(error: unknown): Uint8Array<ArrayBuffer> {
  const code = isEngineError(error) ? error.code : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return marked(ERROR_MARK, encoder.encode(JSON.stringify({ code, message })));
}

function marked(mark: number, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const answer = new Uint8Array(1 + bytes.length);
  answer[0] = mark;
  answer.set(bytes, 1);
  return answer;
}

/** The content of an answer. Throws the error that it holds. */
export function contentOf(answer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const content = answer.subarray(1);
  if (answer[0] !== ERROR_MARK) return content;
  const { code, message } = JSON.parse(decoder.decode(content)) as {
    code: EngineErrorCode | undefined;
    message: string;
  };
  throw code === undefined ? new Error(message) : new EngineError(code, message);
}

export function textOf(answer: Uint8Array<ArrayBuffer>): string {
  return decoder.decode(contentOf(answer));
}

export function headAnswer({ bytes, words }: PackedHead): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(HEAD_PREFIX + bytes.length);
  new DataView(content.buffer).setUint32(0, words, true);
  content.set(bytes, HEAD_PREFIX);
  return bytesAnswer(content);
}

export function headOf(answer: Uint8Array<ArrayBuffer>): PackedHead {
  const content = contentOf(answer);
  const words = new DataView(content.buffer, content.byteOffset).getUint32(0, true);
  return { bytes: content.subarray(HEAD_PREFIX), words };
}

/** A group whose sources are those of so many ids that follow. */
type CountedGroup = Omit<SeriesGroup, "sources"> & { readonly count: number };

export function selectionAnswer({ groups, state }: RemoteSelection): Uint8Array<ArrayBuffer> {
  const counted = groups.map(({ sources, ...group }): CountedGroup => ({
    ...group,
    count: sources.length,
  }));
  const text = encoder.encode(JSON.stringify({ groups: counted, state }, plain));
  const idsAt = (4 + text.length + 3) & ~3;
  const total = groups.reduce((sum, { sources }) => sum + sources.length, 0);
  const content = new Uint8Array(idsAt + total * 4);
  new DataView(content.buffer).setUint32(0, text.length, true);
  content.set(text, 4);
  const ids = new Uint32Array(content.buffer, idsAt, total);
  let at = 0;
  for (const { sources } of groups) {
    ids.set(sources, at);
    at += sources.length;
  }
  return bytesAnswer(content);
}

export function selectionOf(answer: Uint8Array<ArrayBuffer>): RemoteSelection {
  // A copy, so that the ids are aligned.
  const content = contentOf(answer).slice();
  const bytes = new DataView(content.buffer).getUint32(0, true);
  const { groups, state } = JSON.parse(decoder.decode(content.subarray(4, 4 + bytes)), rich) as {
    groups: CountedGroup[];
    state: RemoteState;
  };
  const ids = new Uint32Array(content.buffer, (4 + bytes + 3) & ~3);
  let at = 0;
  return {
    groups: groups.map(({ count, ...group }): SeriesGroup => {
      const sources = ids.subarray(at, at + count);
      at += count;
      return { ...group, family: group.family as Family, sources };
    }),
    state,
  };
}

/** Whole numbers and lists of ids as JSON has no form for them. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return { $integer: String(value) };
  return value instanceof Float64Array ? { $ids: Array.from(value) } : value;
}

function rich(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("$integer" in value) return BigInt(value.$integer as string);
  return "$ids" in value ? Float64Array.from(value.$ids as number[]) : value;
}
