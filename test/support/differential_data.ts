/**
 * Series for comparisons with another server: counters with resets, gauges, NaN, infinities, gaps, staleness, classic
 * histograms. The same at every call.
 *
 * No sample lies on a whole second: Prometheus before 3.0 takes samples at the left end of a window, today's does not, and
 * queries at whole seconds with ranges of whole seconds must not see the difference.
 */
import type { MessageSeries } from "./remote_messages.ts";
import { SeededRandom } from "./seeded_random.ts";

/** Where the data begins; a whole minute, in milliseconds since the epoch. */
export const DATA_START_MS = 1_699_999_980_000;
/** Milliseconds that the data covers. */
export const DATA_SPAN_MS = 6_000_000;
const INTERVAL_MS = 15_000;
const SAMPLES = DATA_SPAN_MS / INTERVAL_MS;

type Labels = Readonly<Record<string, string>>;
type Value = number | "stale" | undefined;
type Shape = (index: number) => Value;

const JOBS = ["api", "web", "batch"];
const INSTANCES = ["a:80", "b:80", "c:80", "d:80"];
const BOUNDS = ["0.1", "0.5", "1", "2.5", "+Inf"];

function series(random: SeededRandom, name: string, labels: Labels, shape: Shape): MessageSeries {
  // Milliseconds after the whole second, never 0; some series jitter.
  const phaseMs = random.below(14) * 1_000 + 1 + random.below(400);
  const jitterMs = random.below(2) * 500;
  const samples: (readonly [number, number | "stale"])[] = [];
  for (let index = 0; index < SAMPLES; index++) {
    const value = shape(index);
    const timeMs = DATA_START_MS + index * INTERVAL_MS + phaseMs +
      (jitterMs === 0 ? 0 : random.below(jitterMs));
    if (value !== undefined) samples.push([timeMs, value]);
  }
  const pairs = Object.entries({ __name__: name, ...labels });
  pairs.sort(([left], [right]) => left < right ? -1 : 1);
  return { labels: pairs, samples };
}

/** Grows by random steps; falls back at random times, never near 0. */
function counter(random: SeededRandom, pace: number): Shape {
  let value = 5_000 * pace + random.below(1_000);
  return () => {
    if (random.below(90) === 0) value = 3_000 * pace + random.below(500);
    value += random.below(10) * pace;
    return value;
  };
}

/** A random walk; with gaps, and a NaN now and then. */
function gauge(random: SeededRandom, gaps: number, nans: number): Shape {
  let value = random.next() * 40 - 10;
  let gap = 0;
  return () => {
    value += random.next() * 4 - 2;
    if (gap > 0) gap--;
    else if (gaps > 0 && random.below(gaps) === 0) gap = random.below(40);
    if (gap > 0) return undefined;
    return nans > 0 && random.below(nans) === 0 ? NaN : value;
  };
}

/** Vanishes with a marker and comes back. */
function flapping(random: SeededRandom): Shape {
  let present = true;
  let value = 10 + random.below(10);
  return () => {
    const flips = random.below(20) === 0;
    value += random.next();
    if (flips && present) {
      present = false;
      return "stale";
    }
    if (flips) present = true;
    return present ? value : undefined;
  };
}

/** Lives from one sample to another, and ends with a marker. */
function shortLived(random: SeededRandom): Shape {
  const first = random.below(SAMPLES - 60);
  const last = first + 20 + random.below(40);
  const grown = counter(random, 1);
  return (index) => index < first || index > last ? undefined : index === last ? "stale" : grown(0);
}

function histogram(random: SeededRandom, labels: Labels): MessageSeries[] {
  const counts = BOUNDS.map(() => 2_000);
  const mean = 0.5 + random.next();
  const observed = Array.from({ length: SAMPLES }, () => {
    for (let left = random.below(8); left > 0; left--) {
      const from = random.below(BOUNDS.length);
      for (let at = from; at < BOUNDS.length; at++) counts[at]!++;
    }
    return counts.map((count, at) => count + 700 * at);
  });
  const buckets = BOUNDS.map((le, at) =>
    series(random, "latency_seconds_bucket", { ...labels, le }, (index) => observed[index]![at])
  );
  const total = (index: number) => observed[index]!.at(-1)!;
  return [
    ...buckets,
    series(random, "latency_seconds_count", labels, total),
    series(random, "latency_seconds_sum", labels, (index) => total(index) * mean),
  ];
}

/** Squares stay finite, and no number is subnormal: sums of squares and logarithms of such differ from release to release. */
const EXTREMES: Readonly<Record<string, readonly number[]>> = {
  large: [1e100, 2e100, 4e100],
  small: [1e-300, 3e-300, 5e-301],
  infinite: [Infinity, 1, -Infinity, 2],
  zero: [0, -0, 0],
  integers: [2 ** 53, 2 ** 53 - 1, 2 ** 52 + 1],
};

/** All series, some two hundred. */
export function differentialSeries(): MessageSeries[] {
  const random = new SeededRandom(20_231_114);
  const all: MessageSeries[] = [];
  const add = (name: string, labels: Labels, shape: Shape) =>
    all.push(series(random, name, labels, shape));
  for (const [place, job] of JOBS.entries()) {
    for (const [number, instance] of INSTANCES.entries()) {
      for (const code of ["200", "404", "500"]) {
        add("requests_total", { job, instance, code }, counter(random, code === "200" ? 10 : 1));
      }
      add("queue_length", { job, instance }, gauge(random, 0, 0));
      add("flapping", { job, instance }, flapping(random));
      add("build", { job, instance, version: `1.${(place + number) % 3}` }, () => 1);
      if (number < 3) all.push(...histogram(random, { job, instance }));
    }
  }
  for (let room = 0; room < 20; room++) {
    const labels = { room: `room ${room}`, floor: String(room % 4) };
    add("temperature", labels, gauge(random, room % 2 === 0 ? 60 : 0, room % 5 === 0 ? 15 : 0));
  }
  for (let id = 0; id < 15; id++) {
    add("short_lived", { id: `${id}`, job: "batch" }, shortLived(random));
  }
  for (const [kind, values] of Object.entries(EXTREMES)) {
    add("extreme", { kind }, (index) => values[index % values.length]);
  }
  add("sparse", { job: "api" }, (index) => index % 12 === 0 ? index : undefined);
  return all;
}

/** The series cut into messages that follow each other in time. */
export function inTurns(all: readonly MessageSeries[], turnMs = 300_000): MessageSeries[][] {
  const turns: MessageSeries[][] = [];
  for (let from = DATA_START_MS; from < DATA_START_MS + DATA_SPAN_MS; from += turnMs) {
    const turn = all.map((one) => ({
      ...one,
      samples: one.samples!.filter(([timeMs]) => timeMs >= from && timeMs < from + turnMs),
    }));
    turns.push(turn.filter(({ samples }) => samples.length > 0));
  }
  return turns;
}
