// deno-fmt-ignore-file: the formatter drops decorators of functions
/**
 * Runs: 128 numbers (the last of a column: fewer) that are packed and unpacked on their own, so that a reader decodes only
 * the runs it needs. The numbers are u64, differences to the column's base.
 *
 *   1 byte   bits 0-5 width of the packed numbers, up to 61, 63 stands for 64; bit 6: differences; bit 7: patched
 *   varint   base of the run: what packed numbers are added to, or with differences the first number
 *   signed   with differences: the base of the differences
 *   packed   128: bits.ts packRun, above 32 bits first all low halves as they are, then the high parts packed;
 *            fewer: packTail, with differences without the first number
 *   patched  1 byte count, then as many positions (bytes), then as many signed numbers to add, shifted left by the width
 *
 * All arithmetic wraps at 64 bits, so every sequence of numbers has an encoding.
 *
 * Decoding is narrow where the header proves that 32-bit lanes suffice, and scalar on 64 bits otherwise.
 */
import { alloc, TAG_SCRATCH } from "./memory";
import { endOfWindow, getByte, getSigned, getVarint, isDamaged, markDamaged, position, rewind, take } from "./varints";
import { RUN_ROWS, tailBytes, UNPACK_SLACK, unpackNarrowTail, unpackRun, unpackTail, unpackWideRun } from "./bits";

export const DELTA: u32 = 64;
export const PATCHED: u32 = 128;
/** The greatest width beside 64. */
export const WIDTH_MAX: u32 = 61;
/** First byte of what is no run but a stretch of one number (numbers.ts). */
export const FLAT: u32 = 62;

/** Whole numbers up to this size are all doubles. */
const WHOLE_MAX: i64 = 9007199254740992;
/** A lane is below 2^31 in size: up to this scale their product is a double, too; beyond it doubles are made of integers. */
const EXACT_SCALE_MAX: u64 = 1 << 22;
/** Shorter tails are finished faster one number at a time: lanes finish whole runs. */
const LANE_TAIL_MIN: u32 = 16;

// Scratch: lanes of a run, its numbers in 64 bits, and a copy of packed bytes that end where the window ends.
let lanes: usize = 0;
let wide: usize = 0;
let packed: usize = 0;

export function initRuns(): void {
  lanes = alloc(RUN_ROWS * 20 + 64 + UNPACK_SLACK, TAG_SCRATCH);
  wide = lanes + RUN_ROWS * 4;
  packed = wide + RUN_ROWS * 8;
}

// ---- What numbers become ----

/** Decoded numbers are integers: base + scale * number. */
export const AS_INTEGERS: u32 = 0;
/** Decoded numbers are doubles: (base + scale * number) / divisor. */
export const AS_DOUBLES: u32 = 1;

let outKind: u32 = 0;
let outBase: i64 = 0;
let outScale: i64 = 1;
let outDivisor: f64 = 1;

/** Sets what decodeRun makes of numbers. */
export function setOutput(kind: u32, base: i64, scale: i64, divisor: f64): void {
  outKind = kind;
  outBase = base;
  outScale = scale;
  outDivisor = divisor;
}

// ---- Decoding ----

let runWidth: u32 = 0;
let runIsDelta: bool = false;
let runBase: u64 = 0;
let runStep: i64 = 0;
let runPacked: usize = 0;
let patchCount: u32 = 0;
let patchPositions: usize = 0;

/** Reads a run's header and steps over its packed numbers; the cursor stands at the patches' numbers after it. */
function openRun(count: u32): void {
  const head = getByte();
  runWidth = head & 63;
  if (runWidth == 63) runWidth = 64;
  else if (runWidth > WIDTH_MAX) markDamaged();
  runIsDelta = (head & DELTA) != 0;
  runBase = getVarint();
  runStep = runIsDelta ? getSigned() : 0;
  const bytes = count == RUN_ROWS ? runWidth * 16 : tailBytes(count - (runIsDelta ? 1 : 0), runWidth);
  runPacked = take(bytes);
  patchCount = 0;
  if ((head & PATCHED) == 0) return;
  patchCount = getByte();
  patchPositions = take(patchCount);
}

/** Steps over a run. */
export function skipRun(count: u32): void {
  openRun(count);
  for (let i: u32 = 0; i < patchCount; i++) getVarint();
}

