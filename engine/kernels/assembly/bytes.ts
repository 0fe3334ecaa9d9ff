/**
 * Byte strings: hash, comparison, and an arena that keeps them for good.
 *
 * Invariants
 * - `hashBytes` and `equalBytes` read nothing outside the given bytes.
 * - What `keepBytes` returns may be read 32 bytes past its end and stays where it is.
 */
import { alloc, TAG_REGISTRY } from "./memory";

const ARENA_BLOCK: u32 = 1 << 16;
/** Readable bytes behind whatever the arena hands out. */
const ARENA_SLACK: u32 = 32;

const MULTIPLIER: u64 = 0x9fb21c651e98df25;

let arenaAt: usize = 0;
let arenaEnd: usize = 0;

function mix(hash: u64, word: u64): u64 {
  const product = (hash ^ word) * MULTIPLIER;
  return product ^ (product >> 29);
}

/** A 32-bit hash of `bytes` bytes, mixed with `seed`. */
export function hashBytes(at: usize, bytes: u32, seed: u32): u32 {
  let hash: u64 = (<u64> seed << 32 | <u64> bytes) ^ 0x9e3779b97f4a7c15;
  if (bytes >= 8) {
    const last = at + bytes - 8;
    while (at < last) {
      hash = mix(hash, load<u64>(at));
      at += 8;
    }
    hash = mix(hash, load<u64>(last));
  } else if (bytes >= 4) {
    hash = mix(hash, <u64> load<u32>(at) << 32 | <u64> load<u32>(at + bytes - 4));
  } else if (bytes > 0) {
    hash = mix(
      hash,
      <u64> load<u8>(at) | <u64> load<u8>(at + (bytes >> 1)) << 8 |
        <u64> load<u8>(at + bytes - 1) << 16,
    );
  }
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93;
  return <u32> (hash >> 32);
}

/** Whether two byte strings of one length are the same. */
export function equalBytes(a: usize, b: usize, bytes: u32): bool {
  if (bytes >= 16) {
    const last = a + bytes - 16;
    const distance = b - a;
    while (a < last) {
      if (v128.any_true(v128.xor(v128.load(a), v128.load(a + distance)))) return false;
      a += 16;
    }
    return !v128.any_true(v128.xor(v128.load(last), v128.load(last + distance)));
  }
  if (bytes >= 8) {
    return load<u64>(a) == load<u64>(b) && load<u64>(a + bytes - 8) == load<u64>(b + bytes - 8);
  }
  if (bytes >= 4) {
    return load<u32>(a) == load<u32>(b) && load<u32>(a + bytes - 4) == load<u32>(b + bytes - 4);
  }
  for (let i: u32 = 0; i < bytes; i++) {
    if (load<u8>(a + i) != load<u8>(b + i)) return false;
  }
  return true;
}

/** Order of two byte strings: negative, zero or positive as a is before, equal to or after b. */
export function compareBytes(a: usize, aBytes: u32, b: usize, bBytes: u32): i32 {
  const order = memory.compare(a, b, min<u32>(aBytes, bBytes));
  return order != 0 ? order : <i32> aBytes - <i32> bBytes;
}

/** Room for `bytes` bytes (a multiple of 4 aligned to 4), counted for the registry, never given back. */
export function keepRoom(bytes: u32): usize {
  const size = (bytes + 3) & ~3;
  if (size > ARENA_BLOCK >> 2) return alloc(size + ARENA_SLACK, TAG_REGISTRY);
  if (arenaAt + size > arenaEnd) {
    arenaAt = alloc(ARENA_BLOCK, TAG_REGISTRY);
    arenaEnd = arenaAt + ARENA_BLOCK - ARENA_SLACK;
  }
  const at = arenaAt;
  arenaAt += size;
  return at;
}

/** A copy of the bytes with `end` behind it. */
export function keepBytes(from: usize, bytes: u32, end: u8): usize {
  const at = keepRoom(bytes + 1);
  memory.copy(at, from, bytes);
  store<u8>(at + bytes, end);
  return at;
}
