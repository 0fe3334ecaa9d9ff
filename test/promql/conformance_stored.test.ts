/** The PromQL examples over a database that remote write 2.0 filled: what storing could lose shows here. */
import { describe, expect, test } from "bun:test";
import { type Database, openDatabase } from "../../engine/mod.ts";
import { RemoteWriter } from "../../src/ingest/remote_write.ts";
import { EngineQueryable } from "../../src/promql/engine_queryable.ts";
import { encodeStored } from "../../src/promql/histogram_codec.ts";
import type { Labels } from "../../src/promql/queryable.ts";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import { type PromqlCase, readCaseFiles } from "../support/promql_cases.ts";
import { checkExample } from "../support/promql_conformance.ts";
import { type LoadBlock, loadBlock } from "../support/promql_series.ts";
import type { StoredSample } from "../support/promql_storage.ts";
import { message2, type MessageSeries } from "../support/remote_messages.ts";

function seriesOf(labels: Labels, samples: readonly StoredSample[]): MessageSeries {
  const floats: [number, number | "stale", number][] = [];
  const histograms: NonNullable<MessageSeries["histograms"]>[number][] = [];
  for (const { timeMs, value, startMs = 0 } of samples) {
    if (typeof value === "object") histograms.push([timeMs, value, startMs]);
    else floats.push([timeMs, value, startMs]);
  }
  return { labels, samples: floats, histograms };
}

async function fill(load: readonly LoadBlock[]): Promise<Database> {
  const database = await openDatabase({ settings: { timeUnit: "ms" } });
  const writer = new RemoteWriter({
    database,
    encodeHistogram: encodeStored,
    onMetadata: () => false,
  });
  for (const block of load) {
    const series: MessageSeries[] = [];
    loadBlock({ add: (labels, samples) => series.push(seriesOf(labels, samples)) }, block);
    const outcome = await writer.write(message2(series), {
      version: 2,
      acknowledgement: "volatile",
    });
    expect([...outcome.reasons]).toEqual([]);
  }
  return database;
}

/** Cases that see the same blocks, which one database serves. */
function byLoads(cases: readonly PromqlCase[], all: number): Map<number, PromqlCase[]> {
  return Map.groupBy(cases, ({ loads }) => loads ?? all);
}

const files = readCaseFiles();
test.skipIf(files.length > 0)("the examples are not beside this checkout", () => {});

for (const { name, groups } of files) {
  describe(name, () => {
    for (const { load, cases } of groups) {
      for (const [loads, own] of byLoads(cases, load.length)) {
        const [first, last] = [own[0]!.id, own.at(-1)!.id];
        test(first === last ? first : `${first} to ${last}`, async () => {
          const database = await fill(load.slice(0, loads));
          const engine = new QueryEngine({ queryable: new EngineQueryable(database) });
          const problems: Record<string, readonly string[]> = {};
          for (const example of own) {
            const found = await checkExample(engine, example, { hints: false });
            if (found.length > 0) problems[`${example.id}: ${example.expr}`] = found;
          }
          await database.close();
          expect(problems).toEqual({});
        });
      }
    }
  });
}
