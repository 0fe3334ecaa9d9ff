import { describe, expect, test } from "bun:test";
import { parseQuery } from "../../src/promql/parser.ts";
import { QUERY_LENGTH_MAX } from "../../src/promql/token_stream.ts";
import { examplesMissing, promqlCases } from "../support/promql_examples.ts";
import { sketch } from "../support/promql_tree.ts";

describe("precedence and associativity", () => {
  test.each([
    ["-2^2", "(- (^ 2 2))"],
    ["2^-1*3", "(* (^ 2 -1) 3)"],
    ["2^3^2", "(^ 2 (^ 3 2))"],
    ["-a * b", '(* (- "a") "b")'],
    ["- - 5", "5"],
    ["1-2-3", "(- (- 1 2) 3)"],
    ["1+2*3%4", "(+ 1 (% (* 2 3) 4))"],
    ["a or b and c unless d", '(or "a" (unless (and "b" "c") "d"))'],
    ["a AND b == c", '(and "a" (== "b" "c"))'],
    ["a atan2 b + 1", '(+ (atan2 "a" "b") 1)'],
    ["a </ 5 >/ 2", '(>/ (</ "a" 5) 2)'],
    ["1 < bool 2", "(< bool 1 2)"],
    ["m offset 2 ^ 2", '(^ ("m" offset 2) 2)'],
    ["m offset -2 ^ 2", '(^ ("m" offset -2) 2)'],
    ["m offset -min_of(step(), 1s)+8000", '(+ ("m" offset (- (min_of step 1))) 8000)'],
  ])("%s", (query, tree) => expect(sketch(parseQuery(query))).toBe(tree));
});

describe("selectors", () => {
  test.each([
    ["sum", '"sum"'],
    ["by", '"by"'],
    ["offset", '"offset"'],
    ["start + fill", '(+ "start" "fill")'],
    ["a:b:c", '"a:b:c"'],
    ['foo{bar="baz", x!~"y|z",}', '("foo" "bar"="baz" "x"!~"y|z")'],
    ['{"my.metric", "label.x"=~"y"}', '(* "__name__"="my.metric" "label.x"=~"y")'],
    ['{__name__="a"}', '(* "__name__"="a")'],
    ["foo{inf='a', by='b'}", '("foo" "by"="b" "inf"="a")'],
    ["foo[5m] offset 1w @ 1.5", '(range ("foo" @1500 offset 604800) 300)'],
    ["foo[5m] @ start() offset -1m", '(range ("foo" @start offset -60) 300)'],
    ["foo @ end() smoothed", '("foo" @end smoothed)'],
    ["foo anchored[1m]", '(range ("foo" anchored) 60)'],
    ["foo[1m] ANCHORED OFFSET 5", '(range ("foo" offset 5 anchored) 60)'],
    ["foo @ -1m", '("foo" @-60000)'],
    ["foo[1m:]", '(subquery "foo" 60)'],
    ["foo[1m:30s] offset (2*3)", '(subquery "foo" 60 30 offset [(* 2 3)])'],
    ["(a+b)[1h:step()]", '(subquery [(+ "a" "b")] 3600 step)'],
    ["rate(foo[1m])[1h:1m] @ 0", '(subquery (rate (range "foo" 60)) 3600 60 @0)'],
  ])("%s", (query, tree) => expect(sketch(parseQuery(query))).toBe(tree));
});

describe("aggregations, calls and matching", () => {
  test.each([
    ["sum(a)", '(sum by [] "a")'],
    ["SUM BY (b, c,) (a)", '(sum by ["b","c"] "a")'],
    ['sum(a) without ("x.y", by)', '(sum without ["x.y","by"] "a")'],
    ["sum by () (a)", '(sum by [] "a")'],
    ["topk by (x) (3, a)", '(topk by ["x"] 3 "a")'],
    ['count_values("v", a)', '(count_values by [] "v" "a")'],
    ["limit_ratio(-0.5, a)", '(limit_ratio by [] -0.5 "a")'],
    ["round(a)", '(round "a")'],
    ["round(a, 5)", '(round "a" 5)'],
    ["label_join(a, 'b', '')", '(label_join "a" "b" "")'],
    ["minute()", "(minute)"],
    ["START() + Max_Of(1, 2)", "(+ (start) (max_of 1 2))"],
    ["info(a, {x=~'.*'})", '(info "a" (* "x"=~".*"))'],
    ["a + on(x, y) b", '(+ on ["x","y"] "a" "b")'],
    ["a + on() b", '(+ on [] "a" "b")'],
    ["a / ignoring(x) group_left b", '(/ ignoring ["x"] many-to-one [] "a" "b")'],
    ["a / on(x) Group_Right(y) b", '(/ on ["x"] one-to-many ["y"] "a" "b")'],
    ["a and on(x) b", '(and on ["x"] "a" "b")'],
    ["a + fill(99) b", '(+ left=99 right=99 "a" "b")'],
    ["a + fill_right(-Inf) fill_left(1m) b", '(+ left=60 right=-Infinity "a" "b")'],
    ["a + on(x) fill_left(0) b", '(+ on ["x"] left=0 "a" "b")'],
    ["a + fill", '(+ "a" "fill")'],
    ["a >= bool on(x) b", '(>= bool on ["x"] "a" "b")'],
  ])("%s", (query, tree) => expect(sketch(parseQuery(query))).toBe(tree));
});

