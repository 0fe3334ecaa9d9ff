/**
 * Steps of a selection over arrays and bitmaps of source ids (id_list.ts): by a tag's value, by what a slot holds, by
 * shard, and the search for label values that fit a text with gaps.
 *
 *   glob: 0 u32 parts, then for each part 12 bytes: u32 least characters before it, u32 pointer, u32 bytes
 *   The first part begins the text, the last one ends it; what lies between two parts is free.
 *
 * Invariants
 * - Texts are UTF-8: a character begins at every byte that is not 10xxxxxx.
 */
import { equalBytes } from "./bytes";
import { clearIdListBits, hasBit, nextId, openIdList, setIdListBits } from "./id_list";
import { labelValueSources, labelValueText } from "./postings";
import {
  isSeen,
  SOURCE_MEASUREMENT,
  SOURCE_SEEN,
  SOURCE_SEEN_MORE,
  sourceById,
} from "./series_table";
import { tagsEnd, tagsOf, tagValue } from "./source_tags";

const FNV_BASIS: u64 = 0xcbf29ce484222325;
const FNV_PRIME: u64 = 0x100000001b3;
const GLOB_PART_BYTES: usize = 12;

/** Writes for each id where it has the tag's value, or 0. */
export function tagValues(
  ids: usize,
  count: u32,
  name: usize,
  nameBytes: u32,
  target: usize,
): void {
  for (let i: u32 = 0; i < count; i++) {
    const source = sourceById(load<u32>(ids + (<usize> i << 2)));
    store<u32>(target + (<usize> i << 2), <u32> tagValue(source, name, nameBytes));
  }
}

/** Keeps the ids whose tag has exactly this value, or those where it has not; returns how many are left. */
export function keepByTag(
  ids: usize,
  count: u32,
  name: usize,
  nameBytes: u32,
  value: usize,
  valueBytes: u32,
  inside: bool,
): u32 {
  let out: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize> i << 2));
    const at = tagValue(sourceById(id), name, nameBytes);
    const found = at != 0 && <u32> load<u16>(at) == valueBytes &&
      equalBytes(at + 2, value, valueBytes);
    if (found == inside) store<u32>(ids + (<usize> (out++) << 2), id);
  }
  return out;
}

/** Sets the bits of all sources of the label values numbered in `values`. */
export function setValueBits(label: usize, values: usize, count: u32, bitmap: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    setIdListBits(labelValueSources(label, load<u32>(values + (<usize> i << 2))), bitmap);
  }
}

/** Clears the bits of all sources of the label values numbered in `values`. */
export function clearValueBits(label: usize, values: usize, count: u32, bitmap: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    clearIdListBits(labelValueSources(label, load<u32>(values + (<usize> i << 2))), bitmap);
  }
}

/** Sources that have the label values numbered in `values`, added up. */
export function countValueSources(label: usize, values: usize, count: u32): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    total += load<u32>(labelValueSources(label, load<u32>(values + (<usize> i << 2))));
  }
  return total;
}

/** Writes the measurement record of each id. */
export function measurementsOf(ids: usize, count: u32, target: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const source = sourceById(load<u32>(ids + (<usize> i << 2)));
    store<u32>(target + (<usize> i << 2), load<u32>(source, SOURCE_MEASUREMENT));
  }
}

/** Writes the ids whose slot holds a value to `target`; returns how many. */
export function keepSeen(ids: usize, count: u32, slot: u32, target: usize): u32 {
  let out: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize> i << 2));
    if (isSeen(sourceById(id), slot)) store<u32>(target + (<usize> (out++) << 2), id);
  }
  return out;
}

function hasAnySeen(source: usize): bool {
  if (load<u64>(source, SOURCE_SEEN) != 0) return true;
  const more = <usize> load<u32>(source, SOURCE_SEEN_MORE);
  const words: u32 = more == 0 ? 0 : load<u32>(more);
  for (let i: u32 = 0; i < words; i++) {
    if (load<u64>(more + 8 + (<usize> i << 3)) != 0) return true;
  }
  return false;
}

/** Whether a source of the list has a value in the slot (-1: in any slot). */
export function idListHasSeen(list: usize, slot: i32): bool {
  openIdList(list);
  for (let id = nextId(); id != 0; id = nextId()) {
    const source = sourceById(id);
    if (slot < 0 ? hasAnySeen(source) : isSeen(source, <u32> slot)) return true;
  }
  return false;
}

