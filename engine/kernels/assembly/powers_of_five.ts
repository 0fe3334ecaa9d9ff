/**
 * The table of powers that rounding decimals multiplies with: 5^-342 to 5^308 as 128 bits with the high bit set.
 *
 *   entry, 16 bytes: u64 low word, u64 high word; entry 0 is 5^POWER_MIN
 *
 * Powers are cut after 128 bits; reciprocals down to 5^-27 rounded up: what the proof of decimals.ts asks.
 */
import { alloc, free, TAG_SCRATCH } from "./memory";

/** Exponents of the table of powers: beyond them a 64-bit mantissa gives zero or infinity. */
export const POWER_MIN: i32 = -342;
export const POWER_MAX: i32 = 308;
/** Room for a number of 1,280 bits with zeros below. */
const WORK_BYTES: u32 = 192;

export let powersOfFive: usize = 0;

/** Divides by five; `words` words from `at`, lowest first. */
function divideByFive(at: usize, words: u32): void {
  let rest: u64 = 0;
  for (let i = <i32> words - 1; i >= 0; i--) {
    const value = rest << 32 | <u64> load<u32>(at + (<usize> i << 2));
    store<u32>(at + (<usize> i << 2), <u32> (value / 5));
    rest = value % 5;
  }
}

/** Stores the 128 highest bits of the `words` words at `at`, plus `add`, as the power with this exponent. */
function storePower(at: usize, words: u32, exponent: i32, add: u64): void {
  let top = words - 1;
  while (load<u32>(at + (<usize> top << 2)) == 0) top--;
  const from = at + (<usize> top << 2);
  const shift = <u64> clz<u32>(load<u32>(from));
  // Five words hold the 128 bits; those below the number are zeros in front of `at`.
  const a = <u64> load<u32>(from) << 32 | <u64> load<u32>(from - 4);
  const b = <u64> load<u32>(from - 8) << 32 | <u64> load<u32>(from - 12);
  const c = <u64> load<u32>(from - 16) << 32;
  const high = shift == 0 ? a : a << shift | b >> (64 - shift);
  const low = shift == 0 ? b : b << shift | c >> (64 - shift);
  const power = powersOfFive + (<usize> (exponent - POWER_MIN) << 4);
  store<u64>(power, low + add);
  store<u64>(power, low + add < low ? high + 1 : high, 8);
}

/**
 * Computes the table: 5^n by multiplication, 5^-n as 2^1024 divided by five n times, whose floors are exact.
 */
export function initPowers(): void {
  powersOfFive = alloc(<u32> (POWER_MAX - POWER_MIN + 1) * 16, TAG_SCRATCH);
  const work = alloc(WORK_BYTES, TAG_SCRATCH);
  const words: u32 = 40;
  const big = work + 20;
  memory.fill(work, 0, WORK_BYTES);
  store<u32>(big, 1);
  for (let exponent: i32 = 0; exponent <= POWER_MAX; exponent++) {
    storePower(big, words, exponent, 0);
    let carry: u64 = 0;
    for (let i: usize = 0; i < <usize> words; i++) {
      carry += <u64> load<u32>(big + (i << 2)) * 5;
      store<u32>(big + (i << 2), <u32> carry);
      carry >>= 32;
    }
  }
  memory.fill(work, 0, WORK_BYTES);
  store<u32>(big + 128, 1);
  for (let exponent: i32 = -1; exponent >= POWER_MIN; exponent--) {
    divideByFive(big, words);
    storePower(big, words, exponent, exponent >= -27 ? 1 : 0);
  }
  free(work, TAG_SCRATCH);
}
