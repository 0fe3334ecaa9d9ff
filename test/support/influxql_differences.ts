/**
 * Compares what two servers say to the same InfluxQL: documents part by part, numbers within a tolerance.
 *
 * Two errors are alike whatever their words. Rows of raw points with equal times may stand in any order.
 */
import { isSame } from "./influxql_compare.ts";

export interface InfluxqlAnswer {
  readonly status: number;
  readonly body: string;
}

export interface InfluxqlRequest {
  readonly query: string;
  readonly params: Readonly<Record<string, string>>;
  readonly accept: string;
}

type Row = readonly unknown[];

interface Series {
  readonly name?: string;
  readonly tags?: unknown;
  readonly columns: readonly string[];
  readonly values?: readonly Row[];
}

interface Result {
  readonly statement_id: number;
  readonly series?: readonly Series[];
  readonly error?: string;
}

interface Document {
  readonly results?: readonly Result[];
  readonly error?: string;
}

export async function askInfluxql(url: string, request: InfluxqlRequest): Promise<InfluxqlAnswer> {
  const response = await fetch(`${url}/query?${new URLSearchParams(request.params)}`, {
    method: "POST",
    headers: request.accept === "" ? {} : { Accept: request.accept },
    body: new URLSearchParams({ q: request.query }),
  });
  return { status: response.status, body: await response.text() };
}

/** What differs, or undefined. */
export function influxqlDifference(
  ours: InfluxqlAnswer,
  theirs: InfluxqlAnswer,
): string | undefined {
  if (ours.status !== theirs.status) return shown(ours, theirs);
  if (ours.status !== 200) return undefined;
  if (!theirs.body.startsWith("{")) {
    if (csvAlike(ours.body, theirs.body)) return undefined;
    const said = /^error\n.*$/m.exec(ours.body)?.[0];
    return said === undefined ? shown(ours, theirs) : `ours said ${said}`;
  }
  const [mine, other] = [documents(ours.body), documents(theirs.body)];
  if (mine === undefined || other === undefined) return shown(ours, theirs);
  if (isSame(mine, other)) return undefined;
  const found = firstDifference(untied(mine), untied(other), "");
  const said = /"error": ?"[^}]*/.exec(ours.body)?.[0] ?? "";
  return found === undefined
    ? undefined
    : `${found}${said === "" ? "" : `\n    ours said ${said}`}`;
}

/** What 1.6.7 writes where it cannot encode a result. */
const NO_JSON = /json: error calling MarshalJSON.*/;

/** Where two documents begin to differ: the path, and what stands there. */
function firstDifference(mine: unknown, other: unknown, path: string): string | undefined {
  if (isSame(mine, other)) return undefined;
  if (typeof mine !== "object" || typeof other !== "object" || mine === null || other === null) {
    return `${path} ours   ${JSON.stringify(mine)}\n    theirs ${JSON.stringify(other)}`;
  }
  const [left, right] = [mine, other].map((part) => new Map(Object.entries(part as object)));
  for (const key of new Set([...left!.keys(), ...right!.keys()])) {
    const found = firstDifference(left!.get(key), right!.get(key), `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return path;
}

function shown(ours: InfluxqlAnswer, theirs: InfluxqlAnswer): string {
  let at = 0;
  while (at < ours.body.length && ours.body[at] === theirs.body[at]) at++;
  const from = Math.max(0, at - 60);
  const part = ({ status, body }: InfluxqlAnswer) =>
    `${status === 200 ? "" : `${status} `}${from > 0 ? "…" : ""}${body.slice(from, from + 260)}${
      NO_JSON.exec(body)?.[0] ?? ""
    }`;
  return `ours   ${part(ours).trim()}\n    theirs ${part(theirs).trim()}`;
}

/** Whether a text is a whole number that is no double, whose digits would be padded with zeros. */
function isWideWhole(text: string): boolean {
  if (!/^-?\d{16,19}$/.test(text) || text.endsWith("0")) return false;
  return BigInt(Number(text)) !== BigInt(text);
}

/** JSON of each line, or of all lines; whole numbers that no double is are texts, errors are all the same. */
function documents(body: string): Document[] | undefined {
  const isPretty = body.startsWith("{\n");
  try {
    return (isPretty ? [body] : body.trim().split("\n")).map((text) =>
      JSON.parse(text, (key, value: unknown, context?: { source?: string }) => {
        if (key === "error") return "an error";
        const source = context?.source ?? "";
        return typeof value === "number" && isWideWhole(source) ? source : value;
      }) as Document
    );
  } catch {
    return undefined;
  }
}

/** Rows of one series in order of time, then of their text; chunks put together. */
function untied(all: readonly Document[]): unknown {
  const series: { key: string; rows: Row[] }[] = [];
  const errors: unknown[] = [];
  for (const { results = [] } of all) {
    for (const { statement_id: id, error, series: found = [] } of results) {
      if (error !== undefined) errors.push([id, error]);
      for (const { name, tags, columns, values = [] } of found) {
        const key = JSON.stringify([id, name, tags, columns]);
        if (series.at(-1)?.key !== key) series.push({ key, rows: [] });
        series.at(-1)!.rows.push(...values);
      }
    }
  }
  return { series: series.map(({ key, rows }) => ({ key, runs: runs(rows) })), errors };
}

/** Rows with equal times together, in the order of their text. */
function runs(rows: readonly Row[]): Row[][] {
  const found: Row[][] = [];
  for (const row of rows) {
    if (found.at(-1)?.[0]?.[0] !== row[0]) found.push([]);
    found.at(-1)!.push(row);
  }
  const textual = (left: Row, right: Row) => JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;
  return found.map((run) => run.length > 1 ? run.sort(textual) : run);
}

/** Lines alike: a number is compared as one, and lines may stand in another order. */
function csvAlike(ours: string, theirs: string): boolean {
  const cells = (text: string) => text.split("\n").map((line) => line.split(",").map(cell));
  const mine = cells(ours);
  const other = cells(theirs);
  if (isSame(mine, other)) return true;
  if (ours.startsWith("error") && theirs.startsWith("error")) return true;
  const sorted = (lines: readonly Row[]) => lines.map((line) => JSON.stringify(line)).sort();
  return isSame(sorted(mine), sorted(other));
}

/** Numbers to twelve digits, so that lines can be sorted; wide whole ones as they are, infinite ones as nothing. */
function cell(text: string): unknown {
  if (/^([+-]Inf|NaN)$/.test(text)) return "";
  const isNumber = /^-?\d+(\.\d+)?$/.test(text) && !isWideWhole(text);
  return isNumber ? Number(text).toPrecision(12) : text;
}
