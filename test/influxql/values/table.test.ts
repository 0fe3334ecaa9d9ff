import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Cell, cellAt, columnOf, type Kind } from "../../../src/influxql/values/columns.ts";
import { instantsOf, nsAt } from "../../../src/influxql/values/instants.ts";
import {
  concatTables,
  filterRows,
  joinFields,
  mergeTables,
  rowsWithValues,
  sliceTable,
  type Table,
} from "../../../src/influxql/values/table.ts";

type Row = readonly [time: number, ...cells: Cell[]];

function table(rows: readonly Row[], kinds: readonly Kind[] = ["integer"]): Table {
  return {
    count: rows.length,
    times: instantsOf(rows.map(([time]) => BigInt(time))),
    columns: kinds.map((kind, at) => columnOf(kind, rows.map((row) => row[at + 1]))),
  };
}

function rowsOf({ count, times, columns }: Table): Row[] {
  return Array.from(
    { length: count },
    (_, row) => [Number(nsAt(times, row)), ...columns.map((each) => cellAt(each, row))] as Row,
  );
}

function field(rows: readonly Row[], kind: Kind = "integer") {
  const { times, columns } = table(rows, [kind]);
  return { times, column: columns[0]! };
}

describe("fields of a series", () => {
  test("with the same times stand side by side", () => {
    const joined = joinFields([field([[1, 10], [2, 20]]), field([[1, 11], [2, 21]])], [
      "integer",
      "integer",
    ]);
    expect(rowsOf(joined)).toEqual([[1, 10, 11], [2, 20, 21]]);
  });

  test("with different times leave gaps", () => {
    const joined = joinFields(
      [field([[1, 10], [3, 30]]), undefined, field([[2, "b"], [3, "c"]], "string")],
      ["integer", "boolean", "string"],
    );
    expect(rowsOf(joined)).toEqual([
      [1, 10, undefined, undefined],
      [2, undefined, undefined, "b"],
      [3, 30, undefined, "c"],
    ]);
  });

  test("that are all missing give no rows", () => {
    expect(joinFields([undefined], ["float"]).count).toBe(0);
  });
});

test("rows can be filtered, cut and put behind each other", () => {
  const rows: Row[] = [[1, undefined], [2, 20], [3, 30]];
  const mask = rowsWithValues(table(rows), [0]);
  expect(rowsOf(filterRows(table(rows), mask))).toEqual(rows.slice(1));
  expect(rowsOf(sliceTable(table(rows), 1, 2))).toEqual([rows[1]!]);
  expect(rowsOf(concatTables([table(rows), table([[4, 40]])]))).toEqual([...rows, [4, 40]]);
});

test("tables merge by time, equal times in the order of their series", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { maxLength: 12 }), {
        minLength: 1,
        maxLength: 7,
      }),
      (lists) => {
        const series = lists.map((_, at) => at * 10);
        const tables = lists.map((list, at) =>
          table([...list].sort((a, b) => a - b).map((time) => [time, time * 100 + at]))
        );
        const merged = mergeTables(tables, series);
        const expected = lists
          .flatMap((list, at) => list.map((time) => ({ time, at })))
          .sort((a, b) => a.time - b.time || a.at - b.at);
        expect(rowsOf(merged)).toEqual(expected.map(({ time, at }) => [time, time * 100 + at]));
        expect([...merged.series]).toEqual(expected.map(({ at }) => at * 10));
      },
    ),
  );
});