/** Series of the sources of a list; adds to the u32 at `counts` for each slot below `slots`. */
export function countSeries(list: usize, counts: usize, slots: u32): u32 {
  let total: u32 = 0;
  openIdList(list);
  for (let id = nextId(); id != 0; id = nextId()) {
    const source = sourceById(id);
    const more = <usize> load<u32>(source, SOURCE_SEEN_MORE);
    const words: u32 = more == 0 ? 0 : load<u32>(more);
    let seen = load<u64>(source, SOURCE_SEEN);
    for (let word: u32 = 0;; word++) {
      total += <u32> popcnt<u64>(seen);
      for (; slots != 0 && seen != 0; seen &= seen - 1) {
        const slot = word * 64 + <u32> ctz<u64>(seen);
        if (slot >= slots) break;
        const at = counts + (<usize> slot << 2);
        store<u32>(at, load<u32>(at) + 1);
      }
      if (word == words) break;
      seen = load<u64>(more + 8 + (<usize> word << 3));
    }
  }
  return total;
}

function hashOn(hash: u64, at: usize, bytes: u32): u64 {
  const end = at + bytes;
  for (; at < end; at++) hash = (hash ^ <u64> load<u8>(at)) * FNV_PRIME;
  return hash;
}

/** FNV-1a over the begin of a series' identity: the metric's u16 length, the metric. */
function hashMetric(metric: usize, bytes: u32): u64 {
  let hash = (FNV_BASIS ^ <u64> (bytes & 255)) * FNV_PRIME;
  hash = (hash ^ <u64> (bytes >> 8 & 255)) * FNV_PRIME;
  return hashOn(hash, metric, bytes);
}

/** The same, over the rest of the identity: the tags as they stand in the source's key. */
function hashTags(source: usize, hash: u64): u64 {
  const tags = tagsOf(source);
  return hashOn(hash, tags, <u32> (tagsEnd(source) - tags));
}

/** Keeps the ids whose series of the metric is in a shard whose bit is set; returns how many are left. */
export function keepInShards(
  ids: usize,
  count: u32,
  metric: usize,
  metricBytes: u32,
  shards: u32,
  bitmap: usize,
): u32 {
  const begun = hashMetric(metric, metricBytes);
  let out: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(ids + (<usize> i << 2));
    const shard = <u32> (hashTags(sourceById(id), begun) % <u64> shards);
    if (hasBit(bitmap, shard)) store<u32>(ids + (<usize> (out++) << 2), id);
  }
  return out;
}

/** Place after `characters` characters from `at`; beyond `end` when there are fewer. */
function afterCharacters(at: usize, end: usize, characters: u32): usize {
  for (; characters > 0; characters--) {
    if (at >= end) return end + 1;
    at++;
    while (at < end && (load<u8>(at) & 0xc0) == 0x80) at++;
  }
  return at;
}

/** Where `bytes` bytes like those at `text` begin at or after `at`; beyond `end` when nowhere. */
function findText(at: usize, end: usize, text: usize, bytes: u32): usize {
  if (bytes == 0) return at;
  const first = load<u8>(text);
  for (; at + bytes <= end; at++) {
    if (load<u8>(at) == first && equalBytes(at, text, bytes)) return at;
  }
  return end + 1;
}

function matchesGlob(glob: usize, at: usize, bytes: u32): bool {
  let end = at + bytes;
  const last = <usize> load<u32>(glob) - 1;
  let part = glob + 4;
  const firstBytes = load<u32>(part, 8);
  if (firstBytes > bytes || !equalBytes(at, load<u32>(part, 4), firstBytes)) return false;
  if (last == 0) return firstBytes == bytes;
  at += firstBytes;
  for (let i: usize = 1; i < last; i++) {
    part += GLOB_PART_BYTES;
    const size = load<u32>(part, 8);
    at = findText(afterCharacters(at, end, load<u32>(part)), end, load<u32>(part, 4), size);
    if (at > end) return false;
    at += size;
  }
  part += GLOB_PART_BYTES;
  const size = load<u32>(part, 8);
  at = afterCharacters(at, end, load<u32>(part));
  return at + size <= end && equalBytes(end - size, load<u32>(part, 4), size);
}

/** Writes the numbers of a label's values from `from` until `until` that fit a glob to `target`; returns how many. */
export function findValuesByGlob(
  label: usize,
  from: u32,
  until: u32,
  glob: usize,
  target: usize,
): u32 {
  let out: u32 = 0;
  for (let value = from; value < until; value++) {
    const text = labelValueText(label, value);
    if (matchesGlob(glob, text + 2, load<u16>(text))) {
      store<u32>(target + (<usize> (out++) << 2), value);
    }
  }
  return out;
}
