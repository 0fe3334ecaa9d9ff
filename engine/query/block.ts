/**
 * Column blocks: how points leave the engine. No object per point, no BigInt per timestamp.
 *
 * Invariants
 * - Timestamps ascend strictly within a block and from block to block of one read.
 * - `offsets` are whole ticks below 2^53 after `origin`: exact to 104 days in nanoseconds. A longer span makes a further block.
 */
import { assert, unreachable } from "../base/assert.ts";
import { BLOB_KIND, type Family, FAMILY_NAMES, type FamilyCode } from "../base/types.ts";

/** Ticks that one block may span. */
export const BLOCK_SPAN_MAX: bigint = 2n ** 53n - 1n;

export interface ColumnBlock {
  readonly count: number;
  /** Timestamp of the first point. */
  readonly origin: bigint;
  /** Ticks after `origin`. */
  readonly offsets: Float64Array;
  readonly family: Family;
  /** f64 as it is (NaN payloads included), bool as 0 or 1, i64 and u64 as the nearest double; empty for blob and histogram. */
  readonly numbers: Float64Array;
  /** Exact integers of the families i64 and u64. */
  readonly integers?: BigInt64Array | BigUint64Array;
  /** Values of the families blob (kind byte first, see BLOB_KIND) and histogram. */
  readonly blobs?: readonly Uint8Array[];
}

/** One value with its kind, as the row-oriented calls take and give it. */
export type Value =
  | { readonly kind: "f64"; readonly value: number }
  | { readonly kind: "i64" | "u64"; readonly value: bigint }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "histogram"; readonly value: Uint8Array };

export type ValueKind = Value["kind"];

const FAMILY_OF_KIND: Readonly<Record<ValueKind, Family>> = {
  f64: "f64",
  i64: "i64",
  u64: "u64",
  bool: "bool",
  bytes: "blob",
  string: "blob",
  histogram: "histogram",
};

/** The family whose columns hold values of this kind. */
export function familyOfKind(kind: ValueKind): Family {
  return FAMILY_OF_KIND[kind];
}

const textDecoder = new TextDecoder();

/** The value at `index` of a block. */
export function valueAt(block: ColumnBlock, index: number): Value {
  assert(index >= 0 && index < block.count, "Index outside block");
  switch (block.family) {
    case "f64":
      return { kind: "f64", value: block.numbers[index]! };
    case "i64":
    case "u64":
      return { kind: block.family, value: block.integers![index]! };
    case "bool":
      return { kind: "bool", value: block.numbers[index] === 1 };
    case "histogram":
      return { kind: "histogram", value: block.blobs![index]! };
    case "blob": {
      const bytes = block.blobs![index]!;
      const content = bytes.subarray(1);
      return bytes[0] === BLOB_KIND.string
        ? { kind: "string", value: textDecoder.decode(content) }
        : { kind: "bytes", value: content };
    }
    default:
      return unreachable(block.family);
  }
}

/** The timestamp at `index` of a block. */
export function timeAt(block: ColumnBlock, index: number): bigint {
  return block.origin + BigInt(block.offsets[index]!);
}

/** What a kernel read left in linear memory: views that are valid until the next kernel call. */
export interface RawColumn {
  readonly family: FamilyCode;
  readonly times: BigInt64Array;
  readonly bits: BigInt64Array;
  /** The whole linear memory, for blobs. */
  readonly memory: Uint8Array;
}

/** Copies a raw column out of linear memory into blocks. */
export function blocksOf(raw: RawColumn): ColumnBlock[] {
  const blocks: ColumnBlock[] = [];
  for (let from = 0; from < raw.times.length;) {
    const origin = raw.times[from]!;
    const to = spanEnd(raw.times, from);
    blocks.push(copyBlock(raw, { from, to, origin }));
    from = to;
  }
  return blocks;
}

function spanEnd(times: BigInt64Array, from: number): number {
  const limit = times[from]! + BLOCK_SPAN_MAX;
  if (times[times.length - 1]! <= limit) return times.length;
  let low = from + 1;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Part {
  readonly from: number;
  readonly to: number;
  readonly origin: bigint;
}

function copyBlock(raw: RawColumn, part: Part): ColumnBlock {
  const count = part.to - part.from;
  const family = FAMILY_NAMES[raw.family]!;
  const base = { count, origin: part.origin, offsets: offsetsOf(raw.times, part), family };
  switch (family) {
    case "f64": {
      // Copied as integers: an assignment through a double may change a NaN's payload.
      const numbers = new Float64Array(count);
      new BigInt64Array(numbers.buffer).set(raw.bits.subarray(part.from, part.to));
      return { ...base, numbers };
    }
    case "i64":
    case "u64": {
      const signed = raw.bits.slice(part.from, part.to);
      const integers = family === "i64" ? signed : new BigUint64Array(signed.buffer);
      return { ...base, numbers: nearestDoubles(integers), integers };
    }
    case "bool": {
      const numbers = new Float64Array(count);
      for (let i = 0; i < count; i++) numbers[i] = raw.bits[part.from + i] === 0n ? 0 : 1;
      return { ...base, numbers };
    }
    case "blob":
    case "histogram":
      return { ...base, numbers: new Float64Array(0), blobs: blobsOf(raw, part) };
    default:
      return unreachable(family);
  }
}

/** By halves: a BigInt for each value would take ten times as long. */
function nearestDoubles(integers: BigInt64Array | BigUint64Array): Float64Array {
  const { buffer, byteOffset, length } = integers;
  const low = new Uint32Array(buffer, byteOffset, length * 2);
  const high = integers instanceof BigInt64Array
    ? new Int32Array(buffer, byteOffset, length * 2)
    : low;
  const doubles = new Float64Array(length);
  for (let i = 0; i < length; i++) doubles[i] = high[2 * i + 1]! * 4294967296 + low[2 * i]!;
  return doubles;
}

function offsetsOf(times: BigInt64Array, part: Part): Float64Array {
  const count = part.to - part.from;
  const offsets = new Float64Array(count);
  // Two 32-bit halves instead of a BigInt a point: the difference fits 53 bits by construction.
  const halves = new Uint32Array(times.buffer, times.byteOffset + part.from * 8, count * 2);
  const originLow = Number(BigInt.asUintN(32, part.origin));
  const originHigh = Number(BigInt.asIntN(32, part.origin >> 32n));
  for (let i = 0; i < count; i++) {
    const high = (halves[2 * i + 1]! | 0) - originHigh;
    offsets[i] = high * 4294967296 + (halves[2 * i]! - originLow);
  }
  return offsets;
}

function blobsOf(raw: RawColumn, part: Part): Uint8Array[] {
  const count = part.to - part.from;
  const halves = new Uint32Array(raw.bits.buffer, raw.bits.byteOffset + part.from * 8, count * 2);
  const blobs: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const start = halves[2 * i]!;
    blobs.push(raw.memory.slice(start, start + halves[2 * i + 1]!));
  }
  return blobs;
}
