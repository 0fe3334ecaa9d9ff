import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseQuery } from "../../src/promql/parser.ts";
import { prettyPrint, printExpr } from "../../src/promql/printer.ts";
import { promqlCases } from "../support/promql_examples.ts";
import { queries } from "../support/promql_queries.ts";
import { sketch } from "../support/promql_tree.ts";

describe("printExpr", () => {
  test.each([
    ["sum(a)by(x,y)", "sum by (x, y) (a)"],
    ["SUM without(x)(a)", "sum without (x) (a)"],
    ["sum by () (a)", "sum(a)"],
    ["topk(3,a)", "topk(3, a)"],
    ["a+on(b)group_left(c)d", "a + on (b) group_left (c) d"],
    ["a+ignoring()group_right d", "a + ignoring () group_right () d"],
    ["a == bool b", "a == bool b"],
    ["a + fill(1) b", "a + fill (1) b"],
    ["a + fill_right(2) fill_left(1) b", "a + fill_left (1) fill_right (2) b"],
    ["rate(a[5400] offset 60 @ 1.5)", "rate(a[1h30m] @ 1.500 offset 1m)"],
    ["a[5m] @ end() smoothed", "a[5m] smoothed @ end()"],
    ["a[1h:]", "a[1h:]"],
    ["a[1h:1m]offset -5m", "a[1h:1m] offset -5m"],
    ["a[step()*2+max_of(1,5m)]", "a[step() * 2 + max_of(1, 5m)]"],
    ["{'x.y', \"a b\"=~'c'}", '{"a b"=~"c",__name__="x.y"}'],
    ["{'bool'}", '{__name__="bool"}'],
    ["{'plain',a='b'}", '{__name__="plain",a="b"}'],
    ["sum by ('a.b', 'inf') (c)", 'sum by ("a.b", "inf") (c)'],
    ["1e6", "1000000"],
    ["-Inf", "-Inf"],
    ["inf", "+Inf"],
    ["2 ^ Inf", "2 ^ +Inf"],
    ["a > fill(inf) b", "a > fill (+Inf) b"],
    ["a{c='1',b!='2','a b'='3'}", 'a{"a b"="3",b!="2",c="1"}'],
    ["{b='1',__name__=~'a.*'}", '{__name__=~"a.*",b="1"}'],
    ["a[25h] offset 90d", "a[1d1h] offset 90d"],
    ["1 + Inf ^ 2", "1 + Inf ^ 2"],
    ["90s", "1m30s"],
    ["'a\\nb'", '"a\\nb"'],
    ["- ( a )", "-(a)"],
  ])("%s", (query, text) => expect(printExpr(parseQuery(query))).toBe(text));
});

test("what is printed parses to the same tree", () => {
  fc.assert(
    fc.property(queries(), (query) => {
      const expr = parseQuery(query);
      const line = printExpr(expr);
      const reparsed = parseQuery(line);
      expect(sketch(reparsed)).toBe(sketch(expr));
      expect(printExpr(reparsed)).toBe(line);
      expect(sketch(parseQuery(prettyPrint(expr)))).toBe(sketch(expr));
    }),
    { numRuns: 500 },
  );
});

test("shared examples survive printing", () => {
  for (const { expr: query, error } of promqlCases()) {
    if (error !== undefined) continue;
    const expr = parseQuery(query);
    expect(sketch(parseQuery(printExpr(expr)))).toBe(sketch(expr));
    expect(sketch(parseQuery(prettyPrint(expr)))).toBe(sketch(expr));
  }
});

describe("prettyPrint", () => {
  test("short queries stay on one line", () => {
    expect(prettyPrint(parseQuery("sum(rate(a[5m]))/2"))).toBe("sum(rate(a[5m])) / 2");
  });

  test("long queries are split where they nest", () => {
    const query =
      'histogram_quantile(0.9, sum by (job, le) (rate(request_duration_seconds_bucket{job="api",code=~"5.."}[5m]))) > on (job) group_left (team) (some_threshold_metric)';
    expect(prettyPrint(parseQuery(query))).toBe([
      "  histogram_quantile(",
      "    0.9,",
      '    sum by (job, le) (rate(request_duration_seconds_bucket{code=~"5..",job="api"}[5m]))',
      "  )",
      "> on (job) group_left (team)",
      "  (some_threshold_metric)",
    ].join("\n"));
  });
});
