/** What Debian's InfluxDB 1.6.7 answers otherwise than we do to the queries of influxql_queries.ts, and why. */
import type { InfluxqlRequest } from "./influxql_differences.ts";

interface KnownDifference {
  readonly reason: string;
  /** Of a request and what was found to differ. */
  readonly when: (request: InfluxqlRequest, found: string) => boolean;
}

const THEIRS_NOTHING = /theirs undefined$/;
const GROUPS_BY_TAGS = /GROUP BY (?!time\([^)]*\)(?! *,))/;
const HAS_INNER_TIME = /FROM \(.*GROUP BY time\(/;
const HAS_OUTER_TIME = /\) WHERE .* GROUP BY (time\(|[^()]*, time\()/;

const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    reason: "results that are infinite are null; 1.6.7 sends no JSON at all",
    when: (_, found) => found.includes("json: unsupported value"),
  },
  {
    reason: "an error stays its statement's own, and those behind it are not executed",
    when: ({ query }, found) =>
      query.includes(";") && /^\.errors\.\d+ ours .*\n.*undefined/.test(found),
  },
  {
    reason: "errors of statements are told in CSV too; 1.6.7 writes nothing",
    when: ({ accept }, found) => accept !== "" && found.startsWith("ours   error"),
  },
  {
    reason: "whole numbers that are no field's have digits in CSV; 1.6.7 writes the column's name",
    when: ({ accept, query }) => accept !== "" && /RETENTION POLICIES|CARDINALITY/.test(query),
  },
  {
    reason: "a series is counted once; 1.6.7 counts it in each shard",
    when: ({ query }) => query.includes("SHOW SERIES EXACT CARDINALITY"),
  },
  {
    reason: "fill(number) leaves texts and booleans that are taken along what they are",
    when: ({ query }, found) =>
      /fill\(-?[\d.]+\)/.test(query) && /ours   (""|false|null)\n.*theirs -?\d/.test(found),
  },
  {
    reason:
      "the absolute value of a negative whole number is positive; 1.6.7 and 1.8 leave it negative",
    when: ({ query }, found) => query.includes("abs(") && /ours   \d+\n *theirs -\d+$/.test(found),
  },
  {
    reason: "mathematical functions of texts and booleans are an error; in 1.6.7 null",
    when: ({ query }, found) =>
      /ours   .*cannot use (string|boolean) in argument/.test(found) ||
      (/\((\*|\/)|::/.test(query) && found.startsWith(".series.0 ours   undefined")),
  },
  {
    reason: "of first points with equal times the one with the larger value, as in buckets",
    when: ({ query }) => /first\(/.test(query) && /cpu/.test(query),
  },
  {
    reason: "the deviation of one point is missing to what is computed with it, not NaN",
    when: ({ query }) => /\w\(stddev|SELECT stddev\(.* AS [xy] /.test(query),
  },
  {
    reason: "a bucket without the wanted rank is empty; 1.6.7 ends the series there",
    when: ({ query }, found) =>
      /percentile\([^)]*, (0|1|5|12\.5|33\.3|50)\)/.test(query) && THEIRS_NOTHING.test(found),
  },
  {
    reason: "areas are those of each series, in their order; 1.6.7 mixes the points of several",
    when: ({ query }) => query.includes("integral(") && GROUPS_BY_TAGS.test(query),
  },
  {
    reason: "an outer statement sees an inner bucket that began before its range; 1.6.7 ends there",
    when: ({ query }, found) =>
      HAS_INNER_TIME.test(query) && !HAS_OUTER_TIME.test(query) && THEIRS_NOTHING.test(found),
  },
  {
    reason: "rows of a subquery come in the order of their times; in 1.6.7 series by series",
    when: ({ query }) =>
      /SELECT x( \* 2)? FROM \(SELECT (first|last|min|max)\(.* AS x .* GROUP BY \*/.test(query),
  },
];

/** The reason for a difference that is known. */
export function knownDifference(request: InfluxqlRequest, found: string): string | undefined {
  return KNOWN_DIFFERENCES.find(({ when }) => when(request, found))?.reason;
}
