/** Turning what is stored into doubles: times into milliseconds, integers into the nearest double. */
import { FAMILY_F64, FAMILY_U64 } from "./chunk_format";

/** Sums of fewer than 2^21 whole numbers below this in size are exact. */
const SMALL_RANGE: f64 = 2147483648;
/** Values that are looked at before it is decided whether to go on. */
const LOOK_VALUES: u32 = 64;

/** Numbers below 2^51 in size become doubles by adding their integer to the bits of 1.5 * 2^52. */
const MAGIC: f64 = 6755399441055744;
const HALF_RANGE: i64 = 1 << 51;
/** Whole numbers below this are all doubles. */
const WHOLE_MAX: f64 = 9007199254740992;

/** What is known of values: nothing, that none is NaN, that all are whole numbers below 2^31 in size and none is -0. */
const ANY_VALUES: u32 = 0;
export const NO_NAN: u32 = 1;
export const SMALL_WHOLES: u32 = 2;

/**
 * Turns times of `count` points into milliseconds in place, exact for whole ones, the nearest double otherwise.
 */
export function timesToMs(times: usize, count: u32, ticksPerMs: f64): void {
  if (count == 0) return;
  if (ticksPerMs > 1) {
    ticksToMs(times, count, ticksPerMs);
    return;
  }
  const perTick = 1 / ticksPerMs;
  for (let i: u32 = 0; i < count; i++) {
    const at = times + <usize> i * 8;
    store<f64>(at, <f64> load<i64>(at) * perTick);
  }
}

/**
 * Writes first + step * i for 0 <= i < count as milliseconds. False, with nothing written, where first or step is no whole
 * number of milliseconds or a time is beyond those that doubles tell apart.
 */
export function stepsToMs(
  first: i64,
  step: u64,
  count: u32,
  ticksPerMs: f64,
  target: usize,
): bool {
  let start = <f64> first;
  let rise = <f64> step;
  if (ticksPerMs > 1) {
    const ticks = <i64> ticksPerMs;
    if (first % ticks != 0 || step % <u64> ticks != 0) return false;
    start = <f64> (first / ticks);
    rise = <f64> (step / <u64> ticks);
  } else {
    const perTick = 1 / ticksPerMs;
    start *= perTick;
    rise *= perTick;
  }
  if (!(abs<f64>(start) + rise * <f64> count < WHOLE_MAX)) return false;
  let pair = f64x2.add(f64x2.splat(start), f64x2.replace_lane(f64x2.splat(0), 1, rise));
  const rises = f64x2.splat(rise * 2);
  const end = target + <usize> (count & ~1) * 8;
  for (; target < end; target += 16) {
    v128.store(target, pair);
    pair = f64x2.add(pair, rises);
  }
  if ((count & 1) != 0) store<f64>(target, f64x2.extract_lane(pair, 0));
  return true;
}

/** Turns times of `count` points, all of them less than 2^53 ticks away from it, into distances to `origin` in place. */
export function ticksToOffsets(times: usize, count: u32, origin: i64): void {
  const end = times + <usize> count * 8;
  let at = times;
  // Times ascend.
  const isNear = count > 1 && load<i64>(times) >= origin &&
    <u64> (load<i64>(end - 8) - origin) < <u64> HALF_RANGE;
  if (isNear) {
    const pairsEnd = times + <usize> (count & ~1) * 8;
    const shift = i64x2.splat(reinterpret<i64>(MAGIC) - origin);
    const magic = f64x2.splat(MAGIC);
    for (; at < pairsEnd; at += 16) {
      v128.store(at, f64x2.sub(i64x2.add(v128.load(at), shift), magic));
    }
  }
  for (; at < end; at += 8) store<f64>(at, <f64> (load<i64>(at) - origin));
}

function ticksToMs(times: usize, count: u32, ticksPerMs: f64): void {
  const ticks = <i64> ticksPerMs;
  const perTick = 1 / ticksPerMs;
  const first = load<i64>(times);
  let wholeFirst = first / ticks;
  if (wholeFirst * ticks > first) wholeFirst--;
  const base = wholeFirst * ticks;
  const end = times + <usize> count * 8;
  let at = times;
  if (<u64> (load<i64>(end - 8) - base) < <u64> HALF_RANGE) {
    // Distances to a whole millisecond are exact in doubles, and so is what is left of them beside whole milliseconds.
    const pairsEnd = times + <usize> (count & ~1) * 8;
    const shift = i64x2.splat(reinterpret<i64>(MAGIC) - base);
    const magic = f64x2.splat(MAGIC);
    const wholes = f64x2.splat(<f64> wholeFirst);
    const scale = f64x2.splat(perTick);
    const size = f64x2.splat(ticksPerMs);
    for (; at < pairsEnd; at += 16) {
      const distance = f64x2.sub(i64x2.add(v128.load(at), shift), magic);
      const ms = f64x2.floor(f64x2.mul(distance, scale));
      const rest = f64x2.sub(distance, f64x2.mul(ms, size));
      v128.store(at, f64x2.add(f64x2.add(ms, wholes), f64x2.mul(rest, scale)));
    }
  }
  for (; at < end; at += 8) {
    const time = load<i64>(at);
    const whole = <i64> Math.floor(<f64> time * perTick);
    store<f64>(at, <f64> whole + <f64> (time - whole * ticks) / ticksPerMs);
  }
}

