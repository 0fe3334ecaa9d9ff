/** Folds windows of a column that lies in linear memory; see engine/kernels/assembly/window_folds.ts. */
import type { Kernels } from "../kernels/kernels.ts";

export type WindowFold = "sum" | "least" | "greatest";

export class WindowFolds {
  readonly #kernels: Kernels;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
  }

  /**
   * Folds each window, values from[i] <= at < to[i] of a column that `View.readNumbers` gave and whose values are small
   * integers, into output[i]; what it leaves there for an empty window is undefined. False, with nothing done, when the
   * values do not lie in linear memory.
   */
  fold(
    operation: WindowFold,
    values: Float64Array,
    windows: { readonly from: Int32Array; readonly to: Int32Array },
    output: Float64Array,
  ): boolean {
    const { f64, u32, exports } = this.#kernels;
    if (values.buffer !== f64.buffer) return false;
    const { from, to } = windows;
    const code = operation === "sum"
      ? exports.FOLD_SUM
      : operation === "least"
      ? exports.FOLD_LEAST
      : exports.FOLD_GREATEST;
    const most = exports.WINDOWS_MAX.value as number;
    const folds = exports.windowFolds.value >>> 3;
    for (let first = 0; first < from.length; first += most) {
      const count = Math.min(most, from.length - first);
      const starts = exports.windowFrom.value >>> 2;
      const ends = exports.windowTo.value >>> 2;
      for (let i = 0; i < count; i++) {
        u32[starts + i] = from[first + i]!;
        u32[ends + i] = to[first + i]!;
      }
      exports.foldWindows(code.value as number, values.byteOffset, count);
      for (let i = 0; i < count; i++) output[first + i] = f64[folds + i]!;
    }
    return true;
  }
}
