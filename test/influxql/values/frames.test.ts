/** Answers that are small tables. */
import { expect, test } from "bun:test";
import { limited, tableFrame, textFrame } from "../../../src/influxql/values/frames.ts";
import { plainFrame } from "../../support/influxql_world.ts";

test("a column is of the kind of its first value", () => {
  const rows = [[undefined, 1, true, 2n ** 63n - 1n], ["b", 2, false, 0n]] as const;
  const frame = tableFrame("t", ["text", "number", "flag", "wide"], rows);
  expect(frame.data.map(({ kind }) => kind)).toEqual(["string", "integer", "boolean", "integer"]);
  expect(plainFrame(frame)).toEqual({
    name: "t",
    columns: ["text", "number", "flag", "wide"],
    values: [[undefined, 1, true, 2n ** 63n - 1n], ["b", 2, false, 0n]],
  });
});

test("tables without rows keep their columns", () => {
  expect(plainFrame(tableFrame("", ["a", "b"], []))).toEqual({
    name: "",
    columns: ["a", "b"],
    values: [],
  });
  expect(textFrame("", ["a"], [[]]).count).toBe(0);
});

test("texts by column", () => {
  const frame = textFrame("t", ["key", "value"], [["a", "b"], ["1", "2"]]);
  expect(plainFrame(frame).values).toEqual([["a", "1"], ["b", "2"]]);
});

test.each([
  [0, 0, [1, 2, 3, 4]],
  [2, 0, [1, 2]],
  [2, 1, [2, 3]],
  [0, 3, [4]],
  [9, 9, []],
])("LIMIT %p OFFSET %p", (limit, offset, rows) => {
  expect(limited([1, 2, 3, 4], { limit, offset })).toEqual(rows);
});
