/** Windows over long series as the engine stores them, beside the same samples in plain arrays. */
import { expect, test } from "bun:test";
import { LineScanner, openDatabase } from "../../engine/mod.ts";
import { EngineQueryable } from "../../src/promql/engine_queryable.ts";
import { QueryEngine } from "../../src/promql/query_engine.ts";
import { ArrayStorage, type StoredSample } from "../support/promql_storage.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const SAMPLES = 6_000;
const START_MS = 1_767_225_600_000;
const STEP_MS = 10_000;
const END_MS = START_MS + SAMPLES * STEP_MS;

const random = new SeededRandom(5);
/** Values in line protocol by the name of the series. */
const KINDS: Readonly<Record<string, (i: number) => string>> = {
  integers: () => `${random.below(2_000) - 1_000}i`,
  large_integers: () => `${random.below(2 ** 40)}i`,
  unsigned: () => `${random.below(100)}u`,
  whole: () => String(random.below(100)),
  decimals: () => String(random.below(10_000) / 100),
  late_decimals: (i) => String(i < 5_000 ? random.below(9) : random.below(90) / 7),
  switches: () => random.below(2) === 1 ? "t" : "f",
};

function numberOf(text: string): number {
  if (text === "t" || text === "f") return text === "t" ? 1 : 0;
  return Number(text.replace(/[iu]$/, ""));
}

/** One series a kind; times keep to a grid, `uneven` ones do not, and every series has a gap. */
function makeData(uneven: boolean): { lines: string; arrays: ArrayStorage } {
  const arrays = new ArrayStorage();
  const lines: string[] = [];
  for (const [name, make] of Object.entries(KINDS)) {
    const samples: StoredSample[] = [];
    for (let i = 0; i < SAMPLES; i++) {
      if (i > 2_000 && i < 2_300) continue;
      const timeMs = START_MS + i * STEP_MS + (uneven ? random.below(5_000) : 0);
      const text = make(i);
      samples.push({ timeMs, value: numberOf(text) });
      lines.push(`m_${name},kind=${name} value=${text} ${timeMs}`);
    }
    arrays.add([["__name__", `m_${name}`], ["kind", name]], samples);
  }
  return { lines: lines.join("\n") + "\n", arrays };
}

const SERIES = '{__name__=~"m_.+"}';
const FUNCTIONS = ["sum", "avg", "min", "max", "count", "last", "stddev"];
const QUERIES: readonly (readonly [query: string, stepMs: number])[] = [
  ...FUNCTIONS.flatMap((name): [string, number][] => [
    [`${name}_over_time(${SERIES}[1h])`, 3_600_000],
    [`${name}_over_time(${SERIES}[50m])`, 7_000_000],
    [`${name}_over_time(${SERIES}[6h] offset 1m)`, 900_000],
    [`${name}_over_time(${SERIES}[10s])`, 60_000],
  ]),
  [`rate(${SERIES}[1h])`, 3_600_000],
  [`avg by (kind) (avg_over_time(${SERIES}[1h]))`, 3_600_000],
  [`sum by (kind, __name__) (sum_over_time(${SERIES}[1h]))`, 3_600_000],
];

test.each([
  ["on a grid, in memory", false, false],
  ["on a grid, compacted", false, true],
  ["uneven, in memory", true, false],
  ["uneven, compacted", true, true],
])("times %s", async (_, uneven, compacted) => {
  const { lines, arrays } = makeData(uneven);
  const database = await openDatabase();
  const scanner = new LineScanner(database.kernels, database.settings.timeUnit);
  const bytes = new TextEncoder().encode(lines);
  scanner.scan(bytes, { unit: "ms", nowNs: 0n, write: () => void database.write("volatile") });
  if (compacted) await database.compact();
  const stored = new QueryEngine({ queryable: new EngineQueryable(database) });
  const plain = new QueryEngine({ queryable: arrays });
  for (const [query, stepMs] of QUERIES) {
    const range = { startMs: START_MS + 600_000, endMs: END_MS, stepMs };
    const found = await stored.range(query, range, {});
    const expected = await plain.range(query, range, {});
    expect([query, shown(found.value)]).toEqual([query, shown(expected.value)]);
  }
  await database.close();
});

/** A matrix with only what counts of its columns. */
function shown(value: Awaited<ReturnType<QueryEngine["range"]>>["value"]) {
  if (value.type !== "matrix") throw new Error(`Expected a matrix, got a ${value.type}`);
  return value.series.map(({ labels, count, times, values }) => ({
    labels,
    times: [...times.subarray(0, count)],
    // Sums of doubles are compensated in either way; the last bits may differ by the order of adding.
    values: [...values.subarray(0, count)].map((each) => Number(each.toPrecision(13))),
  }));
}
