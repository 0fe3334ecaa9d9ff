// deno-fmt-ignore-file: the formatter drops decorators of functions
/**
 * Writing runs; the layout stands in runs.ts. A run is planned for numbers and for differences, in 32-bit lanes where they
 * fit, and takes whichever is smaller.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { packRun, packTail, packWideRun, RUN_ROWS, tailBytes } from "./bits";
import { DELTA, PATCHED, WIDTH_MAX } from "./runs";
import { bitsFor, putSigned, putVarint } from "./varints";

/** More patches never pay in a run. */
const PATCHES_MAX: u32 = 12;
/** Lanes hold numbers between this and its negative. */
const LANE_LIMIT: i64 = 0x3fffffff;

// Scratch: numbers of a run in 32 or 64 bits, its differences with 16 bytes in front, lanes to be packed.
let wide: usize = 0;
let steps: usize = 0;
let lanes: usize = 0;

export function initRunWriter(): void {
  const block = alloc(RUN_ROWS * 16 + 32, TAG_SCRATCH);
  wide = block + 16;
  steps = wide + RUN_ROWS * 8 + 16;
  lanes = steps + RUN_ROWS * 4;
}

let planLow: i32 = 0;
let planWidth: u32 = 0;
let planCost: u32 = 0;

// @ts-ignore: decorator
@inline
function lowest(x: v128): i32 {
  const y = i32x4.min_s(x, i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return min<i32>(i32x4.extract_lane(y, 0), i32x4.extract_lane(y, 1));
}

// @ts-ignore: decorator
@inline
function highest(x: v128): i32 {
  const y = i32x4.max_s(x, i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return max<i32>(i32x4.extract_lane(y, 0), i32x4.extract_lane(y, 1));
}

// @ts-ignore: decorator
@inline
function laneSum(x: v128): u32 {
  const y = i32x4.add(x, i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return <u32> (i32x4.extract_lane(y, 0) + i32x4.extract_lane(y, 1));
}

/**
 * Chooses base and width for 128 i32: starts from the whole span and cuts a quarter off the emptier side as long as few
 * numbers fall out; those become patches. Sets planLow, planWidth, planCost (bytes).
 */
function plan(source: usize): void {
  let low4 = v128.load(source);
  let high4 = low4;
  for (let i: usize = 16; i < RUN_ROWS * 4; i += 16) {
    const x = v128.load(source + i);
    low4 = i32x4.min_s(low4, x);
    high4 = i32x4.max_s(high4, x);
  }
  let low = lowest(low4);
  let high = highest(high4);
  planLow = low;
  planWidth = bitsFor(<u32> (high - low));
  planCost = planWidth * 16;
  const wholeWidth = planWidth;
  let out: u32 = 0;
  while (planWidth > 0) {
    const quarter = max<u32>(<u32> (high - low) >> 2, 1);
    const lowCut = i32x4.splat(low + <i32> quarter);
    const highCut = i32x4.splat(high - <i32> quarter);
    low4 = i32x4.splat(high);
    high4 = i32x4.splat(low);
    let below = i32x4.splat(0);
    let above = i32x4.splat(0);
    const lowAll = i32x4.splat(low);
    const highAll = i32x4.splat(high);
    for (let i: usize = 0; i < RUN_ROWS * 4; i += 16) {
      const x = v128.load(source + i);
      const isBelow = i32x4.lt_s(x, lowCut);
      const isAbove = i32x4.gt_s(x, highCut);
      below = i32x4.sub(below, v128.andnot(isBelow, i32x4.lt_s(x, lowAll)));
      above = i32x4.sub(above, v128.andnot(isAbove, i32x4.gt_s(x, highAll)));
      low4 = i32x4.min_s(low4, v128.bitselect(highAll, x, isBelow));
      high4 = i32x4.max_s(high4, v128.bitselect(lowAll, x, isAbove));
    }
    const belowCount = laneSum(below);
    const aboveCount = laneSum(above);
    if (belowCount <= aboveCount) {
      out += belowCount;
      low = lowest(low4);
    } else {
      out += aboveCount;
      high = highest(high4);
    }
    if (out > PATCHES_MAX || high < low) break;
    const width = bitsFor(<u32> (high - low));
    const cost = width * 16 + 1 + out * (2 + (wholeWidth - width) / 7);
    if (cost < planCost) {
      planCost = cost;
      planLow = low;
      planWidth = width;
    }
    if (width == 0) break;
  }
}

/** The i-th number less `pivot`, or the i-th difference: what a lane stands for. */
// @ts-ignore: decorator
@inline
function exactAt(numbers: usize, i: u32, isDelta: bool, pivot: u64): i64 {
  const number = load<i64>(numbers + i * 8);
  if (!isDelta) return number - <i64> pivot;
  return i > 0 ? number - load<i64>(numbers + i * 8 - 8) : planLow;
}

/** Packs 128 lanes as planned; returns the address behind packed numbers and patches. `head` is the run's first byte. */
function packPlanned(source: usize, numbers: usize, isDelta: bool, pivot: u64, head: usize, at: usize): usize {
  const low = i32x4.splat(planLow);
  const width = planWidth;
  const mask = i32x4.splat(width == 32 ? -1 : (1 << width) - 1);
  let outside = i32x4.splat(0);
  for (let i: usize = 0; i < RUN_ROWS * 4; i += 16) {
    const x = i32x4.sub(v128.load(source + i), low);
    outside = v128.or(outside, v128.andnot(x, mask));
  }
  if (!v128.any_true(outside)) {
    for (let i: usize = 0; i < RUN_ROWS * 4; i += 16) {
      v128.store(lanes + i, i32x4.sub(v128.load(source + i), low));
    }
    packRun(lanes, width, at);
    return at + width * 16;
  }
  store<u8>(head, load<u8>(head) | PATCHED);
  const countAt = at + width * 16;
  let count: u32 = 0;
  for (let i: u32 = 0; i < RUN_ROWS; i++) {
    const exact = exactAt(numbers, i, isDelta, pivot) - <i64> planLow;
    store<u32>(lanes + i * 4, <u32> exact & i32x4.extract_lane(mask, 0));
    if (exact >> width == 0) continue;
    count++;
    store<u8>(countAt + count, <u8> i);
  }
  packRun(lanes, width, at);
  store<u8>(countAt, <u8> count);
  at = countAt + 1 + count;
  for (let i: u32 = 0; i < count; i++) {
    const exact = exactAt(numbers, load<u8>(countAt + 1 + i), isDelta, pivot) - <i64> planLow;
    at = putSigned(at, exact >> width);
  }
  return at;
}

/** Puts numbers less `pivot`, all below 2^31, and their differences into lanes. */
function fillLanes(numbers: usize, pivot: u64): void {
  const base = i64x2.splat(pivot);
  const x = wide;
  for (let i: usize = 0; i < RUN_ROWS * 4; i += 16) {
    const a = i64x2.sub(v128.load(numbers + i * 2), base);
    const b = i64x2.sub(v128.load(numbers + i * 2, 16), base);
    v128.store(x + i, i8x16.shuffle(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27));
  }
  const d = steps;
  for (let i: usize = 4; i < RUN_ROWS * 4 - 12; i += 16) {
    v128.store(d + i, i32x4.sub(v128.load(x + i), v128.load(x + i - 4)));
  }
  for (let i: usize = RUN_ROWS * 4 - 12; i < RUN_ROWS * 4; i += 4) {
    store<i32>(d + i, load<i32>(x + i) - load<i32>(x + i - 4));
  }
  store<i32>(d, load<i32>(d + 4));
}

// @ts-ignore: decorator
@inline
function clamped(number: i64): i32 {
  return <i32> max<i64>(min<i64>(number, LANE_LIMIT), -LANE_LIMIT);
}

/**
 * The same for any numbers: what lanes cannot hold is held at LANE_LIMIT, and will be a patch. False when that would be too
 * many of both numbers and differences.
 */
function clampLanes(numbers: usize, pivot: u64): bool {
  let outer: u32 = 0;
  let outerSteps: u32 = 0;
  for (let i: u32 = 0; i < RUN_ROWS; i++) {
    const x = clamped(load<i64>(numbers + i * 8) - <i64> pivot);
    const d = i > 0 ? clamped(load<i64>(numbers + i * 8) - load<i64>(numbers + i * 8 - 8)) : 0;
    if (abs<i32>(x) == <i32> LANE_LIMIT) outer++;
    if (abs<i32>(d) == <i32> LANE_LIMIT) outerSteps++;
    if (outer > PATCHES_MAX && outerSteps > PATCHES_MAX) return false;
    store<i32>(wide + i * 4, x);
    store<i32>(steps + i * 4, d);
  }
  store<i32>(steps, load<i32>(steps + 4));
  return true;
}

/** Makes the plan unusable when it would pack a lane that is held at the limit. */
function refuseLimit(): void {
  const low = <i64> planLow;
  const high = low + ((<i64> 1) << planWidth) - 1;
  if (high >= LANE_LIMIT || low <= -LANE_LIMIT) planCost = u32.MAX_VALUE;
}

/** Encodes the run from its lanes, 0 when that would not be less than `limit` bytes. */
function encodeLanes(numbers: usize, pivot: u64, isClamped: bool, limit: u32, at: usize): usize {
  plan(wide);
  if (isClamped) refuseLimit();
  const wholeLow = planLow;
  const wholeWidth = planWidth;
  const wholeCost = planCost;
  plan(steps);
  if (isClamped) refuseLimit();
  if (min<u32>(wholeCost, planCost) >= limit) return 0;
  const head = at;
  if (wholeCost <= planCost || wholeCost == planCost + 1) {
    planLow = wholeLow;
    planWidth = wholeWidth;
    store<u8>(at, <u8> planWidth);
    at = putVarint(at + 1, pivot + <u64> <i64> planLow);
    return packPlanned(wide, numbers, false, pivot, head, at);
  }
  // The first number is given; what stands for its difference must need neither bits nor a patch.
  store<i32>(steps, planLow);
  store<u8>(at, <u8> (planWidth | DELTA));
  at = putVarint(at + 1, load<u64>(numbers));
  at = putSigned(at, planLow);
  return packPlanned(steps, numbers, true, pivot, head, at);
}

// @ts-ignore: decorator
@inline
function codeOfWidth(width: u32): u32 {
  return width > WIDTH_MAX ? 63 : width;
}

/** The middle one of three numbers of a run: hardly an outlier. */
function middleOf(numbers: usize): u64 {
  const a = load<u64>(numbers + 16 * 8);
  const b = load<u64>(numbers + 63 * 8);
  const c = load<u64>(numbers + 111 * 8);
  return max<u64>(min<u64>(a, b), min<u64>(max<u64>(a, b), c));
}

/** A run in 64-bit arithmetic: any span, or fewer than 128 numbers. */
function encodeWide(numbers: usize, count: u32, low: u64, high: u64, at: usize): usize {
  if (count == RUN_ROWS && clampLanes(numbers, middleOf(numbers))) {
    // Beyond 32 bits a lane does not save much.
    const end = encodeLanes(numbers, middleOf(numbers), true, bitsFor(high - low) * 16, at);
    if (end != 0) return end;
  }
  let least: i64 = i64.MAX_VALUE;
  let most: i64 = i64.MIN_VALUE;
  for (let i: u32 = 1; i < count; i++) {
    const step = load<i64>(numbers + i * 8) - load<i64>(numbers + i * 8 - 8);
    least = min<i64>(least, step);
    most = max<i64>(most, step);
  }
  let width = bitsFor(high - low);
  if (width > WIDTH_MAX) width = 64;
  let stepWidth = count > 1 ? bitsFor(most - least) : 64;
  if (stepWidth > WIDTH_MAX) stepWidth = 64;
  const whole = count == RUN_ROWS;
  // A difference costs about two bytes of header more.
  const isDelta = whole ? stepWidth < width : tailBytes(count - 1, stepWidth) + 2 < tailBytes(count, width);
  if (isDelta) {
    width = stepWidth;
    store<u8>(at, <u8> (codeOfWidth(width) | DELTA));
    at = putVarint(at + 1, load<u64>(numbers));
    at = putSigned(at, least);
    for (let i: u32 = 1; i < count; i++) {
      store<i64>(wide + i * 8, load<i64>(numbers + i * 8) - load<i64>(numbers + i * 8 - 8) - least);
    }
    store<i64>(wide, 0);
  } else {
    store<u8>(at, <u8> codeOfWidth(width));
    at = putVarint(at + 1, low);
    for (let i: u32 = 0; i < count; i++) store<i64>(wide + i * 8, load<i64>(numbers + i * 8) - low);
  }
  if (!whole) {
    const skip: u32 = isDelta ? 1 : 0;
    packTail(wide + skip * 8, count - skip, width, at);
    return at + tailBytes(count - skip, width);
  }
  packWideRun(wide, width, at, lanes);
  return at + width * 16;
}

/** Encodes `count` (1 to 128) numbers; returns the address behind the run. */
export function encodeRun(numbers: usize, count: u32, at: usize): usize {
  let low: u64 = u64.MAX_VALUE;
  let high: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const number = load<u64>(numbers + i * 8);
    low = min<u64>(low, number);
    high = max<u64>(high, number);
  }
  if (count == RUN_ROWS && high - low < 0x7fffffff) {
    fillLanes(numbers, low);
    return encodeLanes(numbers, low, false, u32.MAX_VALUE, at);
  }
  return encodeWide(numbers, count, low, high, at);
}
