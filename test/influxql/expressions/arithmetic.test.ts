import { describe, expect, test } from "bun:test";
import { evaluate } from "../../../src/influxql/expressions/arithmetic.ts";
import { parseBindParameters } from "../../../src/influxql/language/bind_parameters.ts";
import { type Cell, cellAt, columnOf, missing } from "../../../src/influxql/values/columns.ts";
import { parseInfluxql } from "../../../src/influxql/language/parser.ts";
import { type Column, StatementError } from "../../../src/influxql/values/result.ts";

const WIDE = 2n ** 62n;
const COLUMNS: Readonly<Record<string, Column>> = {
  f: columnOf("float", [1.5, undefined, 0]),
  i: columnOf("integer", [7, 2, 0]),
  wide: columnOf("integer", [WIDE, -WIDE, 1n]),
  u: columnOf("unsigned", [2n ** 64n - 1n, 1n, 0n]),
  b: columnOf("boolean", [true, false, undefined]),
  s: columnOf("string", ["a", "b", undefined]),
};

function compute(text: string): { readonly kind: string; readonly cells: Cell[] } {
  const [statement] = parseInfluxql(`SELECT ${text} FROM m`, parseBindParameters("{}"));
  if (statement?.kind !== "select") throw new Error(`Expected a SELECT: ${text}`);
  const column = evaluate(statement.fields[0]!.expr, {
    count: 3,
    columnOf: (name) => COLUMNS[name] ?? missing("float", 3),
  });
  return { kind: column.kind, cells: [0, 1, 2].map((row) => cellAt(column, row)) };
}

describe("operators", () => {
  test.each<[string, string, Cell[]]>([
    ["f + 1", "float", [2.5, undefined, 1]],
    ["i + 1", "integer", [8, 3, 1]],
    ["i - 8", "integer", [-1, -6, -8]],
    ["i * 1.5", "float", [10.5, 3, 0]],
    ["i / 2", "float", [3.5, 1, 0]],
    ["7 / i", "float", [1, 3.5, 0]],
    ["i % 4", "integer", [3, 2, 0]],
    ["7 % i", "integer", [0, 1, 0]],
    ["i & 3", "integer", [3, 2, 0]],
    ["i | 8", "integer", [15, 10, 8]],
    ["i ^ 1", "integer", [6, 3, 1]],
    ["wide + wide", "integer", [-(2n ** 63n), -(2n ** 63n), 2n]],
    ["u + 1", "unsigned", [0, 2, 1]],
    ["b & true", "boolean", [true, false, undefined]],
    ["f + nothing", "float", [undefined, undefined, undefined]],
    ["(i + 1) * (i - 1)", "integer", [48, 3, -1]],
  ])("%s", (text, kind, cells) => expect(compute(text)).toEqual({ kind, cells }));

  test.each(["s + 1", "b + 1", "f & 1", "s + s"])("%s is an error", (text) => {
    expect(() => compute(text)).toThrow(StatementError);
  });
});

describe("functions", () => {
  test.each<[string, string, Cell[]]>([
    ["abs(i - 3)", "integer", [4, 1, 3]],
    ["round(f)", "float", [2, undefined, 0]],
    ["round(-1 * f)", "float", [-2, undefined, 0]],
    ["sqrt(f - 1)", "float", [Math.sqrt(0.5), undefined, undefined]],
    ["ln(i)", "float", [Math.log(7), Math.log(2), undefined]],
    ["pow(i, 2)", "float", [49, 4, 0]],
    ["pow(f, 2)", "float", [2.25, undefined, 0]],
    ["atan2(i, 1)", "float", [Math.atan2(7, 1), Math.atan2(2, 1), 0]],
  ])("%s", (text, kind, cells) => {
    const found = compute(text);
    expect(found.kind).toBe(kind);
    found.cells.forEach((cell, row) => {
      if (cell === undefined) expect(cells[row]).toBeUndefined();
      else expect(Number(cell)).toBeCloseTo(Number(cells[row]), 12);
    });
  });
});

test.each<[string, string, Cell[]]>([
  ["f::integer", "integer", [1, undefined, 0]],
  ["i::float", "float", [7, 2, 0]],
  ["s::float", "float", [undefined, undefined, undefined]],
  ["s::string", "string", ["a", "b", undefined]],
])("%s", (text, kind, cells) => expect(compute(text)).toEqual({ kind, cells }));
