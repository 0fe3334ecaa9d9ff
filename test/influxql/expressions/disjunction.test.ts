/** Lists of alternatives: what is gathered, and that it means what was written. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Binary, Expr } from "../../../src/influxql/language/ast.ts";
import type { Kind } from "../../../src/influxql/values/columns.ts";
import { reduceByTags } from "../../../src/influxql/expressions/condition.ts";
import { disjunctionOf } from "../../../src/influxql/expressions/disjunction.ts";
import { parseInfluxql } from "../../../src/influxql/language/parser.ts";
import { printExpression } from "../../../src/influxql/language/printer.ts";
import { ANY_FIELDS, compileCondition } from "../../../src/influxql/expressions/tag_condition.ts";

function conditionOf(text: string): Binary {
  const [statement] = parseInfluxql(`SELECT v FROM m WHERE ${text}`);
  if (statement?.kind !== "select" || statement.where?.kind !== "binary") throw new Error(text);
  return statement.where;
}

test("texts are gathered by what they are compared with", () => {
  const text = "a = 'x' OR b = 'z' OR (a = 'y' OR (c != 'q' OR a = 'x')) OR a::tag = 'w' OR v > 1";
  const { lists, others } = disjunctionOf(conditionOf(text));
  const shown = lists.map(({ reference, values }) => [printExpression(reference), ...values]);
  expect(shown).toEqual([["a", "x", "y"], ["b", "z"], ["a::tag", "w"]]);
  expect(others.map((each) => printExpression(each))).toEqual(["c != 'q'", "v > 1"]);
});

test.each([
  { text: "a = 'x' OR v > 1", tags: { a: "x" }, left: true },
  { text: "a = 'x' OR v > 1", tags: { a: "y" }, left: "v > 1" },
  { text: "a = 'x' OR s = 'p' OR b = 'z' OR s = 'q'", tags: {}, left: "s = 'p' OR s = 'q'" },
  { text: "a = 'x' OR s::tag = ''", tags: {}, left: true },
  { text: "a = 'x' OR a = ''", tags: {}, left: true },
  { text: "a = 'x' OR (a = 'y' AND v > 1) OR a = 'z'", tags: { a: "y" }, left: "v > 1" },
  { text: "a = 'x' OR b = 'x'", tags: { a: "y" }, left: false },
])("$text with $tags leaves $left", ({ text, tags, left }) => {
  const fields = new Map<string, Kind>([["v", "float"], ["s", "string"]]);
  const reduced = reduceByTags(conditionOf(text), new Map(Object.entries(tags)), { fields });
  expect(typeof reduced === "boolean" ? reduced : printExpression(reduced)).toBe(left);
});

test("every tree of AND and OR is the same with and without lists", () => {
  const leaf = fc.tuple(
    fc.constantFrom("a", "b", "c"),
    fc.constantFrom("", "x", "y"),
    fc.boolean(),
  );
  const { tree } = fc.letrec<{ tree: Expr; node: Expr }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      leaf.map(([name, value, isEqual]): Expr => ({
        kind: "binary",
        op: isEqual ? "=" : "!=",
        left: { kind: "reference", name, cast: undefined },
        right: { kind: "string", value },
      })),
      tie("node"),
    ),
    node: fc.tuple(fc.constantFrom("and", "or"), tie("tree"), tie("tree"), fc.boolean()).map(
      ([op, left, right, isWrapped]): Expr => {
        const inner: Expr = { kind: "binary", op: op as "and" | "or", left, right };
        return isWrapped ? { kind: "parentheses", inner } : inner;
      },
    ),
  }));
  const tagsOf = fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("x", "y"));
  fc.assert(fc.property(tree, tagsOf, (condition, record) => {
    const tags = new Map(Object.entries(record));
    const wanted = naive(condition, tags);
    expect(reduceByTags(condition, tags, { fields: new Map() })).toBe(wanted);
    const facts = {
      measurement: "m",
      tag: (name: string) => tags.get(name),
      schema: { fields: new Map() },
    };
    expect(compileCondition(condition, ANY_FIELDS)(facts)).toBe(wanted);
  }));
});

function naive(expr: Expr, tags: ReadonlyMap<string, string>): boolean {
  if (expr.kind === "parentheses") return naive(expr.inner, tags);
  if (expr.kind !== "binary") throw new Error(expr.kind);
  const { op, left, right } = expr;
  if (op === "and") return naive(left, tags) && naive(right, tags);
  if (op === "or") return naive(left, tags) || naive(right, tags);
  if (left.kind !== "reference" || right.kind !== "string") throw new Error(op);
  return ((tags.get(left.name) ?? "") === right.value) === (op === "=");
}
