/** Measurements as they lie in the engine. */
import { expect, test } from "bun:test";
import { compileRegex } from "../../../engine/mod.ts";
import { cellAt } from "../../../src/influxql/values/columns.ts";
import { ticksOf } from "../../../src/influxql/sources/engine_series.ts";
import { findMeasurements } from "../../../src/influxql/sources/engine_source.ts";
import { nsAt } from "../../../src/influxql/values/instants.ts";
import { Slices } from "../../../src/slices.ts";
import type { Table } from "../../../src/influxql/values/table.ts";
import { TIME_MAX_NS, TIME_MIN_NS } from "../../../src/influxql/expressions/time_range.ts";
import { SelectWorld } from "../../support/influxql_select.ts";

const ALL = { min: TIME_MIN_NS, max: TIME_MAX_NS };
const LINES = [
  'cpu,host=a,db=x u=1,n=1i,s="t" 10',
  "cpu,host=a,db=x u=2,b=true 20",
  "cpu,host=b,db=x u=3 15",
  "cpu,host=c,db=y u=4 15",
  "cpu_load,host=a,db=x value=1 10",
  "cpu.x,db=x u=1 10",
  "cpu,host=z u=9 10",
  "mixed,host=a,db=x v=1 10",
  "mixed,host=b,db=y v=2i 20",
];

function open(world: SelectWorld) {
  const { database } = world;
  const view = database.view(ticksOf(ALL, database));
  const read = { series: 0, points: 0 };
  const budget = {
    countSeries: (series: number) => void (read.series += series),
    countPoints: (points: number) => void (read.points += points),
  };
  return { parts: { database, view, budget }, view, read };
}

function rowsOf({ count, times, columns }: Table): unknown[][] {
  return Array.from(
    { length: count },
    (_, row) => [nsAt(times, row), ...columns.map((column) => cellAt(column, row))],
  );
}

test("measurements are found by their name, and by a pattern", async () => {
  await using world = await SelectWorld.open(LINES);
  const { parts, view } = open(world);
  using _view = view;
  const where = { label: "x", expiredBeforeNs: undefined };
  const [cpu, ...others] = findMeasurements(parts, where, "cpu");
  expect(others).toEqual([]);
  expect([...cpu!.fields].sort()).toEqual([
    ["b", "boolean"],
    ["n", "integer"],
    ["s", "string"],
    ["u", "float"],
  ]);
  expect([...cpu!.tags]).toEqual(["host"]);
  const found = findMeasurements(parts, where, compileRegex("cpu.*"));
  expect(found.map(({ name }) => name).sort()).toEqual(["cpu", "cpu.x", "cpu_load"]);
  expect(findMeasurements(parts, where, "nope")).toEqual([]);
});

test("labels keep databases apart, and there are series without any", async () => {
  await using world = await SelectWorld.open(LINES);
  const { parts, view } = open(world);
  using _view = view;
  for (const [label, hosts] of [["x", ["a", "b"]], ["y", ["c"]], ["", ["z"]]] as const) {
    const [cpu] = findMeasurements(parts, { label, expiredBeforeNs: undefined }, "cpu");
    const series = cpu!.open({ bounds: ALL, condition: undefined, fields: ["u"], dimensions: [] });
    expect(series.map(({ tags }) => tags.get("host"))).toEqual([...hosts]);
  }
});

test("series are read as rows of the fields asked for", async () => {
  await using world = await SelectWorld.open(LINES);
  const { parts, view, read } = open(world);
  using _view = view;
  const [cpu] = findMeasurements(parts, { label: "x", expiredBeforeNs: undefined }, "cpu");
  const [a] = cpu!.open({ bounds: ALL, condition: undefined, fields: ["u", "s"], dimensions: [] });
  expect(rowsOf(a!.read(["s", "u", "nope"], ALL) as Table)).toEqual([
    [10n, "t", 1, undefined],
    [20n, undefined, 2, undefined],
  ]);
  expect(rowsOf(a!.read(["u"], { min: 11n, max: 20n }) as Table)).toEqual([[20n, 2]]);
  expect(read).toEqual({ series: 2, points: 4 });
  expect(a!.stored!.hasPoints(["s"], { min: 11n, max: 20n })).toBe(false);
  expect(a!.stored!.hasPoints(["u"], { min: 11n, max: 20n })).toBe(true);
});

test("a field is of one type in each database", async () => {
  await using world = await SelectWorld.open(LINES);
  const { parts, view } = open(world);
  using _view = view;
  const kinds = ["x", "y"].map((label) => {
    const [mixed] = findMeasurements(parts, { label, expiredBeforeNs: undefined }, "mixed");
    return mixed?.fields.get("v");
  });
  expect(kinds).toEqual(["float", "integer"]);
});

test("what is expired is not read", async () => {
  await using world = await SelectWorld.open(LINES);
  const { parts, view } = open(world);
  using _view = view;
  const [cpu] = findMeasurements(parts, { label: "x", expiredBeforeNs: 16n }, "cpu");
  const { fields } = await cpu!.present(new Slices(1));
  expect([...fields.keys()].sort()).toEqual(["b", "u"]);
  const [a] = cpu!.open({ bounds: ALL, condition: undefined, fields: ["u"], dimensions: [] });
  expect(rowsOf(a!.read(["u"], ALL) as Table)).toEqual([[20n, 2]]);
});
