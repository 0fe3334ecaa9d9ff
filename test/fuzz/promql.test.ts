/**
 * PromQL texts that are nearly right: examples of the conformance tests, mutated. Parsing gives a tree or a ParseError; a tree
 * prints as a text that parses into one that prints the same; evaluation answers or throws a PromqlError, in bounded time.
 */
import { describe, expect, test } from "bun:test";
import type { Expr } from "../../src/promql/ast.ts";
import { ParseError, PromqlError } from "../../src/promql/errors.ts";
import { parseQuery } from "../../src/promql/parser.ts";
import { prettyPrint, printExpr } from "../../src/promql/printer.ts";
import { promqlCases } from "../support/promql_examples.ts";
import { engineOver } from "../support/promql_query.ts";
import { checkTime, fuzz, FUZZ_TIMEOUT_MS, mutateText } from "./mutation.ts";

/** Where the shared examples are absent: one text of each kind of syntax. */
const TEXTS = [
  'sum by (job) (rate(m{job="a", x!~"b|c"}[5m] offset 1m))',
  "histogram_quantile(0.9, sum by (le) (rate(b_bucket[5m])))",
  "a and on(job) group_left(x) b or c unless ignoring(y) d",
  "max_over_time(rate(m[1m])[10m:30s] @ end()) > bool 2 ^ -3",
  'label_replace(m, "a", "$1-${x}", "job", "(?P<x>.*)")',
  "topk(2, -m) % 3 atan2 1e3 + 0x1f - Inf * NaN",
  'count_values("v", m) == 1h30m + "a\\u00fc\\n"',
];
const corpus = [...TEXTS, ...new Set(promqlCases().map(({ expr }) => expr))];

function parse(text: string): Expr | undefined {
  const start = performance.now();
  try {
    return parseQuery(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return undefined;
  } finally {
    checkTime(start, text.length);
  }
}

describe("mutated texts", () => {
  test("parse into a tree that prints and parses again, or into a ParseError", async () => {
    let parsed = 0;
    await fuzz(6_000, (random) => {
      const text = mutateText(random.pick(corpus), random, random.pick(corpus));
      const tree = parse(text);
      if (tree === undefined) return;
      parsed++;
      for (const print of [printExpr, prettyPrint]) {
        const printed = print(tree);
        const again = parse(printed);
        if (again === undefined || print(again) !== printed) {
          throw new Error(`${JSON.stringify(text)} prints as ${JSON.stringify(printed)}`);
        }
      }
    });
    expect(parsed).toBeGreaterThan(500);
  }, FUZZ_TIMEOUT_MS);

  test("evaluate, or throw a PromqlError that is no internal one", async () => {
    const engine = engineOver([
      'm{job="a",x="1"} 0+1x30',
      'm{job="b",x="2"} 5 NaN -Inf _ stale 7x20',
      'b_bucket{le="1"} 0+1x30',
      'b_bucket{le="+Inf"} 0+2x30',
      'http_requests{job="api",instance="0",group="canary"} 0+10x30',
      "native {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x30",
    ], { limits: { queryMsMax: 2_000, queryPointsMax: 200_000, queryBytesMax: 16 << 20 } });
    let answered = 0;
    await fuzz(3_000, async (random) => {
      const text = mutateText(random.pick(corpus), random, random.pick(corpus))
        .replaceAll(/\b(foo|bar|metric|testmetric|request_duration\w*)\b/g, "m");
      if (parse(text) === undefined) return;
      const start = performance.now();
      const range = { startMs: 0, endMs: 600_000, stepMs: 60_000 };
      try {
        await (random.below(2) === 0 ? engine.instant(text, 900_000) : engine.range(text, range));
        answered++;
      } catch (error) {
        if (!(error instanceof PromqlError) || error.kind === "internal") {
          throw new Error(`${JSON.stringify(text)}: ${String(error)}`, { cause: error });
        }
      }
      if (performance.now() - start > 6_000) throw new Error(`${JSON.stringify(text)} is slow`);
    });
    expect(answered).toBeGreaterThan(200);
  }, FUZZ_TIMEOUT_MS);
});

describe("texts of one piece repeated", () => {
  const pieces = [
    "(",
    "-",
    "m[",
    "{",
    "sum(",
    '"',
    "\\",
    "m+",
    "not ",
    "1h",
    "[1m:",
    "@",
    "#",
    'a{b=~"',
    "((m)",
    "\u{1f600}",
  ];
  test.each(pieces)("%j", (piece) => {
    for (const count of [100, 20_000]) {
      const start = performance.now();
      parse(piece.repeat(count));
      expect(performance.now() - start).toBeLessThan(4_000);
    }
  });
});
