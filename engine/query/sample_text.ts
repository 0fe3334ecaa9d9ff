/**
 * Samples as JSON text, `[seconds,"value"],...`, written in linear memory: the form that the Prometheus API gives them. A
 * string for each would cost more than finding the numbers' digits.
 */
import type { Kernels } from "../kernels/kernels.ts";

export class SampleText {
  readonly #kernels: Kernels;
  /** Samples that one call writes at most. */
  readonly samplesMax: number;
  /** What is staged of whose times: series of one range query share theirs. */
  #times: Float64Array | undefined;
  #from = 0;
  #to = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.samplesMax = kernels.exports.SAMPLES_MAX.value as number;
  }

  /**
   * Writes samples from <= i < to, at most `samplesMax`: times in milliseconds, rounded to whole ones and given as seconds,
   * and values as the shortest decimals that read back alike. Returns where it stopped: before `to` only at a value below
   * 10^-290, which the caller writes himself. Times that were given before must not have changed.
   */
  write(times: Float64Array, values: Float64Array, from: number, to: number): number {
    const { exports } = this.#kernels;
    this.#kernels.refresh();
    const { f64 } = this.#kernels;
    if (times !== this.#times || from !== this.#from || to !== this.#to) {
      f64.set(partOf(times, from, to), exports.sampleTimes.value >>> 3);
      this.#times = times;
      this.#from = from;
      this.#to = to;
    }
    f64.set(partOf(values, from, to), exports.sampleValues.value >>> 3);
    return from + exports.writeSamples(to - from);
  }

  /** The text written last: valid until the next call. */
  get bytes(): Uint8Array {
    const { exports, u8 } = this.#kernels;
    const start = exports.sampleText.value >>> 0;
    return u8.subarray(start, start + exports.sampleTextBytes.value);
  }
}

function partOf(column: Float64Array, from: number, to: number): Float64Array {
  return from === 0 && to === column.length ? column : column.subarray(from, to);
}
