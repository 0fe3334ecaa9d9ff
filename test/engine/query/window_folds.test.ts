/** Folds of windows in linear memory beside loops over the same values. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { WindowFolds } from "../../../engine/query/window_folds.ts";

const kernels = new Kernels();
const folds = new WindowFolds(kernels);

/** Values in linear memory, for as long as `use` runs. */
function inMemory(values: readonly number[], use: (column: Float64Array) => void): void {
  const block = kernels.alloc(Math.max(8, values.length * 8), "scratch");
  kernels.f64.set(values, block >> 3);
  use(kernels.f64.subarray(block >> 3, (block >> 3) + values.length));
  kernels.free(block, "scratch");
}

const LOOPS = {
  sum: (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0),
  least: (values: readonly number[]) => Math.min(...values),
  greatest: (values: readonly number[]) => Math.max(...values),
} as const;

const whole = fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 });

test("are what loops give, for any windows", () => {
  fc.assert(
    fc.property(
      fc.array(whole, { maxLength: 300 }),
      fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 40 }),
      (values, borders) => {
        const sorted = borders.map((pair) =>
          pair.map((each) => each % (values.length + 1)).sort((a, b) => a - b)
        );
        const from = Int32Array.from(sorted, ([first]) => first!);
        const to = Int32Array.from(sorted, ([, past]) => past!);
        inMemory(values, (column) => {
          for (const operation of ["sum", "least", "greatest"] as const) {
            const output = new Float64Array(from.length);
            expect(folds.fold(operation, column, { from, to }, output)).toBe(true);
            for (let i = 0; i < from.length; i++) {
              if (from[i]! >= to[i]!) continue;
              expect(output[i]).toBe(LOOPS[operation](values.slice(from[i], to[i])));
            }
          }
        });
      },
    ),
  );
});

test("more windows than are staged at a time", () => {
  const values = Array.from({ length: 3_000 }, (_, i) => (i * 7_919) % 1_009);
  const from = Int32Array.from({ length: 2_990 }, (_, i) => i);
  const to = from.map((first) => first + 10);
  inMemory(values, (column) => {
    const output = new Float64Array(from.length);
    expect(folds.fold("greatest", column, { from, to }, output)).toBe(true);
    expect([...output]).toEqual([...from].map((i) => Math.max(...values.slice(i, i + 10))));
  });
});

test("values elsewhere are left alone", () => {
  const windows = { from: Int32Array.of(0), to: Int32Array.of(2) };
  const output = Float64Array.of(7);
  expect(folds.fold("sum", Float64Array.of(1, 2), windows, output)).toBe(false);
  expect([...output]).toEqual([7]);
});