/** What is known of doubles that were values of a family. */
export function valuesKind(values: usize, count: u32, family: u32): u32 {
  if (family != FAMILY_F64) return areSmall(values, count) ? SMALL_WHOLES : NO_NAN;
  if (areSmallWholes(values, count)) return SMALL_WHOLES;
  return hasNaN(values, count) ? ANY_VALUES : NO_NAN;
}

/** Whether all are below SMALL_RANGE in size. */
function areSmall(values: usize, count: u32): bool {
  const end = values + <usize> count * 8;
  const foursEnd = values + <usize> (count & ~3) * 8;
  let most = f64x2.splat(0);
  let mostB = most;
  let at = values;
  for (; at < foursEnd; at += 32) {
    most = f64x2.pmax(most, f64x2.abs(v128.load(at)));
    mostB = f64x2.pmax(mostB, f64x2.abs(v128.load(at, 16)));
  }
  most = f64x2.pmax(most, mostB);
  let greatest = max<f64>(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1));
  for (; at < end; at += 8) greatest = max<f64>(greatest, abs<f64>(load<f64>(at)));
  return greatest < SMALL_RANGE;
}

function hasNaN(values: usize, count: u32): bool {
  const end = values + <usize> count * 8;
  const pairsEnd = values + <usize> (count & ~1) * 8;
  let found = i64x2.splat(0);
  for (let at = values; at < pairsEnd; at += 16) {
    const pair = v128.load(at);
    found = v128.or(found, f64x2.ne(pair, pair));
  }
  if (v128.any_true(found)) return true;
  return pairsEnd < end && load<f64>(pairsEnd) != load<f64>(pairsEnd);
}

/** Whether doubles are whole numbers below SMALL_RANGE in size, none of them -0. */
function areSmallWholes(values: usize, count: u32): bool {
  const magic = f64x2.splat(MAGIC);
  const range = f64x2.splat(SMALL_RANGE);
  const end = values + <usize> count * 8;
  const pairsEnd = values + <usize> (count & ~1) * 8;
  let at = values;
  while (at < pairsEnd) {
    const stop = min<usize>(pairsEnd, at + LOOK_VALUES * 8);
    let good = i64x2.splat(-1);
    for (; at < stop; at += 16) {
      const pair = v128.load(at);
      const whole = f64x2.sub(f64x2.add(pair, magic), magic);
      good = v128.and(good, i64x2.eq(whole, pair));
      good = v128.and(good, f64x2.lt(f64x2.abs(pair), range));
    }
    if (!i64x2.all_true(good)) return false;
  }
  if (at == end) return true;
  const last = load<f64>(at);
  return reinterpret<u64>(last + MAGIC - MAGIC) == reinterpret<u64>(last) &&
    abs<f64>(last) < SMALL_RANGE;
}

/** Turns i64, u64 and bool values into the nearest doubles in place; f64 bits stay as they are. */
export function bitsToDoubles(bits: usize, count: u32, family: u32): void {
  if (family == FAMILY_F64) return;
  const end = bits + <usize> count * 8;
  const pairsEnd = bits + <usize> (count & ~1) * 8;
  // A u64 is never negative, whatever its bits are as an i64.
  const isSigned = family != FAMILY_U64;
  const half = i64x2.splat(isSigned ? HALF_RANGE : 0);
  let all = i64x2.splat(0);
  for (let at = bits; at < pairsEnd; at += 16) {
    all = v128.or(all, i64x2.add(v128.load(at), half));
  }
  let at = bits;
  const high = <u64> (i64x2.extract_lane(all, 0) | i64x2.extract_lane(all, 1));
  if (high < <u64> (isSigned ? HALF_RANGE * 2 : HALF_RANGE)) {
    const shift = i64x2.splat(reinterpret<i64>(MAGIC));
    const magic = f64x2.splat(MAGIC);
    for (; at < pairsEnd; at += 16) {
      v128.store(at, f64x2.sub(i64x2.add(v128.load(at), shift), magic));
    }
  }
  for (; at < end; at += 8) {
    store<f64>(at, isSigned ? <f64> load<i64>(at) : <f64> load<u64>(at));
  }
}
