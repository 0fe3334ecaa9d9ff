/** Compares an answer to InfluxQL with what is expected: numbers with a tolerance, everything else exactly. */
import type { ExampleQuery } from "./influxql_examples.ts";

const TOLERANCE = 1e-9;

interface Result {
  readonly series?: readonly Series[];
  readonly error?: string;
}

interface Series {
  readonly name?: string;
  readonly tags?: unknown;
  readonly columns: readonly string[];
  readonly values?: readonly (readonly unknown[])[];
}

interface Answer {
  readonly results?: readonly Result[];
  readonly error?: string;
}

interface Given {
  readonly status: number;
  readonly body: string;
}

/** Why an answer is not the expected one; undefined where it is. Versions of InfluxDB may differ: either answer is right. */
export function differenceOf(query: ExampleQuery, given: Given): string | undefined {
  const difference = compare(query, given);
  if (difference === undefined || query.actual167 === undefined) return difference;
  return compare({ ...query, expect: query.actual167 }, given) === undefined
    ? undefined
    : difference;
}

function compare(query: ExampleQuery, { status, body }: Given): string | undefined {
  const wantedStatus = query.status ?? (isRefusal(query.expect) ? 400 : 200);
  if (status !== wantedStatus) return `status ${status}, not ${wantedStatus}: ${body}`;
  const expected = query.expect.trim();
  const actual = body.trim();
  if (query.looseError === true) {
    return actual.includes('"error"') || actual.startsWith("error") ? undefined : actual;
  }
  if (query.pattern === true) return new RegExp(expected).test(actual) ? undefined : actual;
  if (query.accept !== undefined) return actual === expected ? undefined : actual;
  let found: Answer;
  try {
    found = exactly(actual) as Answer;
  } catch {
    return `no JSON: ${actual}`;
  }
  const wanted = exactly(expected) as Answer;
  const isAlike = query.tieSensitive === true
    ? isSame(withoutTies(found), withoutTies(wanted))
    : isSame(arranged(found, query), arranged(wanted, query));
  return isAlike ? undefined : actual;
}

/** JSON whose whole numbers keep all digits: those that doubles cannot hold are texts. */
function exactly(json: string): unknown {
  return JSON.parse(
    json,
    (_key, value: unknown, context?: { source?: string }) =>
      typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)
        ? context?.source ?? value
        : value,
  );
}

function isRefusal(expect: string): boolean {
  return expect.startsWith('{"error"');
}

function arranged(answer: Answer, { seriesAnyOrder }: ExampleQuery): unknown {
  if (seriesAnyOrder !== true) return answer;
  const results = answer.results?.map((result) => ({
    ...result,
    ...(result.series === undefined ? {} : {
      series: [...result.series].sort((a, b) => keyOf(a) < keyOf(b) ? -1 : 1),
    }),
  }));
  return { ...answer, results };
}

function keyOf({ name, tags }: Series): string {
  return JSON.stringify([name, tags]);
}

/** What does not depend on which of several rows with equal times come first: times, columns and counts. */
function withoutTies(answer: Answer): unknown {
  return answer.results?.map(({ series, error }) => ({
    error,
    series: series?.map(({ name, tags, columns, values }) => ({
      name,
      tags,
      columns,
      times: values?.map((row) => row[0]).sort(),
    })),
  }));
}

export function isSame(found: unknown, wanted: unknown): boolean {
  if (typeof found === "number" && typeof wanted === "number") {
    return found === wanted ||
      Math.abs(found - wanted) <= TOLERANCE * Math.max(Math.abs(found), Math.abs(wanted));
  }
  if (typeof found !== "object" || typeof wanted !== "object") return found === wanted;
  if (found === null || wanted === null) return found === wanted;
  if (Array.isArray(found) !== Array.isArray(wanted)) return false;
  const left = Object.entries(found).filter(([, value]) => value !== undefined);
  const right = new Map(Object.entries(wanted).filter(([, value]) => value !== undefined));
  return left.length === right.size &&
    left.every(([key, value]) => right.has(key) && isSame(value, right.get(key)));
}
