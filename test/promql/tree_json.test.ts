import { expect, test } from "bun:test";
import { parseQuery } from "../../src/promql/parser.ts";
import { treeJson } from "../../src/promql/tree_json.ts";

const a = {
  type: "vectorSelector",
  name: "a",
  offset: 0,
  matchers: [{ name: "__name__", value: "a", type: "=" }],
  timestamp: null,
  startOrEnd: null,
  anchored: false,
  smoothed: false,
};

test.each([
  { query: "1e6", json: { type: "numberLiteral", val: "1000000" } },
  { query: "'x'", json: { type: "stringLiteral", val: "x" } },
  { query: "a", json: a },
  {
    query: "a{b!='c'} @ 1.5 offset 1m smoothed",
    json: {
      ...a,
      offset: 60_000,
      matchers: [{ name: "b", value: "c", type: "!=" }, ...a.matchers],
      timestamp: 1500,
      smoothed: true,
    },
  },
  {
    query: "{b!='c','a'}",
    json: {
      ...a,
      name: "",
      matchers: [{ name: "b", value: "c", type: "!=" }, ...a.matchers],
    },
  },
  {
    query: "a[5m] @ end()",
    json: { ...a, type: "matrixSelector", range: 300_000, startOrEnd: "end" },
  },
  {
    query: "a[5m:1m]",
    json: {
      type: "subquery",
      expr: a,
      range: 300_000,
      step: 60_000,
      offset: 0,
      timestamp: null,
      startOrEnd: null,
    },
  },
  { query: "-(a)", json: { type: "unaryExpr", op: "-", expr: { type: "parenExpr", expr: a } } },
  {
    query: "a > bool on(x) group_left(y) fill_left(1) a",
    json: {
      type: "binaryExpr",
      op: ">",
      lhs: a,
      rhs: a,
      matching: {
        card: "many-to-one",
        labels: ["x"],
        on: true,
        include: ["y"],
        fillValues: { lhs: 1, rhs: null },
      },
      bool: true,
    },
  },
  {
    query: "topk without (x) (1, a)",
    json: {
      type: "aggregation",
      op: "topk",
      expr: a,
      param: { type: "numberLiteral", val: "1" },
      grouping: ["x"],
      without: true,
    },
  },
  {
    query: "round(a)",
    json: {
      type: "call",
      func: { name: "round", argTypes: ["vector", "scalar"], variadic: 1, returnType: "vector" },
      args: [a],
    },
  },
])("$query", ({ query, json }) => expect(treeJson(parseQuery(query))).toEqual(json));
