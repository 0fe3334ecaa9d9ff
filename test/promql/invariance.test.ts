/** What is evaluated once: each largest part of a tree with the same value at every step. */
import { expect, test } from "bun:test";
import type { Expr } from "../../src/promql/ast.ts";
import { children } from "../../src/promql/ast.ts";
import { markStepInvariant } from "../../src/promql/invariance.ts";
import { parseQuery } from "../../src/promql/parser.ts";

/** The texts of the parts that are wrapped. */
function wrappedParts(query: string): string[] {
  const found: string[] = [];
  const visit = (expr: Expr): void => {
    if (expr.kind === "step_invariant") {
      found.push(query.slice(expr.position.start, expr.position.end));
    }
    for (const child of children(expr)) visit(child);
  };
  visit(markStepInvariant(parseQuery(query)));
  return found;
}

test.each([
  { query: "m @ 10", parts: ["m @ 10"] },
  { query: "-(m @ 10)", parts: ["-(m @ 10)"] },
  { query: "m + m @ 10", parts: ["m @ 10"] },
  { query: "1 + 2", parts: ["1 + 2"] },
  { query: "m + (1 + 2)", parts: ["(1 + 2)"] },
  { query: "sum(rate(m[5m] @ 10))", parts: ["sum(rate(m[5m] @ 10))"] },
  { query: "time() + vector(1)", parts: ["vector(1)"] },
  { query: "timestamp(m @ 10)", parts: ["timestamp(m @ 10)"] },
  { query: "timestamp(abs(m @ 10))", parts: ["abs(m @ 10)"] },
  { query: "max_over_time((m @ 10)[5m:1m])", parts: ["(m @ 10)"] },
  {
    query: "max_over_time((m @ 10)[5m:1m] @ 20)",
    parts: ["max_over_time((m @ 10)[5m:1m] @ 20)", "(m @ 10)"],
  },
])("invariant in $query", ({ query, parts }) => {
  expect(wrappedParts(query)).toEqual([...parts]);
});

test.each([
  "m",
  "1",
  "max by (a) (max_over_time(m[1m])) > 90",
  "topk(5, rate(m[5m] offset 1h))",
  'label_replace(m, "a", "b", "c", "d") or n',
  "max_over_time(rate(m[1m])[5m:1m])",
])("a tree without invariant parts stays itself: %s", (query) => {
  const expr = parseQuery(query);
  expect(markStepInvariant(expr)).toBe(expr);
});
