/** The PromQL examples over series in arrays. */
import { describe, expect, test } from "bun:test";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import { readCaseFiles } from "../support/promql_cases.ts";
import { checkExample } from "../support/promql_conformance.ts";
import { type LoadBlock, loadBlock, toNumber } from "../support/promql_series.ts";
import { ArrayStorage } from "../support/promql_storage.ts";

function engineOver(load: readonly LoadBlock[], loads = load.length): QueryEngine {
  const queryable = new ArrayStorage();
  for (const block of load.slice(0, loads)) loadBlock(queryable, block);
  return new QueryEngine({ queryable });
}

const files = readCaseFiles();
test.skipIf(files.length > 0)("the examples are not beside this checkout", () => {});

for (const { name, groups } of files) {
  describe(name, () => {
    for (const { load, cases } of groups) {
      test.each([...cases])("$id: $expr", async (example) => {
        expect(await checkExample(engineOver(load, example.loads), example)).toEqual([]);
      });
    }
  });
}

test("numbers of the examples are read as they are meant", () => {
  expect(toNumber("-Inf")).toBe(-Infinity);
  expect(toNumber("NaN")).toBeNaN();
});
