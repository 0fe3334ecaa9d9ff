/**
 * InfluxQL texts that are nearly right: the shared examples, mutated. Parsing gives statements or a SyntaxFailure; a SELECT
 * prints as a text that parses into one that prints the same; `/query` answers in bounded time, with no mistake of ours.
 */
import { describe, expect, test } from "bun:test";
import type { SelectStatement, Statement } from "../../src/influxql/language/ast.ts";
import { parseInfluxql } from "../../src/influxql/language/parser.ts";
import { printSelect } from "../../src/influxql/language/printer.ts";
import { SyntaxFailure } from "../../src/influxql/values/result.ts";
import { influxqlCases } from "../support/influxql_examples.ts";
import { InfluxqlServer } from "../support/influxql_server.ts";
import { checkTime, fuzz, FUZZ_TIMEOUT_MS, mutateText } from "./mutation.ts";

/** Where the shared examples are absent: one text of each kind of syntax. */
const TEXTS = [
  "SELECT mean(v) AS a, max(w) / 2 FROM rp.m WHERE h = 'a' AND time > now() - 1h GROUP BY time(10m, 1m), h fill(linear)",
  `SELECT top("v", h, 3), w::integer FROM /m.*/, db..n WHERE v > 1.5 OR h =~ /^a|b$/ ORDER BY time DESC LIMIT 3 OFFSET 1`,
  "SELECT max(x) FROM (SELECT derivative(sum(v), 1s) AS x FROM m GROUP BY time(1m), *) WHERE x != 0 tz('Europe/Berlin')",
  "SELECT * INTO db.rp.:MEASUREMENT FROM m GROUP BY * SLIMIT 2; SELECT count(distinct(v)) FROM m",
  "SHOW TAG VALUES ON db FROM m WITH KEY IN (h, z) WHERE z !~ /x/ LIMIT 5; SHOW SERIES CARDINALITY",
  "DELETE FROM m WHERE time < '2020-01-01' AND h = ''; EXPLAIN ANALYZE SELECT holt_winters(mean(v), 3, 4) FROM m GROUP BY time(1m)",
];
const LINES = [
  ...Array.from(
    { length: 60 },
    (_, i) =>
      `m,h=${"abc"[i % 3]},z=${i % 2} v=${i},w=${i * 2}i,s="t${i}",b=${i % 2 === 0} ${i * 60}`,
  ),
  ...Array.from({ length: 20 }, (_, i) => `cpu,host=server0${i % 4} value=${i}.5 ${i * 30}`),
  "n v=1 9000000000",
  "n v=-9223372036854775807i,u=18446744073709551615u -9000000000",
];
const corpus = [
  ...TEXTS,
  ...new Set(influxqlCases().flatMap(({ queries }) => queries.map(({ command }) => command))),
];

function parse(text: string): readonly Statement[] | undefined {
  const start = performance.now();
  try {
    return parseInfluxql(text);
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    return undefined;
  } finally {
    checkTime(start, text.length);
  }
}

/** What is only found wrong when it is run has no text. */
function isPrintable({ dimensions, sources }: SelectStatement): boolean {
  return dimensions.every(({ kind }) => kind !== "invalid") &&
    sources.every((source) => source.kind !== "subquery" || isPrintable(source.statement));
}

describe("mutated texts", () => {
  test(
    "parse into statements, of which SELECT prints and parses again, or into a SyntaxFailure",
    async () => {
      let parsed = 0;
      await fuzz(6_000, (random) => {
        const text = mutateText(random.pick(corpus), random, random.pick(corpus));
        for (const statement of parse(text) ?? []) {
          parsed++;
          if (statement.kind !== "select" || !isPrintable(statement)) continue;
          const printed = printSelect(statement);
          const [again] = parse(printed) ?? [];
          if (again?.kind !== "select" || printSelect(again) !== printed) {
            throw new Error(`${JSON.stringify(text)} prints as ${JSON.stringify(printed)}`);
          }
        }
      });
      expect(parsed).toBeGreaterThan(500);
    },
    FUZZ_TIMEOUT_MS,
  );

  test("are answered", async () => {
    const flags = ["--query-buckets-max=10000", "--query-timeout=2s", "--query-points-max=100000"];
    let server = await InfluxqlServer.open({ flags });
    let answered = 0;
    let round = 0;
    await fuzz(3_000, async (random) => {
      // Statements may change what there is: begin anew now and then.
      if (round++ % 200 === 0) {
        await server[Symbol.asyncDispose]();
        server = await InfluxqlServer.open({ flags });
        await server.write(LINES, { db: "db0", precision: "s" });
      }
      const text = mutateText(random.pick(corpus), random, random.pick(corpus));
      // Their hashes take long on purpose.
      if (/password/i.test(text)) return;
      const accept = random.pick(["*/*", "text/csv"]);
      const params = { db: "db0", ...random.pick([{}, { chunked: "true", chunk_size: "3" }]) };
      const response = await server.ask(text, params, { Accept: accept });
      const body = await response.text();
      if (response.status !== 200 && response.status !== 400) throw new Error(`${text}: ${body}`);
      if (response.status === 200) answered++;
      if (accept === "*/*") { for (const line of body.trimEnd().split("\n")) JSON.parse(line); }
      if (server.errors.length > 0) {
        const [cause] = server.errors.splice(0);
        throw new Error(`${JSON.stringify(text)}: ${String(cause)}`, { cause });
      }
    });
    await server[Symbol.asyncDispose]();
    expect(answered).toBeGreaterThan(300);
  }, FUZZ_TIMEOUT_MS);
});
