import { describe, expect, test } from "bun:test";
import { askSorted, engineOver } from "../support/promql_query.ts";

const engine = engineOver([
  'a{x="1", y="1"} 1',
  'a{x="1", y="2"} 2',
  'a{x="2", y="1"} 3',
  'b{x="1"} 10',
  'b{x="3"} 30',
  'c{x="1", z="p"} 100',
  'c{x="1", z="q"} 200',
  'twice{x="1", k="l"} 1 _',
  'twice{x="1", k="r"} _ 2',
  "alone 7",
]);

describe("errors", () => {
  test.each([
    {
      query: "b + on(x) c",
      message: 'found duplicate series for the match group {x="1"} on the right hand-side of the ' +
        'operation: [{__name__="c", x="1", z="p"}, {__name__="c", x="1", z="q"}];many-to-many ' +
        "matching not allowed: matching labels must be unique on one side",
    },
    {
      query: "c + on(x) group_right b",
      message: 'found duplicate series for the match group {x="1"} on the left hand-side',
    },
    {
      query: "a + on(x) b",
      message: "multiple matches for labels: many-to-one matching must be explicit " +
        "(group_left/group_right)",
    },
    {
      query: "a > on(x) b",
      message: "multiple matches for labels: many-to-one matching must be explicit",
    },
    {
      query: "a * on(x) group_left(y) b",
      message: "multiple matches for labels: grouping labels must ensure unique matches",
    },
    {
      query: "a > on(x) group_left(y) b",
      message: "multiple matches for labels: grouping labels must ensure unique matches",
    },
    { query: 'ceil({__name__=~"a|b", x="1", y=~"|1"}) + 0', message: "" },
    {
      query: 'label_replace(a, "y", "", "", "")',
      message: "vector cannot contain metrics with the same labelset",
    },
  ])("$query", async ({ query, message }) => {
    if (message === "") await engine.instant(query, 0);
    else await expect(engine.instant(query, 0)).rejects.toThrow(message);
  });

  test("duplicates do not matter where the other side has no sample at all", async () => {
    expect(await askSorted(engine, "nothing + on(x) c")).toEqual([]);
  });
});

describe("results", () => {
  test.each([
    { query: 'a{y="1"} + on(x) b', result: ['{x="1"} 11'] },
    { query: 'a{y="1"} + ignoring(y) b', result: ['{x="1"} 11'] },
    {
      query: "a * on(x) group_left b",
      result: ['{x="1", y="1"} 10', '{x="1", y="2"} 20'],
    },
    {
      query: "b / on(x) group_right(z) a",
      result: ['{x="1", y="1"} 10', '{x="1", y="2"} 5'],
    },
    {
      query: 'c * on(x) group_left(y) a{y="2"}',
      result: ['{x="1", y="2", z="p"} 200', '{x="1", y="2", z="q"} 400'],
    },
    { query: 'a{y="1"} < on(x) b', result: ['{x="1"} 1'] },
    { query: 'a{y="1"} < ignoring(y) b', result: ['{__name__="a", x="1"} 1'] },
    {
      query: "b > on(x) group_right a",
      result: ['{__name__="a", x="1", y="1"} 10', '{__name__="a", x="1", y="2"} 10'],
    },
    { query: "b < bool b", result: ['{x="1"} 0', '{x="3"} 0'] },
    { query: "alone + on() alone", result: ["{} 14"] },
    { query: "5 < b", result: ['{__name__="b", x="1"} 10', '{__name__="b", x="3"} 30'] },
    { query: "5 > bool alone", result: ["{} 0"] },
    {
      query: 'a{y="1"} + on(x) fill(0) b',
      result: ['{x="1"} 11', '{x="2"} 3', '{x="3"} 30'],
    },
    { query: "b and on(x) a", result: ['{__name__="b", x="1"} 10'] },
    { query: "b unless on(x) a", result: ['{__name__="b", x="3"} 30'] },
    {
      query: 'b or on(x) a{y="1"}',
      result: [
        '{__name__="a", x="2", y="1"} 3',
        '{__name__="b", x="1"} 10',
        '{__name__="b", x="3"} 30',
      ],
    },
    { query: "1 ^ (0 * alone / 0)", result: ["{} 1"] },
    { query: "(0 - 1) ^ (alone * Inf)", result: ["{} 1"] },
    { query: "-alone % 4", result: ["{} -3"] },
  ])("$query", async ({ query, result }) => {
    expect(await askSorted(engine, query)).toEqual([...result]);
  });

  test("the one side may change between steps", async () => {
    const { value } = await engineOver([
      'many{x="1"} 1 1',
      'one{x="1", k="l"} 10 stale',
      'one{x="1", k="r"} _ 20',
    ]).range("many * on(x) group_left(k) one", { startMs: 0, endMs: 60_000, stepMs: 60_000 });
    expect(value).toMatchObject({
      series: [
        { labels: [["k", "l"], ["x", "1"]], count: 1 },
        { labels: [["k", "r"], ["x", "1"]], count: 1 },
      ],
    });
  });
});

describe("type and unit are matched like other labels, but leave results with the name", () => {
  const engine = engineOver([
    'used{__type__="gauge", __unit__="bytes", disk="a"} 30',
    'size{__type__="gauge", disk="a"} 40',
    'free{__type__="gauge", disk="a"} 10',
    'reads_total{__type__="counter", __unit__="reads", disk="a"} 8',
  ]);

  test.each([
    { query: "used / size", result: [] },
    { query: "free / size", result: ['{disk="a"} 0.25'] },
    { query: "used / ignoring(__unit__) size", result: ['{disk="a"} 0.75'] },
    { query: "used / on(disk) reads_total", result: ['{disk="a"} 3.75'] },
    { query: "used and reads_total", result: [] },
    {
      query: "free and size",
      result: ['{__name__="free", __type__="gauge", disk="a"} 10'],
    },
    {
      query: "used unless size",
      result: ['{__name__="used", __type__="gauge", __unit__="bytes", disk="a"} 30'],
    },
    { query: "free unless size", result: [] },
    { query: "used and on(disk, __type__) reads_total", result: [] },
    { query: "used / on(disk, __unit__) size", result: [] },
  ])("$query", async ({ query, result }) => {
    expect(await askSorted(engine, query)).toEqual([...result]);
  });
});