// @ts-ignore: decorator
@inline
function prefixSum(x: v128, before: v128): v128 {
  const zero = i32x4.splat(0);
  let sum = i32x4.add(x, i8x16.shuffle(zero, x, 0, 1, 2, 3, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27));
  sum = i32x4.add(sum, i8x16.shuffle(zero, sum, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
  return i32x4.add(sum, before);
}

// @ts-ignore: decorator
@inline
function lastLane(x: v128): v128 {
  return i8x16.shuffle(x, x, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15);
}

// @ts-ignore: decorator
@inline
function upperHalf(x: v128): v128 {
  return i8x16.shuffle(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
}

// @ts-ignore: decorator
@inline
function integersFrom(source: usize, isDelta: bool, step: i32, add: i64, isScaled: bool, target: usize): i32 {
  const base = i64x2.splat(outBase + add * outScale);
  const scale = i64x2.splat(outScale);
  const step4 = i32x4.splat(step);
  let before = i32x4.splat(0);
  for (let i: usize = 0; i < RUN_ROWS * 4; i += 16) {
    let x = v128.load(source + i);
    if (isDelta) {
      x = prefixSum(i32x4.add(x, step4), before);
      before = lastLane(x);
    }
    let a = i64x2.extend_low_i32x4_s(x);
    let b = i64x2.extend_high_i32x4_s(x);
    if (isScaled) {
      a = i64x2.mul(a, scale);
      b = i64x2.mul(b, scale);
    }
    v128.store(target, i64x2.add(a, base));
    v128.store(target, i64x2.add(b, base), 16);
    target += 32;
  }
  return i32x4.extract_lane(before, 0);
}

// @ts-ignore: decorator
@inline
function doublesFrom(source: usize, isDelta: bool, step: i32, add: i64, isScaled: bool, target: usize): i32 {
  const base = f64x2.splat(<f64> (outBase + add * outScale));
  const scale = f64x2.splat(<f64> outScale);
  const divisor = f64x2.splat(outDivisor);
  const step4 = i32x4.splat(step);
  let before = i32x4.splat(0);
  for (let i: usize = 0; i < RUN_ROWS * 4; i += 16) {
    let x = v128.load(source + i);
    if (isDelta) {
      x = prefixSum(i32x4.add(x, step4), before);
      before = lastLane(x);
    }
    let a = f64x2.convert_low_i32x4_s(x);
    let b = f64x2.convert_low_i32x4_s(upperHalf(x));
    if (isScaled) {
      a = f64x2.div(f64x2.add(f64x2.mul(a, scale), base), divisor);
      b = f64x2.div(f64x2.add(f64x2.mul(b, scale), base), divisor);
    } else {
      a = f64x2.add(a, base);
      b = f64x2.add(b, base);
    }
    v128.store(target, a);
    v128.store(target, b, 16);
    target += 32;
  }
  return i32x4.extract_lane(before, 0);
}

/**
 * Makes 128 values of 32-bit numbers, each plus `add`; with differences of their sums, `step` being added to each
 * difference. Returns the last sum.
 */
export function finishLanes(source: usize, isDelta: bool, step: i32, add: i64, target: usize): i32 {
  if (outKind == AS_INTEGERS) return finishIntegers(source, isDelta, step, add, target);
  if (<u64> outScale > EXACT_SCALE_MAX || abs<i64>(outBase + add * outScale) > WHOLE_MAX) {
    const last = finishIntegers(source, isDelta, step, add, target);
    for (const end = target + RUN_ROWS * 8; target < end; target += 8) {
      store<f64>(target, <f64> load<i64>(target) / outDivisor);
    }
    return last;
  }
  if (outScale == 1 && outDivisor == 1) {
    if (isDelta) return doublesFrom(source, true, step, add, false, target);
    return doublesFrom(source, false, 0, add, false, target);
  }
  if (isDelta) return doublesFrom(source, true, step, add, true, target);
  return doublesFrom(source, false, 0, add, true, target);
}

function finishIntegers(source: usize, isDelta: bool, step: i32, add: i64, target: usize): i32 {
  if (outScale == 1) {
    if (isDelta) return integersFrom(source, true, step, add, false, target);
    return integersFrom(source, false, 0, add, false, target);
  }
  if (isDelta) return integersFrom(source, true, step, add, true, target);
  return integersFrom(source, false, 0, add, true, target);
}

/** Makes values of `count` 64-bit numbers, each plus `add`. */
export function finishNumbers(source: usize, count: u32, add: i64, target: usize): void {
  if (outKind == AS_INTEGERS) {
    if (outScale == 1) {
      const base = outBase + add;
      for (let i: u32 = 0; i < count; i++) store<i64>(target + i * 8, load<i64>(source + i * 8) + base);
      return;
    }
    for (let i: u32 = 0; i < count; i++) {
      store<i64>(target + i * 8, outBase + (load<i64>(source + i * 8) + add) * outScale);
    }
    return;
  }
  for (let i: u32 = 0; i < count; i++) {
    const integer = outBase + (load<i64>(source + i * 8) + add) * outScale;
    store<f64>(target + i * 8, <f64> integer / outDivisor);
  }
}

/** Makes values of the run's `count` 64-bit numbers in `wide`. */
function finishWide(count: u32, target: usize): void {
  if (runIsDelta) {
    let sum = runBase;
    store<u64>(wide, sum);
    for (let i: u32 = 1; i < count; i++) {
      sum += load<u64>(wide + i * 8) + runStep;
      store<u64>(wide + i * 8, sum);
    }
  }
  finishNumbers(wide, count, runIsDelta ? 0 : <i64> runBase, target);
}

/** Whether 32-bit lanes hold all sums of this run; patches must come to less than `room` in sum. */
function isNarrow(): bool {
  return runIsDelta ? runWidth <= 22 && runStep >= -0x400000 && runStep <= 0x400000 : runWidth <= 30;
}

/**
 * Adds the patches to 32-bit lanes. False, with the cursor behind the patches and the lanes spoilt, when they need more
 * than 32 bits.
 */
function patchLanes(): bool {
  let fits = true;
  let room: u64 = 0x38000000;
  for (let i: u32 = 0; i < patchCount; i++) {
    const at = lanes + <usize> (load<u8>(patchPositions + i) & 127) * 4;
    const patch = getSigned();
    const size = <u64> abs<i64>(patch);
    if (size > (room >> runWidth)) {
      fits = false;
      continue;
    }
    // Each patch of differences shifts all later sums; a plain one concerns one number only.
    if (runIsDelta) room -= size << runWidth;
    store<i32>(at, load<i32>(at) + (<i32> patch << runWidth));
  }
  return fits;
}

/**
 * Decodes the run of `count` numbers at the cursor into values at `target` (64 bits each). A damaged run leaves the
 * window marked and the target undefined.
 */
export function decodeRun(count: u32, target: usize): void {
  openRun(count);
  if (isDamaged()) return;
  let source = runPacked;
  const bytes = count == RUN_ROWS ? runWidth * 16 : tailBytes(count - (runIsDelta ? 1 : 0), runWidth);
  if (endOfWindow() - source < <usize> bytes + UNPACK_SLACK) {
    memory.copy(packed, source, bytes);
    source = packed;
  }
  if (count < RUN_ROWS) {
    if (patchCount > 0) {
      markDamaged();
      return;
    }
    const skip: u32 = runIsDelta ? 1 : 0;
    if (count >= LANE_TAIL_MIN && isNarrow()) {
      unpackNarrowTail(source, count - skip, runWidth, lanes + skip * 4);
      if (runIsDelta) store<i32>(lanes, -(<i32> runStep));
      // What earlier runs left behind the tail makes values that nobody takes.
      finishLanes(lanes, runIsDelta, <i32> runStep, runBase, wide);
      memory.copy(target, wide, count * 8);
      return;
    }
    unpackTail(source, count - skip, runWidth, wide + skip * 8);
    finishWide(count, target);
    return;
  }
  const patches = position();
  if (isNarrow()) {
    unpackRun(source, runWidth, lanes);
    if (patchCount == 0 || patchLanes()) {
      // The first number is given: what stands for its difference counts as nothing.
      if (runIsDelta) store<i32>(lanes, -(<i32> runStep));
      finishLanes(lanes, runIsDelta, <i32> runStep, runBase, target);
      return;
    }
    rewind(patches);
  }
  decodeWide(source, target);
}

function decodeWide(source: usize, target: usize): void {
  unpackWideRun(source, runWidth, wide, lanes);
  for (let i: u32 = 0; i < patchCount; i++) {
    const at = wide + <usize> (load<u8>(patchPositions + i) & 127) * 8;
    store<i64>(at, load<i64>(at) + (getSigned() << runWidth));
  }
  finishWide(RUN_ROWS, target);
}
