/** The shared InfluxQL examples: what InfluxDB answered, asked of our HTTP side over a database in memory. */
import { describe, expect, test } from "bun:test";
import { differenceOf } from "../support/influxql_compare.ts";
import {
  type ExampleQuery,
  type ExampleSetup,
  examplesMissing,
  type ExampleWrite,
  type InfluxqlCase,
  influxqlCases,
} from "../support/influxql_examples.ts";
import { InfluxqlServer } from "../support/influxql_server.ts";

test.skipIf(examplesMissing === undefined)(examplesMissing ?? "the examples are there", () => {});

/** Settings of InfluxDB that cases need, as ours. */
const FLAGS: Readonly<Record<string, (value: unknown) => readonly string[]>> = {
  maxSeries: (value) => [`--query-series-max=${value}`],
  maxBuckets: (value) => [`--query-buckets-max=${value}`],
  maxRow: (value) => [`--query-rows-max=${value}`],
};

function flagsOf({ config = {} }: InfluxqlCase): string[] {
  return Object.entries(config).flatMap(([name, value]) => FLAGS[name]?.(value) ?? []);
}

async function create(server: InfluxqlServer, { db, rp, duration }: ExampleSetup): Promise<void> {
  const name = JSON.stringify(db);
  await (await server.ask(`CREATE DATABASE ${name}`)).text();
  if (rp === undefined) return;
  const response = await server.ask(
    `CREATE RETENTION POLICY ${JSON.stringify(rp)} ON ${name} DURATION ${duration ?? "0s"} ` +
      "REPLICATION 1 DEFAULT",
  );
  expect(await response.json()).toEqual({ results: [{ statement_id: 0 }] });
}

async function write(
  server: InfluxqlServer,
  { db, rp }: InfluxqlCase,
  each: ExampleWrite,
): Promise<void> {
  const policy = each.rp ?? rp;
  const params = {
    db: each.db ?? db,
    ...(policy === undefined ? {} : { rp: policy }),
    ...each.params,
  };
  expect(await server.write(each.lines, params)).toBe(each.status ?? 204);
}

async function check(server: InfluxqlServer, query: ExampleQuery): Promise<string | undefined> {
  const headers = query.accept === undefined ? {} : { Accept: query.accept };
  const response = await server.ask(query.command, query.params, headers);
  const difference = differenceOf(query, { status: response.status, body: await response.text() });
  if (difference === undefined) return undefined;
  return `${query.command} ${
    JSON.stringify(query.params)
  }\n  wanted ${query.expect}\n  got    ${difference}`;
}

for (const example of influxqlCases()) {
  describe(example.id, () => {
    test(`${example.queries.length} queries`, async () => {
      await using server = await InfluxqlServer.open({ flags: flagsOf(example) });
      for (const setup of example.setup) await create(server, setup);
      const { writes = [], writesMulti = [], steps = [] } = example;
      if (writes.length > 0) await write(server, example, { lines: writes });
      for (const each of writesMulti) await write(server, example, each);
      const problems: string[] = [];
      const ask = async (query: ExampleQuery): Promise<void> => {
        const problem = await check(server, query);
        if (problem !== undefined) problems.push(problem);
      };
      for (const step of steps) {
        if ("create" in step) await create(server, step.create);
        else if ("write" in step) await write(server, example, step.write);
        else await ask(step.query);
      }
      // Queries of the steps are listed once more.
      if (steps.length === 0) { for (const query of example.queries) await ask(query); }
      expect(problems.join("\n")).toBe("");
      expect(server.errors).toEqual([]);
    });
  });
}
