/** Long series are read in slices, and functions joined part by part: the answers are those of reading all at once. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { SelectWorld } from "../../support/influxql_select.ts";

const FIELDS = [
  "u",
  "u, n, host",
  "n + u",
  "count(u), sum(n)",
  "mean(n)",
  "max(n), host",
  "min(n)",
  "first(n)",
  "last(n), u",
  "last(u), last(n)",
  "median(n)",
  "percentile(n, 75)",
  "top(n, 3), u",
  "distinct(n)",
  "integral(n)",
  "spread(n), mode(n)",
  "difference(n)",
  "cumulative_sum(u)",
];
const BUCKETED = ["mean(n)", "max(n), host", "median(n)", "count(n), last(u)", "integral(n)"];

const rows = fc.array(
  fc.record({
    host: fc.constantFrom("a", "b", "c"),
    time: fc.integer({ min: 0, max: 400 }),
    // Whole numbers, so that sums do not depend on their order.
    u: fc.option(fc.integer({ min: -9, max: 9 })),
    n: fc.integer({ min: 0, max: 30 }),
  }),
  { minLength: 1, maxLength: 120 },
);

const fills = fc.constantFrom("", "fill(none)", "fill(0)", "fill(previous)", "fill(linear)");

const sources = fc.constantFrom(
  "cpu",
  "cpu",
  "(SELECT u, n FROM cpu GROUP BY host)",
  "(SELECT n * 2 AS n, u, host FROM cpu WHERE n > 3)",
  "(SELECT max(n) AS n, u FROM cpu GROUP BY time(7ns), host)",
);

const query = fc.record({
  from: sources,
  group: fc.constantFrom("", "host"),
  order: fc.constantFrom("", " ORDER BY time DESC"),
  limit: fc.constantFrom("", " LIMIT 7", " LIMIT 2 OFFSET 3"),
  where: fc.constantFrom("", " WHERE n > 5", " WHERE time >= 50 AND time < 300"),
  select: fc.oneof(
    fc.constantFrom(...FIELDS).map((fields) => ({ fields, time: "", fill: "" })),
    fc.record({
      fields: fc.constantFrom(...BUCKETED),
      time: fc.constantFrom("time(10ns)", "time(33ns, 5ns)"),
      fill: fills,
    }),
  ),
}).map(({ from, group, order, limit, where, select: { fields, time, fill } }) => {
  const dimensions = [time, group].filter((each) => each !== "");
  const by = dimensions.length === 0 ? "" : ` GROUP BY ${dimensions.join(", ")}`;
  return `SELECT ${fields} FROM ${from}${where}${by} ${fill}${order}${limit}`;
});

test("small slices give what one gives", async () => {
  await fc.assert(
    fc.asyncProperty(
      rows,
      fc.array(query, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      async (points, queries, slicePoints) => {
        // One point for each series and time.
        const lines = new Map(points.map(({ host, time, u, n }) => [
          `${host} ${time}`,
          `cpu,host=${host} ${u === null ? "" : `u=${u}i,`}n=${n} ${time}`,
        ]));
        await using world = await SelectWorld.open([...lines.values()]);
        for (const each of queries) {
          const whole = await world.ask(each, { nowNs: 500n });
          const sliced = await world.ask(each, { nowNs: 500n, slicePoints });
          expect({ each, lines: sliced }).toEqual({ each, lines: whole });
        }
        expect(world.memory.bytes).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);

test("functions over many series give what they give over their points in one", async () => {
  await fc.assert(
    fc.asyncProperty(rows, async (points) => {
      const lines = points.map(({ n }, at) => `many,host=h${at % 7} n=${n}i ${at}`);
      const single = points.map(({ n }, at) => `one n=${n}i ${at}`);
      await using world = await SelectWorld.open([...lines, ...single]);
      for (
        const fields of ["count(n), sum(n), mean(n)", "max(n)", "min(n)", "first(n)", "last(n)"]
      ) {
        for (const by of ["", " WHERE time >= 0 AND time < 130 GROUP BY time(20ns)"]) {
          const [, ...many] = await world.ask(`SELECT ${fields} FROM many${by}`);
          const [, ...one] = await world.ask(`SELECT ${fields} FROM one${by}`);
          expect(many).toEqual(one);
        }
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);
