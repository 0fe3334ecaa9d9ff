/** Turning what is stored into doubles: times into milliseconds, integers into the nearest double. */
import { FAMILY_F64, FAMILY_U64 } from "./chunk_format";

/** Sums of fewer than 2^21 whole numbers below this in size are exact. */
const SMALL_RANGE: f64 = 2147483648;
/** Values that are looked at before it is decided whether to go on. */
const LOOK_VALUES: u32 = 64;

/** Numbers below 2^51 in size become doubles by adding their integer to the bits of 1.5 * 2^52. */
const MAGIC: f64 = 6755399441055744;
const HALF_RANGE: i64 = 1 << 51;

/**
 * Turns the times of a run into milliseconds in place, exact for whole ones, the nearest double otherwise. Returns 1 when
 * its values, doubles, are whole numbers below 2^31 in size and none is -0, else 0.
 */
export function runToMs(times: usize, values: usize, count: u32, ticksPerMs: f64): u32 {
  if (count == 0) return 0;
  if (ticksPerMs > 1) timesToMs(times, count, ticksPerMs);
  else {
    const perTick = 1 / ticksPerMs;
    for (let i: u32 = 0; i < count; i++) {
      const at = times + <usize> i * 8;
      store<f64>(at, <f64> load<i64>(at) * perTick);
    }
  }
  return areSmallWholes(values, count) ? 1 : 0;
}

function timesToMs(times: usize, count: u32, ticksPerMs: f64): void {
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
