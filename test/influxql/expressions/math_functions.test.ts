import { expect, test } from "bun:test";
import { type Cell, columnOf, type Kind } from "../../../src/influxql/values/columns.ts";
import { mathColumn } from "../../../src/influxql/expressions/math_functions.ts";
import { cellsOf } from "../functions/support.ts";

interface Case {
  readonly name: string;
  readonly function: string;
  readonly kinds?: readonly Kind[];
  readonly args: readonly (readonly Cell[])[];
  readonly cells: readonly Cell[];
}

test.each<Case>([
  {
    name: "halves go away from zero",
    function: "round",
    args: [[0.5, 1.5, 2.5, -0.5, -1.5, -2.4, 0.49999999999999994]],
    cells: [1, 2, 3, -1, -2, -2, 0],
  },
  {
    name: "whole numbers stay what they are",
    function: "round",
    kinds: ["integer"],
    args: [[2n ** 60n + 1n]],
    cells: [2n ** 60n + 1n],
  },
  { name: "down", function: "floor", args: [[1.5, -1.5]], cells: [1, -2] },
  { name: "up", function: "ceil", args: [[1.5, -1.5]], cells: [2, -1] },
  {
    name: "whole numbers below zero",
    function: "abs",
    kinds: ["integer"],
    args: [[-5, 5]],
    cells: [5, 5],
  },
  {
    name: "the least whole number has no opposite",
    function: "abs",
    kinds: ["integer"],
    args: [[-(2n ** 63n), -(2n ** 60n)]],
    cells: [-(2n ** 63n), 2n ** 60n],
  },
  { name: "below zero there is none", function: "sqrt", args: [[-1, 4]], cells: [undefined, 2] },
  {
    name: "of zero and below there is none",
    function: "ln",
    args: [[0, -1, 1]],
    cells: [undefined, undefined, 0],
  },
  { name: "beyond one there is none", function: "asin", args: [[2, 0]], cells: [undefined, 0] },
  { name: "beyond one there is none", function: "acos", args: [[-2, 1]], cells: [undefined, 0] },
  {
    name: "beyond doubles there is none",
    function: "exp",
    args: [[1e3, 0]],
    cells: [undefined, 1],
  },
  { name: "the base is second", function: "log", args: [[8, 9], [2, 3]], cells: [3, 2] },
  { name: "there is none to base 1", function: "log", args: [[8], [1]], cells: [undefined] },
  { name: "y is first", function: "atan2", args: [[1, 0], [0, -1]], cells: [Math.PI / 2, Math.PI] },
  {
    name: "powers of whole numbers",
    function: "pow",
    kinds: ["integer", "integer"],
    args: [[2, 2, -3], [10, -1, 3]],
    cells: [1024, 0.5, -27],
  },
  {
    name: "beyond doubles there is none",
    function: "pow",
    args: [[10], [400]],
    cells: [undefined],
  },
  { name: "roots below zero are none", function: "pow", args: [[-4], [0.5]], cells: [undefined] },
  {
    name: "what is missing stays so",
    function: "pow",
    args: [[undefined, 2], [2, undefined]],
    cells: [undefined, undefined],
  },
])("$function: $name", ({ function: name, kinds = [], args, cells }) => {
  const columns = args.map((each, i) => columnOf(kinds[i] ?? "float", each));
  cellsOf(mathColumn(name, columns)).forEach((cell, i) => {
    if (typeof cell === "number") expect(cell).toBeCloseTo(cells[i] as number, 12);
    else expect(cell === cells[i]).toBe(true);
  });
});

test("texts and booleans are no numbers", () => {
  expect(() => mathColumn("abs", [columnOf("string", ["a"])])).toThrow(
    "cannot use string in argument to abs()",
  );
});
