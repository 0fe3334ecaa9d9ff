/** The order of an instant query's result over the engine: that of the labels, however the series are stored. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { LineScanner, openDatabase } from "../../engine/mod.ts";
import { EngineQueryable } from "../../src/promql/engine_queryable.ts";
import { compareLabels } from "../../src/promql/labels.ts";
import { QueryEngine } from "../../src/promql/query_engine.ts";

const NOW_MS = 1_767_225_600_000;
const word = fc.constantFrom("a", "b", "ab", "Z", "_", "é", "\u{1f600}", "\uffee", "zz");
/** Names after which `__name__` would stand are among them. */
const tagName = fc.constantFrom("host", "a", "zone", "é", "A", "_");

const line = fc.record({
  measurement: word,
  tags: fc.dictionary(tagName, word, { maxKeys: 3 }),
  fields: fc.uniqueArray(fc.constantFrom("value", "x", "y", "é"), { minLength: 1, maxLength: 3 }),
}).map(({ measurement, tags, fields }) => {
  const tagTexts = Object.entries(tags).map(([name, value]) => `,${name}=${value}`);
  return `${measurement}${tagTexts.join("")} ${fields.map((field) => `${field}=1`).join(",")}`;
});

test("is that of compareLabels", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 30 }), async (lines) => {
      const database = await openDatabase();
      const scanner = new LineScanner(database.kernels, database.settings.timeUnit);
      const text = lines.map((each) => `${each} ${NOW_MS}\n`).join("");
      const write = () => void database.write("volatile");
      scanner.scan(new TextEncoder().encode(text), { unit: "ms", nowNs: 0n, write });
      const engine = new QueryEngine({ queryable: new EngineQueryable(database) });
      const { value } = await engine.instant('{__name__!=""}', NOW_MS, {});
      if (value.type !== "vector") throw new Error(`Expected a vector, got a ${value.type}`);
      expect(value.labels.length).toBeGreaterThan(0);
      expect(value.labels).toEqual([...value.labels].sort(compareLabels));
      await database.close();
    }),
    { numRuns: 60 },
  );
});
