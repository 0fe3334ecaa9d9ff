/** Comparisons of one field with numbers, which are made where values are read, against those made on rows. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { SelectWorld } from "../../support/influxql_select.ts";

const OPERATORS = ["=", "!=", "<", "<=", ">", ">="];
const VALUES = {
  integer: (n: number) => `${n - 5}i`,
  counter: (n: number) => `${2 ** 53 - 20 + 4 * n}i`,
  unsigned: (n: number) => `${n}u`,
  float: (n: number) => `${n / 2}`,
  bool: (n: number) => n > 4 ? "true" : "false",
  text: (n: number) => `"${n}"`,
} as const;

const comparison = fc.record({
  op: fc.constantFrom(...OPERATORS),
  value: fc.constantFrom(
    "3",
    "-2",
    "2.5",
    "0",
    "9007199254740992",
    "9007199254740993",
    "-99999999999999999999.5",
  ),
});

const asked = fc.record({
  kind: fc.constantFrom(...Object.keys(VALUES) as (keyof typeof VALUES)[]),
  comparisons: fc.array(comparison, { minLength: 1, maxLength: 3 }),
  fields: fc.constantFrom("v", "v, host", "count(v)", "max(v)", "last(v)", "v + 1"),
  bounds: fc.constantFrom("", " AND time >= 3 AND time < 4503599627370500"),
  tail: fc.constantFrom("", " GROUP BY host", " ORDER BY time DESC LIMIT 4"),
});

const points = fc.array(
  fc.record({
    host: fc.constantFrom("a", "b"),
    // On both sides of the end of an era.
    time: fc.integer({ min: 0, max: 12 }).map((step) => 2n ** 50n * BigInt(step)),
    n: fc.integer({ min: 0, max: 9 }),
  }),
  { minLength: 1, maxLength: 40 },
);

test("rows are those that all comparisons hold of", async () => {
  await fc.assert(
    fc.asyncProperty(points, asked, async (data, { kind, comparisons, fields, bounds, tail }) => {
      const isUsed = kind !== "text" && kind !== "bool" ||
        !["max(v)", "v + 1"].includes(fields);
      fc.pre(isUsed);
      const lines = data.map(({ host, time, n }) =>
        `m,host=${host} v=${VALUES[kind](n)},k=1i ${time}`
      );
      await using world = await SelectWorld.open(lines);
      const condition = comparisons.map(({ op, value }) => `v ${op} ${value}`).join(" AND ");
      const ask = (more: string) =>
        world.ask(`SELECT ${fields} FROM m WHERE ${condition}${more}${bounds}${tail}`, {
          nowNs: 2n ** 54n,
        });
      // A second field makes rows of them first.
      expect(await ask("")).toEqual(await ask(" AND k = 1"));
    }),
    { numRuns: 300 },
  );
}, 60_000);
