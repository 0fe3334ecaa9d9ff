/** What Debian's InfluxDB 1.6.7 answers otherwise than we do to the queries of influxql_queries.ts, and why. */
import type { InfluxqlRequest } from "./influxql_differences.ts";

interface KnownDifference {
  readonly reason: string;
  /** Of a request and what was found to differ. */
  readonly when: (request: InfluxqlRequest, found: string) => boolean;
}

const IS_TYPE_ERROR = /ours said .*(incompatible types|argument type|unsupported \w+ iterator)/;
const CELL = /^\.series\.\d+\.runs\.\d+\.\d+\.\d+ ours/;
const HAS_INNER_TIME = /FROM \(.*GROUP BY time\(/;
const HAS_OUTER_TIME = /\) WHERE [^()]*GROUP BY time\(/;

/** What parts the query's text has, all of them. */
function names(...parts: readonly RegExp[]): KnownDifference["when"] {
  return ({ query }) => parts.every((part) => part.test(query));
}

/** The same where rows are the same but for what stands in them. */
function cells(...parts: readonly RegExp[]): KnownDifference["when"] {
  return (request, found) =>
    names(...parts)(request, found) && (request.accept !== "" || CELL.test(found));
}

const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    reason: "results that are infinite are null; 1.6.7 sends no JSON at all",
    when: (_, found) => found.includes("json: unsupported value"),
  },
  {
    reason: "an error stays its statement's own, and those behind it are not executed",
    when: ({ query }, found) => query.includes(";") && found.startsWith(".errors."),
  },
  {
    reason: "operands and arguments of wrong types are an error wherever they stand",
    when: (_, found) => IS_TYPE_ERROR.test(found),
  },
  {
    reason: "errors of statements are told in CSV too; 1.6.7 writes nothing",
    when: ({ accept }, found) => accept !== "" && found.startsWith("ours said"),
  },
  {
    reason: "numbers of replicas have digits in CSV; 1.6.7 writes the column's name",
    when: ({ accept, query }) => accept !== "" && query.includes("RETENTION POLICIES"),
  },
  {
    reason:
      "values are counted in all policies, as they are listed; 1.6.7 counts the default one's",
    when: names(/SHOW TAG VALUES EXACT CARDINALITY/),
  },
  {
    reason: "inner buckets are of the zone of the outer statement; in 1.6.7 of UTC",
    when: names(/FROM \(SELECT/, /tz\(/, /GROUP BY time\(/),
  },
  {
    reason: "a series is counted once; 1.6.7 counts it in each shard",
    when: names(/SHOW SERIES EXACT CARDINALITY/),
  },
  {
    reason: "fill(number) leaves texts and booleans that are taken along what they are",
    when: ({ query, accept }, found) =>
      /fill\(-?[\d.]+\)/.test(query) &&
      (accept !== "" || /ours {3}(""|false|null)\n.*theirs -?\d/.test(found)),
  },
  {
    reason: "the absolute value of a negative whole number is positive; 1.6.7 leaves it negative",
    when: ({ query, accept }, found) =>
      query.includes("abs(") &&
      (accept !== "" || /ours {3}"?\d+"?\n *theirs "?-\d+"?$/.test(found)),
  },
  {
    reason: "of points with equal times the one with the larger value is the first and the last",
    when: cells(/(first|last)\(/, /cpu/),
  },
  {
    reason: "of equally frequent values the earliest; 1.6.7 sorts them as it comes",
    when: cells(/mode\(/),
  },
  {
    reason: "of equal values at a rank the earliest; 1.6.7 sorts them as it comes",
    when: cells(/percentile\(/),
  },
  {
    reason:
      "the deviation of one point, and x % 0, are missing to what is computed with them, not NaN",
    when: names(/\w\(stddev|FROM \(.*(stddev\(|% 0)|stddev\(\S+\) .*0/),
  },
  {
    reason: "a bucket without the wanted rank is empty; 1.6.7 ends the series there",
    when: names(/percentile\(/, /GROUP BY/),
  },
  {
    reason: "areas of whole numbers are cut at the edges of buckets as those of others, are the " +
      "same in any order, and those of each series: 1.6.7 mixes the points of several",
    when: names(/integral\(/, /GROUP BY|DESC|FROM wide/),
  },
  {
    reason: "an outer statement sees an inner bucket that began before its range; 1.6.7 ends there",
    when: ({ query }) => HAS_INNER_TIME.test(query) && !HAS_OUTER_TIME.test(query),
  },
  {
    reason: "rows of a subquery come in the order of their times; in 1.6.7 series by series",
    when: names(/SELECT x( \* 2)? FROM \(SELECT (first|last|min|max)\(.* AS x .* GROUP BY \*/),
  },
  {
    reason: "a quotient of whole numbers stays a double in a subquery; 1.6.7 cuts it",
    when: names(/FROM \(SELECT .*\/.* AS x FROM/),
  },
  {
    reason: "a tag that is grouped by twice is grouped by once; 1.6.7 then counts rows wrongly",
    when: names(/GROUP BY .*\*, host/, /LIMIT/),
  },
  {
    reason:
      "buckets follow the clocks when they change; 1.6.7 moves some, and some points with them",
    when: names(/climate/, /GROUP BY.* time\(|GROUP BY time\(/, /tz\('(Europe|America)/),
  },
  {
    reason: "a call of what does not exist has no type, and so no wrong one",
    when: names(/\(nothing\)/, /[&|^]/),
  },
  {
    reason: "lines between buckets with an offset are straight before 1970 too",
    when: names(/epoch/, /fill\(linear\)/, /time\(\w+, /),
  },
  {
    reason: "a group that is too short for a forecast has none; 1.6.7 ends there",
    when: names(/holt_winters/, /GROUP BY/),
  },
  {
    reason: "columns of several sources have one type",
    when: names(/, \(SELECT v AS x FROM epoch\)/),
  },
  {
    reason: "a field and the same with a cast to its own type are two columns",
    when: cells(/::(float|integer)\)/),
  },
  {
    reason: "changes beyond 64 bits are what they are in a derivative; 1.6.7 lets them wrap",
    when: cells(/derivative\(\w*\(?big/),
  },
  {
    reason: "SLIMIT counts series with points in the range; 1.6.7 those of the index",
    when: names(/SLIMIT/),
  },
];

/** The reason for a difference that is known. */
export function knownDifference(request: InfluxqlRequest, found: string): string | undefined {
  return KNOWN_DIFFERENCES.find(({ when }) => when(request, found))?.reason;
}
