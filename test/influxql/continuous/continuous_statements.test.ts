/** Continuous queries by way of /query: created, shown and dropped. */
import { expect, test } from "bun:test";
import { InfluxqlServer } from "../../support/influxql_server.ts";
import { ManualClock } from "../../support/manual_clock.ts";

async function ask(server: InfluxqlServer, query: string): Promise<unknown> {
  const { results } = await (await server.ask(query)).json() as { results: unknown[] };
  return results[0];
}

test("a query is shown as InfluxDB shows it, and is dropped", async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 1, 0, 0, 30));
  await using server = await InfluxqlServer.open({ clock });
  await ask(server, "CREATE DATABASE db0");
  expect(
    await ask(
      server,
      "CREATE CONTINUOUS QUERY q ON db0 BEGIN SELECT count(v) INTO per_minute FROM m GROUP BY time(1m), host END",
    ),
  ).toEqual({ statement_id: 0 });
  const text =
    "CREATE CONTINUOUS QUERY q ON db0 BEGIN SELECT count(v) INTO db0.autogen.per_minute " +
    "FROM db0.autogen.m GROUP BY time(1m), host END";
  expect(await ask(server, "SHOW CONTINUOUS QUERIES")).toEqual({
    statement_id: 0,
    series: [{ name: "db0", columns: ["name", "query"], values: [["q", text]] }],
  });
  expect(await ask(server, "DROP CONTINUOUS QUERY q ON db0")).toEqual({ statement_id: 0 });
  expect(await ask(server, "SHOW CONTINUOUS QUERIES")).toEqual({
    statement_id: 0,
    series: [{ name: "db0", columns: ["name", "query"] }],
  });
});
