/** Compares two servers' answers to a PromQL query: status, kind of error, type, label sets, times, values. */

/** Relative difference that sums in another order may make. */
const TOLERANCE = 1e-9;
/** What a difference of equal numbers leaves, in magnitude. */
const NOISE = { min: 1e-20, max: 1e-12 } as const;

export interface ComparedAnswer {
  readonly status: number;
  readonly body: {
    readonly status: string;
    readonly errorType?: string;
    readonly error?: string;
    readonly data?: { readonly resultType: string; readonly result: unknown };
  };
}

type Sample = readonly [time: number, value: unknown];
type Samples = ReadonlyMap<number, unknown>;

/** `parameters` go to `query`, or to `query_range` where they have a step. */
export async function ask(
  url: string,
  parameters: Readonly<Record<string, string>>,
): Promise<ComparedAnswer> {
  const path = parameters["step"] === undefined ? "query" : "query_range";
  const response = await fetch(`${url}/api/v1/${path}`, {
    method: "POST",
    body: new URLSearchParams(parameters),
  });
  return { status: response.status, body: await response.json() as ComparedAnswer["body"] };
}

/** What differs, or undefined. `ordered`: values of a vector come in an order that means something. */
export function difference(
  left: ComparedAnswer,
  right: ComparedAnswer,
  ordered = false,
): string | undefined {
  if (left.status !== right.status || left.body.errorType !== right.body.errorType) {
    return `${left.status} ${left.body.error ?? "ok"} | ${right.status} ${
      right.body.error ?? "ok"
    }`;
  }
  if (left.body.data === undefined || right.body.data === undefined) return undefined;
  const { resultType } = left.body.data;
  if (resultType !== right.body.data.resultType) {
    return `${resultType} | ${right.body.data.resultType}`;
  }
  if (resultType === "scalar" || resultType === "string") {
    return sampleDifference(left.body.data.result as Sample, right.body.data.result as Sample);
  }
  const mine = resultSeries(left);
  const theirs = resultSeries(right);
  if (ordered && resultType === "vector") {
    const values = (of: ReadonlyMap<string, Samples>) =>
      [...of.values()].flatMap((one) => [...one.values()]);
    const [first, second] = [values(mine), values(theirs)];
    const at = first.findIndex((value, index) => !same(value, second[index]));
    if (at >= 0) return `order: ${first.slice(0, 8)} | ${second.slice(0, 8)}`;
  }
  return seriesDifference(mine, theirs);
}

function resultSeries({ body }: ComparedAnswer): Map<string, Samples> {
  const found = new Map<string, Samples>();
  for (const one of body.data!.result as readonly Record<string, unknown>[]) {
    const labels = Object.entries(one["metric"] as Record<string, string>);
    labels.sort(([left], [right]) => left < right ? -1 : 1);
    const single = (one["value"] ?? one["histogram"]) as Sample | undefined;
    const lists = [one["values"], one["histograms"]] as readonly (readonly Sample[] | undefined)[];
    found.set(
      JSON.stringify(labels),
      new Map(single === undefined ? lists.flatMap((list) => list ?? []) : [single]),
    );
  }
  return found;
}

function seriesDifference(
  left: ReadonlyMap<string, Samples>,
  right: ReadonlyMap<string, Samples>,
): string | undefined {
  for (const labels of right.keys()) if (!left.has(labels)) return `- | ${labels}`;
  for (const [labels, samples] of left) {
    const others = right.get(labels);
    if (others === undefined) return `${labels} | -`;
    for (const time of others.keys()) if (!samples.has(time)) return `${labels}: - | at ${time}`;
    for (const [time, value] of samples) {
      if (!others.has(time)) return `${labels}: at ${time} | -`;
      const found = sampleDifference([time, value], [time, others.get(time)]);
      if (found !== undefined) return `${labels}: ${found}`;
    }
  }
  return undefined;
}

function sampleDifference(left: Sample, right: Sample): string | undefined {
  if (left[0] !== right[0]) return `time ${left[0]} | ${right[0]}`;
  if (same(left[1], right[1])) return undefined;
  return `at ${left[0]}: ${JSON.stringify(left[1])} | ${JSON.stringify(right[1])}`;
}

/** Numbers as text within the tolerance; lists and objects, as histograms are, part by part. */
function same(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left === "string" && typeof right === "string") {
    const [first, second] = [toNumber(left), toNumber(right)];
    const magnitude = Math.max(Math.abs(first), Math.abs(second));
    return Object.is(first, second) || Math.abs(first - second) <= TOLERANCE * magnitude ||
      (magnitude > NOISE.min && magnitude < NOISE.max);
  }
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
    return false;
  }
  const [mine, theirs] = [Object.entries(left), new Map(Object.entries(right))];
  return mine.length === theirs.size &&
    mine.every(([name, value]) => same(value, theirs.get(name)));
}

function toNumber(text: string): number {
  if (text === "+Inf" || text === "-Inf") return text === "+Inf" ? Infinity : -Infinity;
  return Number(text);
}
