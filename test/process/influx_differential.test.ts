/**
 * The same data in InfluxDB and here, and several hundred queries over both: the answers must be the same.
 *
 * Debian's influxd is 1.6.7; what 1.8 does otherwise is what we follow, and stands among the known differences.
 * DIFFERENTIAL_SEED chooses other queries, DIFFERENTIAL_QUERIES how many.
 */
import { expect, test } from "bun:test";
import { startDaemon, stopDaemon, TestDirectory } from "../support/daemon_process.ts";
import { INFLUXD, startInfluxd } from "../support/influxd_process.ts";
import { influxqlBatches, PREPARATION } from "../support/influxql_data.ts";
import { askInfluxql, influxqlDifference } from "../support/influxql_differences.ts";
import { knownDifference } from "../support/influxql_known_differences.ts";
import { InfluxqlWriter } from "../support/influxql_queries.ts";

const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 42);
const QUERIES = Number(process.env["DIFFERENTIAL_QUERIES"] ?? 400);

async function fill(url: string): Promise<void> {
  for (const query of PREPARATION) await askInfluxql(url, { query, params: {}, accept: "" });
  for (const { database, policy, lines } of influxqlBatches()) {
    const target = new URLSearchParams({ db: database, rp: policy });
    const response = await fetch(`${url}/write?${target}`, {
      method: "POST",
      body: lines.join("\n"),
    });
    expect(await response.text()).toBe("");
    expect(response.status).toBe(204);
  }
}

test.skipIf(INFLUXD === undefined)(
  "answers what InfluxDB answers",
  async () => {
    using directory = new TestDirectory();
    const daemon = await startDaemon(directory.path);
    await using influxd = await startInfluxd(directory);
    await Promise.all([fill(daemon.url), fill(influxd.url)]);
    const writer = new InfluxqlWriter(SEED);
    const differences: string[] = [];
    let filled = 0;
    for (let count = 0; count < QUERIES; count++) {
      const request = writer.next();
      const [ours, theirs] = await Promise.all([
        askInfluxql(daemon.url, request),
        askInfluxql(influxd.url, request),
      ]);
      if (theirs.body.includes('"values"')) filled++;
      const found = influxqlDifference(ours, theirs);
      if (found === undefined || knownDifference(request, found) !== undefined) continue;
      differences.push(`${JSON.stringify(request)}\n    ${found}`);
    }
    expect(differences.join("\n")).toBe("");
    expect(filled).toBeGreaterThan(QUERIES / 2);
    await stopDaemon(daemon);
  },
  180_000,
);
