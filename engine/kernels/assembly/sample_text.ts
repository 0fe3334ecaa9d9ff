/** Samples as the JSON of the Prometheus API: `[1767225600.5,"1.25"],[...]`, written to linear memory. */
import { alloc, TAG_SCRATCH } from "./memory";
import { NUMBER_TEXT_MAX, putNumber, putUnsigned } from "./number_text";

/** Samples that are written at a time. */
export const SAMPLES_MAX: u32 = 256;
/** Bytes that a sample takes at most: a time of up to 20 digits with its point, the value, `[,""],`. */
const SAMPLE_BYTES_MAX: u32 = 24 + NUMBER_TEXT_MAX + 8;

/** Times in milliseconds (f64 each), values (f64 each), and the text. */
export let sampleTimes: usize = 0;
export let sampleValues: usize = 0;
export let sampleText: usize = 0;
/** Bytes of the text written last. */
export let sampleTextBytes: u32 = 0;

export function initSampleText(): void {
  sampleTimes = alloc(SAMPLES_MAX * 16, TAG_SCRATCH);
  sampleValues = sampleTimes + SAMPLES_MAX * 8;
  sampleText = alloc(SAMPLES_MAX * SAMPLE_BYTES_MAX + 16, TAG_SCRATCH);
}

/** Writes milliseconds, rounded to whole ones, as seconds with up to three decimals. */
function putSeconds(exact: f64, at: usize): usize {
  const below = floor<f64>(exact);
  const ms = exact - below < 0.5 ? below : below + 1;
  if (ms < 0) store<u8>(at++, 0x2d);
  const all = <u64> abs<f64>(ms);
  const seconds = all / 1000;
  const rest = <u32> (all - seconds * 1000);
  at = putUnsigned(seconds, at);
  if (rest == 0) return at;
  store<u8>(at, 0x2e);
  store<u8>(at, <u8> (0x30 + rest / 100), 1);
  store<u8>(at, <u8> (0x30 + rest / 10 % 10), 2);
  store<u8>(at, <u8> (0x30 + rest % 10), 3);
  at += 4;
  while (load<u8>(at - 1) == 0x30) at--;
  return at;
}

/**
 * Writes the first `count` samples, a comma between two. Stops before one whose value putNumber cannot write; returns how
 * many are written.
 */
export function writeSamples(count: u32): u32 {
  let at = sampleText;
  let i: u32 = 0;
  for (; i < count; i++) {
    const start = at;
    if (i > 0) store<u8>(at++, 0x2c);
    store<u8>(at, 0x5b);
    at = putSeconds(load<f64>(sampleTimes + <usize> i * 8), at + 1);
    store<u16>(at, 0x222c);
    const end = putNumber(load<f64>(sampleValues + <usize> i * 8), at + 2);
    if (end == 0) {
      at = start;
      break;
    }
    store<u16>(end, 0x5d22);
    at = end + 2;
  }
  sampleTextBytes = <u32> (at - sampleText);
  return i;
}
