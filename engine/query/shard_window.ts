/**
 * Shard windows: what the series of one shard hold in a range, as a digest to compare two copies by and as rows to mend
 * them with (anti-entropy).
 *
 * The digest's fingerprint is FNV-1a 64 over, for each series in order of its identity: the identity in hexadecimal, the
 * number of points (u64), and the hash of each point in order of time (u64). A point's hash is FNV-1a 64 over its timestamp
 * (i64), the kind of its value, and the value's own bytes, so that NaN and the infinities differ from each other and from
 * nothing; all NaNs are alike. Little-endian. Independent of the order in which points were written.
 */
import type { Labels } from "../base/types.ts";
import { EngineError } from "../errors.ts";
import { seriesIdentity } from "../series/labels.ts";
import type { DataPoint } from "./aggregate.ts";
import type { Value } from "./block.ts";

/** Which shard of how many, and a half-open range. */
export interface ShardWindow {
  readonly shard: number;
  readonly shardCount: number;
  readonly start: bigint;
  readonly end: bigint;
}

export interface ShardDigest extends ShardWindow {
  readonly seriesCount: number;
  readonly pointCount: number;
  /** FNV-1a 64, see above. */
  readonly fingerprint: bigint;
}

/** Throws "invalid" for a shard that does not exist. */
export function checkShard({ shard, shardCount }: ShardWindow): void {
  const isShard = Number.isInteger(shardCount) && shardCount > 0 && Number.isInteger(shard) &&
    shard >= 0 && shard < shardCount;
  if (isShard) return;
  throw new EngineError(
    "invalid",
    `Cannot use shard ${shard} of ${shardCount}: name one from 0 up`,
  );
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Identity of a series as text: orders and names series alike everywhere. */
export function identityKey(metric: string, labels: Labels): string {
  let key = "";
  for (const byte of seriesIdentity(metric, labels)) key += HEX[byte];
  return key;
}

const FNV_LOW = 0x84222325;
const FNV_HIGH = 0xcbf29ce4;
/** The prime is 2^40 + 0x1b3. */
const PRIME_LOW = 0x1b3;

/** FNV-1a 64 in two halves of 32 bits: a BigInt a byte would be sixty times slower. */
class Fnv {
  #low = FNV_LOW;
  #high = FNV_HIGH;

  byte(value: number): void {
    const low = (this.#low ^ value) >>> 0;
    const product = low * PRIME_LOW;
    const carry = Math.floor(product / 0x1_0000_0000);
    this.#high = (this.#high * PRIME_LOW + carry + low * 256) % 0x1_0000_0000;
    this.#low = product >>> 0;
  }

  bytes(values: Iterable<number>): void {
    for (const value of values) this.byte(value);
  }

  u64(value: bigint): void {
    scratch.setBigUint64(0, BigInt.asUintN(64, value), true);
    this.bytes(scratchBytes);
  }

  get value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }
}

const scratchBytes = new Uint8Array(8);
const scratch = new DataView(scratchBytes.buffer);
const encoder = new TextEncoder();

/** Numbers of value kinds in a point's hash; digests of two programs are compared: never reuse one. */
const KIND = { f64: 1, i64: 2, u64: 3, bool: 4, bytes: 5, string: 6, histogram: 7 } as const;

function pointHash({ timestamp, value }: DataPoint): bigint {
  const hash = new Fnv();
  hash.u64(timestamp);
  hash.byte(KIND[value.kind]);
  hash.bytes(valueBytes(value));
  return hash.value;
}

function valueBytes(value: Value): Iterable<number> {
  switch (value.kind) {
    case "f64":
      scratch.setFloat64(0, value.value, true);
      return scratchBytes;
    case "i64":
    case "u64":
      scratch.setBigUint64(0, BigInt.asUintN(64, value.value), true);
      return scratchBytes;
    case "bool":
      return [value.value ? 1 : 0];
    case "string":
      return encoder.encode(value.value);
    case "bytes":
    case "histogram":
      return value.value;
  }
}

/** Digest of series in order of their keys; those without points do not count. */
export function digestOf(
  window: ShardWindow,
  series: Iterable<{ readonly key: string; readonly points: readonly DataPoint[] }>,
): ShardDigest {
  const hash = new Fnv();
  let seriesCount = 0;
  let pointCount = 0;
  for (const { key, points } of series) {
    if (points.length === 0) continue;
    seriesCount++;
    pointCount += points.length;
    hash.bytes(encoder.encode(key));
    hash.u64(BigInt(points.length));
    for (const point of points) hash.u64(pointHash(point));
  }
  const { shard, shardCount, start, end } = window;
  return { shard, shardCount, start, end, seriesCount, pointCount, fingerprint: hash.value };
}
