/** Chains of `or` are evaluated in one pass: they answer as the operator taken pair by pair does. */
import { expect, test } from "bun:test";
import { engineOver } from "../support/promql_query.ts";

const SERIES: readonly string[] = [
  'a{k="1"} 1 _ 3 _ _ 6',
  'a{k="2"} _ _ 3 4 _ _',
  'b{k="1"} 10 20 30 _ _ _',
  'b{k="3"} _ _ _ 40 50 60',
  'c{k="1",x="y"} 100 200 300 400 500 600',
  'c{k="2"} 100 200 300 400 500 600',
  'd{k="3"} 1000 2000 3000 4000 5000 6000',
];

async function answer(query: string): Promise<string[]> {
  const { value } = await engineOver(SERIES).range(query, {
    startMs: 0,
    endMs: 300_000,
    stepMs: 60_000,
  }, { lookbackMs: 30_000 });
  if (value.type !== "matrix") throw new Error(`${query} is no matrix`);
  return value.series.map(({ labels, count, times, values }) =>
    JSON.stringify([labels, [...times.slice(0, count)], [...values.slice(0, count)]])
  );
}

/** The same operands, grouped from the right, which is no chain. */
test.each([
  ["a or b or c", "a or (b or c)"],
  ["a or b or c or d", "a or (b or (c or d))"],
  ["(a or b) or c or d", "a or (b or (c or d))"],
  ["a or on(k) b or on(k) c or on(k) d", "a or on(k) (b or on(k) (c or on(k) d))"],
  ["a or ignoring(x) b or ignoring(x) c", "a or ignoring(x) (b or ignoring(x) c)"],
  ["a or on() b or on() c", "a or on() (b or on() c)"],
  ["c or on(k) a or on(k) b or on(k) c", "c or on(k) (a or on(k) (b or on(k) c))"],
])("%s", async (chain, grouped) => {
  const found = await answer(chain);
  expect(found.length).toBeGreaterThan(0);
  expect(found).toEqual(await answer(grouped));
});

test("operators that match differently are no chain", async () => {
  expect(await answer("a or on(k) b or on(x) c")).toEqual(
    await answer("(a or on(k) b) or on(x) c"),
  );
});

test("a sample comes from the first operand that has one in its match group", async () => {
  expect(await answer("a or on(k) b or on(k) d")).toEqual([
    '[[["__name__","a"],["k","1"]],[0,120000,300000],[1,3,6]]',
    '[[["__name__","a"],["k","2"]],[120000,180000],[3,4]]',
    '[[["__name__","b"],["k","1"]],[60000],[20]]',
    '[[["__name__","b"],["k","3"]],[180000,240000,300000],[40,50,60]]',
    '[[["__name__","d"],["k","3"]],[0,60000,120000],[1000,2000,3000]]',
  ]);
});

test.each([
  ['(a{k="1"} > 2) or -a{k="1"}', '[[["k","1"]],[0,120000,300000],[-1,3,6]]'],
  ['(a{k="1"} < 2) or -a{k="1"}', '[[["__name__","a"],["k","1"]],[0,120000,300000],[1,-3,-6]]'],
])("the first sample of a series says whether its name goes: %s", async (query, series) => {
  expect(await answer(query)).toEqual([series]);
});

/** The right side says the same in a way that tells nothing before the evaluation. */
test.each([
  [["a", "b", "c"], ""],
  [["a", "a", "b"], ""],
  [["a", "b"], "on(f)"],
  [["a", "b", "c"], "on(k)"],
  [["a", "b", "c"], "ignoring(f)"],
  [["a", "b", "c"], "ignoring(k)"],
])("operands that a constant label tells apart: %j %s", async (constants, matching) => {
  const chain = (source: string) =>
    ["a", "b", "c"].slice(0, constants.length).map((metric, at) =>
      `label_replace(sum by (k) (${metric}), "f", "${constants[at]}", ${source})`
    ).join(` or ${matching} `);
  const found = await answer(chain('"", ""'));
  expect(found.length).toBeGreaterThan(0);
  expect(found).toEqual(await answer(chain('"k", ".*"')));
});

test.each([
  ['label_replace(sum by (k) (c), "k", "one", "", "")', "same labelset"],
  ['label_replace(sum by (k) (c), "x", "one", "", "[")', "invalid regular expression"],
  ['label_replace(c, "__name__", "one", "", "") or label_replace(c, "x", "", "", "")', ""],
])("%s", async (query, message) => {
  if (message === "") expect((await answer(query)).length).toBe(3);
  else await expect(answer(query)).rejects.toThrow(message);
});