describe("syntax errors", () => {
  test.each([
    ["", "1:1: parse error: no expression found in input"],
    ["# only a comment", "1:1: parse error: no expression found in input"],
    ["1 +", "1:4: parse error: unexpected end of input"],
    ["(1", "1:3: parse error: unclosed left parenthesis"],
    ["sum((a) + ", "1:11: parse error: unclosed left parenthesis"],
    ["sum by (a", "1:10: parse error: unclosed left parenthesis"],
    ["rate(a[5m", "1:10: parse error: unclosed left parenthesis"],
    ["a[", "1:3: parse error: unexpected end of input in duration expression"],
    ["foo{a=", "1:7: parse error: unexpected end of input inside braces"],
    ["1)", "1:3: parse error: unexpected right parenthesis ')'"],
    ["(1 +)", '1:5: parse error: unexpected ")"'],
    ["sum(abs(1 +))", '1:12: parse error: unexpected ")" in aggregation'],
    ["by (a)", '1:4: parse error: unexpected "("'],
    ["foo(1 +)", '1:8: parse error: unexpected ")"'],
    ["a 'b'", `1:3: parse error: unexpected string "'b'"`],
    ["a b:c", '1:3: parse error: unexpected metric identifier "b:c"'],
    ["a b", '1:3: parse error: unexpected identifier "b"'],
    ["a\n+ * b", "2:3: parse error: unexpected <op:*>"],
    ["a = 1", '1:3: parse error: unexpected "="'],
    ["bool", "1:1: parse error: unexpected <bool>"],
    ["on(a)", "1:1: parse error: unexpected <on>"],
    ["foo{", "1:5: parse error: unexpected end of input inside braces"],
    ["foo{a", "1:6: parse error: unexpected end of input inside braces"],
    ["foo{a=b}", '1:7: parse error: unexpected identifier "b" in label matching, expected string'],
    ["foo{a=or}", '1:7: parse error: unexpected identifier "or" in label matching'],
    ["foo{a=='b'}", '1:7: parse error: unexpected "=" in label matching, expected string'],
    [
      "foo{a='b' c='d'}",
      '1:11: parse error: unexpected identifier "c" in label matching, expected "," or "}"',
    ],
    ["foo{,}", '1:5: parse error: unexpected "," in label matching, expected identifier or "}"'],
    ["foo{__name__='x'}", '1:1: parse error: metric name must not be set twice: "foo" or "x"'],
    ['{"foo",__name__="x"}', '1:1: parse error: metric name must not be set twice: "foo" or "x"'],
    ['{"foo","x"}', '1:8: parse error: metric name must not be set twice: "foo" or "x"'],
    ['foo{"x"}', '1:5: parse error: metric name must not be set twice: "foo" or "x"'],
    [
      "sum by (a b) (c)",
      '1:11: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"',
    ],
    ["sum by a (c)", '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("'],
    ["sum(a) by (b) by (c)", "1:15: parse error: unexpected <by>"],
    ["sum()", "1:1: parse error: no arguments for aggregate expression provided"],
    [
      "sum(1, a)",
      "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
    ],
    [
      "topk(a)",
      "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    ],
    ["clamp(a, < 1)", "1:8: parse error: trailing commas not allowed in function call args"],
    ["rate(a[5m],)", "1:11: parse error: trailing commas not allowed in function call args"],
    ["foo(1)", '1:1: parse error: unknown function with name "foo"'],
    ["Rate(a[5m])", '1:1: parse error: unknown function with name "Rate"'],
    ["a[5m", "1:5: parse error: unclosed left bracket"],
    [
      "a[]",
      '1:3: parse error: unexpected "]" in subquery or range selector, expected number, duration, ' +
      "step(), or range()",
    ],
    ["(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors"],
    ["a offset 1m [5m]", "1:13: parse error: no offset modifiers allowed before range"],
    ["a @ 5 [5m]", "1:7: parse error: no @ modifiers allowed before range"],
    ["a offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"],
    ["a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"],
    [
      "(a) offset 1m",
      "1:1: parse error: offset modifier must be preceded by an instant vector selector",
    ],
    ["1 @ 5", "1:1: parse error: @ modifier must be preceded by an instant vector selector"],
    ["a @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"],
    ["a @ NaN", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"],
    [
      "a @ step()",
      '1:5: parse error: unexpected "step" in @, expected timestamp',
    ],
    ["a @ start", "1:10: parse error: unexpected end of input in @, expected timestamp"],
    [
      "a @ 1e30",
      "timestamp out of bounds for @ modifier: 1000000000000000019884624838656.000000",
    ],
    ["a offset foo", '1:10: parse error: unexpected identifier "foo" in offset'],
    [
      "a[5m] anchored smoothed",
      "1:1: parse error: anchored and smoothed modifiers cannot be used together",
    ],
    ["a[5m:1m] smoothed", "1:1: parse error: smoothed modifier is not supported for subqueries"],
    ["1 anchored", "1:1: parse error: anchored modifier not implemented"],
    ["sum by ('')(a)", '1:9: parse error: invalid label name for grouping: ""'],
    ["sum by (a, '\\xff')(a)", '1:12: parse error: invalid label name for grouping: "\\xff"'],
    [
      "a + fill(1) fill_left(2) b",
      '1:13: parse error: unexpected identifier "fill_left" in fill modifiers',
    ],
    [
      "a + fill(b) c",
      '1:10: parse error: unexpected identifier "b" in fill modifier, expected number',
    ],
    ["a and on(x) group_left b", '1:13: parse error: no grouping allowed for "and" operation'],
  ])("%s", (query, message) => expect(() => parseQuery(query)).toThrow(message));
});

describe("limits", () => {
  test("a query may be nested some hundred levels deep", () => {
    const depth = 900;
    const nested = "(".repeat(depth) + "1" + ")".repeat(depth);
    expect(sketch(parseQuery(nested))).toHaveLength(2 * depth + 1);
    expect(parseQuery("a+".repeat(depth) + "a").kind).toBe("binary");
  });

  test.each([
    ["parentheses", "(".repeat(100_000)],
    ["signs", "-".repeat(100_000) + "1"],
    ["a chain of operators", "a+".repeat(5_000) + "a"],
    ["powers", "2^".repeat(5_000) + "2"],
    ["subqueries", "a" + "[1m:1m]".repeat(5_000)],
    ["aggregations", "sum(".repeat(5_000)],
    ["a chain of durations", "a[1" + "+1".repeat(5_000) + "]"],
  ])(
    "%s beyond the limit are refused",
    (_, query) =>
      expect(() => parseQuery(query)).toThrow("query is nested deeper than 1000 levels"),
  );

  test("a long query is refused before it is read", () => {
    const query = " ".repeat(QUERY_LENGTH_MAX) + "1";
    expect(() => parseQuery(query)).toThrow("is longer than 262144");
    expect(parseQuery(query.slice(1)).kind).toBe("number");
  });
});

test("positions span what was written", () => {
  const query = " sum ( rate(a{b='c'}[5m] offset 1m) ) by (x) / 2";
  const expr = parseQuery(query);
  const seen: string[] = [];
  (function visit(node: typeof expr): void {
    seen.push(query.slice(node.position.start, node.position.end));
    if (node.kind === "binary") visit(node.left);
    if (node.kind === "aggregation") visit(node.expr);
    if (node.kind === "call") node.args.forEach(visit);
    if (node.kind === "matrix_selector") visit(node.selector);
  })(expr);
  expect(seen).toEqual([
    "sum ( rate(a{b='c'}[5m] offset 1m) ) by (x) / 2",
    "sum ( rate(a{b='c'}[5m] offset 1m) ) by (x)",
    "rate(a{b='c'}[5m] offset 1m)",
    "a{b='c'}[5m] offset 1m",
    "a{b='c'}",
  ]);
});

test.skipIf(examplesMissing !== undefined)(
  "all shared examples parse unless they must fail",
  () => {
    const cases = promqlCases();
    expect(cases.length).toBeGreaterThan(500);
    const failed = cases.filter((one) => one.error === undefined).flatMap((one) => {
      try {
        parseQuery(one.expr);
        return [];
      } catch (error) {
        return [`${one.id}: ${one.expr}: ${String(error)}`];
      }
    });
    expect(failed).toEqual([]);
  },
);
