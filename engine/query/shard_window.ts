/**
 * Shard windows: what two copies of a database compare to find out where they differ. A window is a shard of the series
 * (identityHash modulo the number of shards, labels.ts) and a range of time; its digest tells how many series and points
 * lie in it and a fingerprint of all of them.
 *
 * Fingerprint: FNV-1a 64 over, for each series that has points, in the order of identity bytes:
 *
 *   n  identity   u32 bytes of it, then the bytes (labels.ts)
 *   8  points     u64
 *   8  point hash u64, one for each point in ascending time: FNV-1a 64 over
 *        8  time      i64
 *        1  family    FAMILY (base/types.ts)
 *        n  value     f64, i64 and u64: their 8 bytes; bool: 0 or 1; blob and histogram: u32 bytes, then the bytes as stored
 *
 * Little-endian. Values are hashed as bits, so that NaN, the infinities, -0 and NaN payloads are all different, and the
 * order of insertion, flushes and compactions make no difference. Never change it: copies of different releases compare.
 */
import { FAMILY, type Labels } from "../base/types.ts";
import { EngineError } from "../errors.ts";
import type { ColumnBlock } from "./block.ts";

export interface ShardWindow {
  readonly shard: number;
  readonly shardCount: number;
  /** Half-open. */
  readonly start: bigint;
  readonly end: bigint;
}

export interface ShardWindowDigest extends ShardWindow {
  /** Series with a point in the window. */
  readonly seriesCount: number;
  readonly pointCount: number;
  /** 64 bits. */
  readonly fingerprint: bigint;
}

/** A series of the window, and how to find its points. */
export interface WindowSeries {
  readonly name: string;
  readonly labels: Labels;
  readonly identity: Uint8Array;
}

/** Throws "invalid" unless the shard is one of `shardCount`, which is at least 1. */
export function checkShard({ shard, shardCount }: ShardWindow): void {
  const counts = Number.isInteger(shardCount) && shardCount > 0;
  if (counts && Number.isInteger(shard) && shard >= 0 && shard < shardCount) return;
  throw new EngineError("invalid", `Cannot use shard ${shard} of ${shardCount}: there is none`);
}

/** Order of series within a window: by their identity's bytes. */
export function byIdentity(a: WindowSeries, b: WindowSeries): number {
  const shared = Math.min(a.identity.length, b.identity.length);
  for (let i = 0; i < shared; i++) {
    const order = a.identity[i]! - b.identity[i]!;
    if (order !== 0) return order;
  }
  return a.identity.length - b.identity.length;
}

/** The digest over series in the order of `byIdentity`. */
export function digestWindow<Series extends WindowSeries>(
  window: ShardWindow,
  series: readonly Series[],
  read: (series: Series) => readonly ColumnBlock[],
): ShardWindowDigest {
  const total = new Fnv64();
  let seriesCount = 0;
  let pointCount = 0;
  for (const each of series) {
    const blocks = read(each);
    const points = blocks.reduce((sum, block) => sum + block.count, 0);
    if (points === 0) continue;
    total.u32(each.identity.length);
    total.bytes(each.identity);
    total.u32(points);
    total.u32(Math.floor(points / 2 ** 32));
    for (const block of blocks) hashBlock(block, total);
    seriesCount++;
    pointCount += points;
  }
  return { ...window, seriesCount, pointCount, fingerprint: total.value };
}

/** Puts the hashes of a block's points into `total`. */
function hashBlock(block: ColumnBlock, total: Fnv64): void {
  const originLow = Number(BigInt.asUintN(32, block.origin));
  const originHigh = Number(BigInt.asIntN(32, block.origin >> 32n));
  const bits = block.integers ?? block.numbers;
  const halves = new Uint32Array(bits.buffer, bits.byteOffset, bits.length * 2);
  const family = FAMILY[block.family];
  const point = new Fnv64();
  for (let i = 0; i < block.count; i++) {
    point.reset();
    const low = originLow + block.offsets[i]! % 2 ** 32;
    point.u32(low);
    point.u32(originHigh + Math.floor(block.offsets[i]! / 2 ** 32) + (low >= 2 ** 32 ? 1 : 0));
    point.u8(family);
    const blob = block.blobs?.[i];
    if (blob !== undefined) {
      point.u32(blob.length);
      point.bytes(blob);
    } else if (block.family === "bool") {
      point.u8(block.numbers[i]!);
    } else {
      point.u32(halves[2 * i]!);
      point.u32(halves[2 * i + 1]!);
    }
    total.u32(point.low);
    total.u32(point.high);
  }
}

/** FNV-1a with 64 bits, in two halves: a BigInt for each byte would take a hundred times as long. */
class Fnv64 {
  low = 0;
  high = 0;

  constructor() {
    this.reset();
  }

  reset(): void {
    this.low = 0x84222325;
    this.high = 0xcbf29ce4;
  }

  /** The next byte. The prime is 2^40 + 0x1b3: the products stay exact in a double. */
  u8(byte: number): void {
    const low = (this.low ^ byte) >>> 0;
    const product = low * 0x1b3;
    this.low = product >>> 0;
    this.high = (this.high * 0x1b3 + Math.floor(product / 2 ** 32) + ((low << 8) >>> 0)) >>> 0;
  }

  /** Four bytes of a number, taken modulo 2^32. */
  u32(value: number): void {
    const word = value >>> 0;
    this.u8(word & 255);
    this.u8((word >>> 8) & 255);
    this.u8((word >>> 16) & 255);
    this.u8(word >>> 24);
  }

  bytes(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) this.u8(bytes[i]!);
  }

  get value(): bigint {
    return BigInt(this.high) << 32n | BigInt(this.low);
  }
}
