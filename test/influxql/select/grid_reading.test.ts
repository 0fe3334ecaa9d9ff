/** Functions over grids, which see numbers and buckets only, against the same functions over rows. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { Storage } from "../../../engine/storage.ts";
import { SelectWorld } from "../../support/influxql_select.ts";

const FUNCTIONS = ["count", "sum", "mean", "min", "max", "first", "last"];
/** Those that have to see all points of a bucket at once. */
const WHOLE = [
  "percentile(v, 50)",
  "percentile(v, 95)",
  "median(v)",
  "stddev(v)",
  "spread(v)",
  "count(distinct(v))",
];
const CALLS = [...FUNCTIONS.map((name) => `${name}(v)`), ...WHOLE];
/** What one host writes into the field: small and large whole numbers, decimals, and a mixture of families. */
const VALUES = {
  small: (n: number) => `${n - 50}i`,
  counter: (n: number) => `${2 ** 40 + n * 1_000_003}i`,
  large: (n: number) => `${BigInt(n) * 2n ** 54n + 1n}i`,
  half: (n: number) => `${n / 2 - 20}`,
  whole: (n: number) => `${n - 50}`,
  huge: (n: number) => `${n % 3 - 1}e308`,
  bool: (n: number) => n % 2 === 0 ? "true" : "false",
} as const;
type Content = keyof typeof VALUES;

const CONTENTS: readonly (readonly [Content, Content])[] = [
  ["small", "small"],
  ["small", "counter"],
  ["counter", "counter"],
  ["large", "small"],
  ["half", "whole"],
  ["half", "small"],
  ["half", "large"],
  ["huge", "half"],
  ["bool", "bool"],
];

/** A minute before an era of instants ends, so that data lie on both sides. */
const START = 2n ** 52n * 392n - 60_000_000_000n;

const points = fc.array(
  fc.record({
    host: fc.constantFrom(0, 1, 2),
    step: fc.integer({ min: 0, max: 60 }),
    n: fc.integer({ min: 0, max: 100 }),
    isThere: fc.constantFrom(true, true, true, false),
  }),
  { minLength: 1, maxLength: 150 },
);

const asked = fc.record({
  content: fc.constantFrom(...CONTENTS),
  calls: fc.uniqueArray(fc.constantFrom(...CALLS), { minLength: 1, maxLength: 3 }),
  span: fc.constantFrom(
    { stride: 3_000_000_001n, groups: ["", "host", "time(7s)", "time(1m), host", "time(1m, 13s)"] },
    {
      stride: 3_000_000_001n,
      groups: ["time(3s), host", "time(50s), host", "time(1h)", "time(1d)"],
    },
    // Longer than one grid.
    { stride: 5n * 86_400_000_000_001n, groups: ["", "host", "time(1d)", "time(9w), host"] },
  ),
  group: fc.integer({ min: 0, max: 4 }),
  zone: fc.constantFrom("", "", " tz('Europe/Berlin')"),
  order: fc.constantFrom(
    "",
    " ORDER BY time DESC",
    " LIMIT 3",
    " ORDER BY time DESC LIMIT 2 OFFSET 1",
  ),
  fill: fc.constantFrom("", " fill(none)", " fill(previous)", " fill(linear)", " fill(0)"),
  from: fc.integer({ min: -1, max: 40 }),
  to: fc.integer({ min: 10, max: 62 }),
  slicePoints: fc.constantFrom(10, 1_000_000),
  deletes: fc.boolean(),
});

function boundsOf(from: number, to: number, stride: bigint): string {
  const parts: string[] = [];
  if (from >= 0) parts.push(`time >= ${START + BigInt(from) * stride}`);
  if (to <= 60) parts.push(`time < ${START + BigInt(to) * stride}`);
  return parts.join(" AND ");
}

test("functions over numbers give what they give over rows", async () => {
  await fc.assert(
    fc.asyncProperty(points, asked, async (data, query) => {
      const { span: { stride, groups } } = query;
      const lines = data.map(({ host, step, n, isThere }) => {
        const value = VALUES[query.content[host === 0 ? 0 : 1]](n);
        const time = START + BigInt(step) * stride + BigInt(n % 3);
        return `m,host=${host} ${isThere ? `v=${value},` : ""}k=1i ${time}`;
      });
      await using world = await SelectWorld.open(lines);
      if (query.deletes) {
        await world.database.delete({
          matchers: [{ name: "host", operator: "=", value: "1" }],
          range: { start: START + 10n * stride, end: START + 20n * stride },
        });
      }
      const calls = query.calls.join(", ");
      const where = boundsOf(query.from, query.to, stride);
      const dimensions = groups[query.group % groups.length]!;
      const group = dimensions === "" ? "" : ` GROUP BY ${dimensions}`;
      const fill = dimensions.includes("time") ? query.fill : "";
      const tail = `${group}${fill}${query.order}${query.zone}`;
      const options = { nowNs: START + 100n * stride, slicePoints: query.slicePoints };
      const ask = (condition: string) => {
        const all = [where, condition].filter((each) => each !== "").join(" AND ");
        return world.ask(
          `SELECT ${calls} FROM m${all === "" ? "" : ` WHERE ${all}`}${tail}`,
          options,
        );
      };
      // Conditions on fields need rows.
      expect(await ask("")).toEqual(await ask("k = 1"));
    }),
    { numRuns: 60 },
  );
}, 60_000);

const DOUBLES = [1, NaN, 3, Infinity, 5, 6, -Infinity, Infinity, 9, 10, NaN, NaN];

test.each([
  { name: "without NaN", doubles: DOUBLES.filter((value) => !Number.isNaN(value)) },
  { name: "with NaN", doubles: DOUBLES },
])("doubles that are not finite are seen as rows see them, $name", async ({ doubles }) => {
  const storage = await Storage.open();
  await using world = new SelectWorld(storage.database);
  await storage.insertRows(doubles.map((value, at) => ({
    metric: "m",
    point: { timestamp: BigInt(at), value: { kind: "f64", value } },
  })));
  const tail = "FROM m WHERE time >= 0 AND time < 12 GROUP BY time(2ns)";
  for (const name of FUNCTIONS) {
    const own = await world.ask(`SELECT ${name}(value) ${tail}`);
    // What has to see all points at once is given rows, and so is what stands beside it.
    const both = await world.ask(`SELECT ${name}(value), mode(value) ${tail}`);
    const first = both.map((line) => line.split(" ").slice(0, -1).join(" "));
    expect(own).toEqual(first);
  }
});
