/**
 * The same data in Prometheus and here, and several hundred queries over both: the answers must be the same.
 *
 * What Prometheus 2 does otherwise than 3, which is what we follow, is kept out by the data (see differential_data.ts) and by
 * the times of evaluation, seven seconds after a whole minute: windows and subqueries that were closed at their left.
 * DIFFERENTIAL_SEED chooses other queries, DIFFERENTIAL_QUERIES how many.
 */
import { expect, test } from "bun:test";
import { ask, difference } from "../support/compare_answers.ts";
import { startDaemon, stopDaemon, TestDirectory } from "../support/daemon_process.ts";
import {
  DATA_SPAN_MS,
  DATA_START_MS,
  differentialSeries,
  inTurns,
} from "../support/differential_data.ts";
import { QueryWriter } from "../support/differential_queries.ts";
import { PROMETHEUS, remoteWrite, startPrometheus } from "../support/prometheus_process.ts";
import { SeededRandom } from "../support/seeded_random.ts";

const SEED = Number(process.env["DIFFERENTIAL_SEED"] ?? 42);
const QUERIES = Number(process.env["DIFFERENTIAL_QUERIES"] ?? 400);
const START_S = DATA_START_MS / 1000;
const MINUTES = DATA_SPAN_MS / 60_000;

interface KnownDifference {
  readonly when: (query: string, found: string) => boolean;
  readonly reason: string;
}

const DATES = /day_of_month|days_in_month|hour|minute/;

/** What Prometheus 2.42 did otherwise than 3. */
const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    reason: "names are removed at the end of a query: equal label sets in between are no error",
    when: (_query, found) => /^200 ok [|] 422 .*same labelset$/.test(found),
  },
  {
    reason: "the deviation of a single NaN or infinity is NaN; it was 0",
    when: (query, found) =>
      /std(dev|var) /.test(query) && /NaN|Inf|-1|1[.][25]|extreme/.test(query + found),
  },
  {
    reason: "atan2 drops the name of the metric, as other arithmetic does",
    when: (query, found) => query.includes("atan2") && found.includes('"__name__"'),
  },
  {
    reason:
      "dates of NaN are NaN here; Go converts NaN and what is beyond int64 as the machine does",
    when: (query, found) =>
      DATES.test(query) && /NaN|temperature|large|infinite|integers|exp|\^/.test(query + found),
  },
  {
    reason: "@ held the window of predict_linear only at the first step of a range query",
    when: (query) => /predict_linear[(][^()]*@/.test(query),
  },
];

/** Times of an instant query, or of a range query. */
function times(random: SeededRandom): Record<string, string> {
  const first = START_S + 7 + 60 * random.below(MINUTES);
  if (random.below(2) === 0) return { time: String(first) };
  const step = 60 * (1 + random.below(4));
  return { start: String(first), end: String(first + step * random.below(30)), step: String(step) };
}

test.skipIf(PROMETHEUS === undefined)(
  "answers what Prometheus answers",
  async () => {
    using directory = new TestDirectory();
    const daemon = await startDaemon(directory.path);
    await using prometheus = await startPrometheus(directory, "prometheus", () => "global: {}\n");
    for (const turn of inTurns(differentialSeries())) {
      await Promise.all([remoteWrite(daemon.url, turn), remoteWrite(prometheus.url, turn)]);
    }
    const writer = new QueryWriter(SEED);
    const random = new SeededRandom(SEED);
    const differences: string[] = [];
    let filled = 0;
    for (let count = 0; count < QUERIES; count++) {
      const { query, ordered } = writer.next();
      const parameters = { query, ...times(random) };
      const [ours, theirs] = await Promise.all([
        ask(daemon.url, parameters),
        ask(prometheus.url, parameters),
      ]);
      if (Array.isArray(theirs.body.data?.result) && theirs.body.data.result.length > 0) filled++;
      const found = difference(ours, theirs, ordered);
      if (found === undefined || KNOWN_DIFFERENCES.some(({ when }) => when(query, found))) continue;
      differences.push(`${JSON.stringify(parameters)}\n    ${found}`);
    }
    expect(differences.join("\n")).toBe("");
    expect(filled).toBeGreaterThan(QUERIES / 2);
    await stopDaemon(daemon);
  },
  180_000,
);
