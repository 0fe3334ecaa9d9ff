/**
 * Doubles as integers for log records: most measured doubles are decimals, integer / 10^e with the division rounding to
 * exactly the double that came in.
 */
import { POWERS } from "./powers_of_ten";

/** Exponents are 0 to this. */
export const DECIMAL_EXPONENT_MAX: u32 = 13;
/** What stands for a double that is no decimal of the exponent asked for. */
export const NO_DECIMAL: i64 = i64.MIN_VALUE;

/** Integers beyond this are not told apart by a double. */
const INTEGER_MAX: f64 = 9007199254740992;
/** Values looked at to choose a column's exponent. */
const SAMPLE_MAX: u32 = 32;
/** Bits of an exception beyond those of a number. */
const EXCEPTION_BITS: f64 = 80;
const BITS_A_DIGIT: f64 = 3.33;

/** How many sampled values need each exponent; the last entry counts those that are no decimals. */
const needed: usize = memory.data(60, 4);

export function powerOf(exponent: u32): f64 {
  return unchecked(POWERS[exponent]);
}

/** The integer of a double at a power of ten, or NO_DECIMAL. */
export function decimalOf(value: f64, power: f64): i64 {
  const scaled = nearest<f64>(value * power);
  if (!(abs<f64>(scaled) <= INTEGER_MAX)) return NO_DECIMAL;
  const integer = <i64> scaled;
  // Compared as bits, so that -0 is no decimal.
  const back = reinterpret<u64>(<f64> integer / power);
  return back == reinterpret<u64>(value) ? integer : NO_DECIMAL;
}

/** Stores the integers of two doubles at a power of ten; NO_DECIMAL for one that has none. Returns how many have none. */
export function storeDecimals(first: f64, second: f64, power: f64, target: usize): u32 {
  const values = f64x2.replace_lane(f64x2.splat(first), 1, second);
  const powers = f64x2.splat(power);
  // Adding 0 makes -0 a 0, so that it does not come back and is no decimal.
  const scaled = f64x2.add(f64x2.nearest(f64x2.mul(values, powers)), f64x2.splat(0));
  const isExact = i64x2.eq(f64x2.div(scaled, powers), values);
  const isSmall = f64x2.le(f64x2.abs(scaled), f64x2.splat(INTEGER_MAX));
  if (i64x2.all_true(v128.and(isExact, isSmall))) {
    store<i64>(target, <i64> f64x2.extract_lane(scaled, 0));
    store<i64>(target, <i64> f64x2.extract_lane(scaled, 1), 8);
    return 0;
  }
  const one = decimalOf(first, power);
  const other = decimalOf(second, power);
  store<i64>(target, one);
  store<i64>(target, other, 8);
  return u32(one == NO_DECIMAL) + u32(other == NO_DECIMAL);
}

/** The integer nearest to any double at a power of ten, 0 when it has none: what a difference is taken to. */
export function nearestInteger(value: f64, power: f64): i64 {
  const scaled = nearest<f64>(value * power);
  return abs<f64>(scaled) <= INTEGER_MAX ? <i64> scaled : 0;
}

/** Exponent with which a column is likely shortest, or -1 when its doubles are no decimals. `cells`: list of pointers to rows. */
export function chooseExponent(cells: usize, count: u32, offset: usize): i32 {
  for (let e: u32 = 0; e <= DECIMAL_EXPONENT_MAX + 1; e++) store<u32>(needed + <usize> e * 4, 0);
  const step = max<u32>(1, count / SAMPLE_MAX);
  let sampled: u32 = 0;
  for (let i: u32 = 0; i < count; i += step) {
    const value = load<f64>(<usize> load<u32>(cells + <usize> i * 4) + offset);
    let e: u32 = 0;
    while (e <= DECIMAL_EXPONENT_MAX && decimalOf(value, powerOf(e)) == NO_DECIMAL) e++;
    store<u32>(needed + <usize> e * 4, load<u32>(needed + <usize> e * 4) + 1);
    sampled++;
  }
  let best: i32 = -1;
  let bestBits = <f64> sampled * 64;
  let exceptions = sampled;
  for (let e: u32 = 0; e <= DECIMAL_EXPONENT_MAX; e++) {
    exceptions -= load<u32>(needed + <usize> e * 4);
    const bits = <f64> sampled * <f64> e * BITS_A_DIGIT + <f64> exceptions * EXCEPTION_BITS;
    if (bits < bestBits) {
      bestBits = bits;
      best = <i32> e;
    }
  }
  return best;
}
