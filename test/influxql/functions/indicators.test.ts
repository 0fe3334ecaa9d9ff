import { expect, test } from "bun:test";
import { type Given, transform } from "./support.ts";

/** Up to 15 and down again. */
const HILL = Array.from({ length: 29 }, (_, i) => 15 - Math.abs(14 - i));

function valuesOf(name: string, values: readonly number[], args: Given["args"]): unknown[] {
  return transform(name, { values, args: args! }).map(([, value]) => value);
}

test.each<{ name: string; function: string; args: Given["args"]; values: number[] }>([
  {
    name: "begins simply",
    function: "triple_exponential_derivative",
    args: [4, -1, "simple"],
    values: [
      ...[18.181818181818187, 15.384615384615374, 13.33333333333333, 11.764705882352944],
      ...[10.526315789473696, 8.304761904761904, 5.641927541329594, 3.0392222148232007],
      ...[0.7160675740302658, -1.2848911076603242, -2.9999661985600667, -4.493448741755901],
      ...[-5.836238000516913, -7.099092024379772, -8.352897627933453, -9.673028502435233],
      ...[-11.147601363985949, -12.891818138458877, -15.074463280730022],
    ],
  },
  {
    name: "of a period of ten",
    function: "kaufmans_adaptive_moving_average",
    args: [10],
    values: [
      ...[10.444444444444445, 11.135802469135802, 11.964334705075446, 12.869074836153025],
      ...[13.81615268675168, 13.871008014588556, 13.71308456353558, 13.553331356741122],
      ...[13.46599437575161, 13.4515677602438, 13.29930139347417, 12.805116570729284],
      ...[11.752584300922967, 10.036160535131103, 7.797866963961725, 6.109926091089847],
      ...[4.727736717272138, 3.5154092873734104, 2.3974496040963396],
    ],
  },
  {
    name: "over the changes of a window, held back for a row less than the period",
    function: "chande_momentum_oscillator",
    args: [10],
    values: [
      ...[100, 100, 100, 100, 100, 100, 80, 60, 40, 20, 0, -20, -40, -60, -80],
      ...[-100, -100, -100, -100, -100],
    ],
  },
  {
    name: "smoothed, beginning simply",
    function: "chande_momentum_oscillator",
    args: [10, -1, "simple"],
    values: [
      ...[100, 100, 100, 100, 100, 80, 61.999999999999986, 45.79999999999999, 31.22],
      ...[18.097999999999992, 6.288199999999988, -4.340620000000012, -13.906558000000008],
      ...[-22.515902200000014, -30.264311980000013, -37.23788078200001, -43.51409270380002],
      ...[-49.16268343342002, -54.24641509007802],
    ],
  },
])("$function: $name", ({ function: name, args, values }) => {
  const found = valuesOf(name, HILL, args) as number[];
  expect(found).toHaveLength(values.length);
  values.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 9));
});

test.each<
  { name: string; function: string; values: number[]; args: Given["args"]; found: unknown[] }
>([
  {
    name: "a period of one is the value itself",
    function: "exponential_moving_average",
    values: [1, 5, 2],
    args: [1],
    found: [1, 5, 2],
  },
  {
    name: "is held back until it is warm",
    function: "exponential_moving_average",
    values: [1, 3, 5, 7],
    args: [3],
    // Weights 2/3, 2/4, 2/4.
    found: [(1 + 2 * 2 / 3 + 5) / 2, ((1 + 2 * 2 / 3 + 5) / 2 + 7) / 2],
  },
  {
    name: "begins with plain means",
    function: "exponential_moving_average",
    values: [1, 3, 5, 7],
    args: [3, 0, "simple"],
    found: [1, 2, 3, 5],
  },
  {
    name: "is held back for more rows than there are",
    function: "exponential_moving_average",
    values: [1, 3],
    args: [2, 5],
    found: [],
  },
  {
    name: "of what does not change is the same",
    function: "double_exponential_moving_average",
    values: [4, 4, 4, 4],
    args: [2],
    found: [4, 4, 4],
  },
  {
    name: "is held back for both averages where it begins simply",
    function: "double_exponential_moving_average",
    values: [4, 4, 4, 4],
    args: [2, -1, "simple"],
    found: [4, 4],
  },
  {
    name: "of what does not change is the same",
    function: "triple_exponential_moving_average",
    values: [4, 4, 4, 4],
    args: [2, 0],
    found: [4, 4, 4, 4],
  },
  {
    name: "leaves out what follows a zero",
    function: "triple_exponential_derivative",
    values: [4, 4],
    args: [1, -1],
    found: [0],
  },
  {
    name: "without a way down is 100",
    function: "relative_strength_index",
    values: [1, 2, 3],
    args: [2],
    found: [100],
  },
  {
    name: "has no value without any way",
    function: "relative_strength_index",
    values: [0, 0],
    args: [1, 0],
    found: [undefined, undefined],
  },
  {
    name: "the part of the way",
    function: "kaufmans_efficiency_ratio",
    values: [20, 21, 22, 23, 22, 21],
    args: [3],
    found: [1, 1 / 3, 1 / 3],
  },
  {
    name: "of a period of one is 1, 0 where nothing changes",
    function: "kaufmans_efficiency_ratio",
    values: [1, 5, 5, 2],
    args: [1],
    found: [1, 0, 1],
  },
  {
    name: "of a period of one",
    function: "chande_momentum_oscillator",
    values: [3, 5, 5, 2],
    args: [1, 0],
    found: [0, 100, 0, -100],
  },
])("$function: $name", ({ function: name, values, args, found }) => {
  expect(valuesOf(name, values, args)).toEqual(found);
});

test("times are those of the rows that a value ends with", () => {
  const given = { values: [1, 2, 3, 4], times: [5, 7, 7, 9], args: [2] };
  expect(transform("exponential_moving_average", given).map(([time]) => time)).toEqual([7, 7, 9]);
  expect(transform("exponential_moving_average", { values: [], args: [2] })).toEqual([]);
});
