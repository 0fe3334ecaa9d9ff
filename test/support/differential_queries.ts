/** Random PromQL that Prometheus 2.42 and 3 understand alike, over the series of differential_data.ts. */
import { SeededRandom } from "./seeded_random.ts";

const COUNTERS = [
  "requests_total",
  'requests_total{code="200"}',
  'requests_total{job=~"api|web",code!="404"}',
  "latency_seconds_count",
  "latency_seconds_sum",
  "short_lived",
];
const GAUGES = [
  "queue_length",
  "temperature",
  'temperature{floor=~"[12]"}',
  'queue_length{job!~"w.*"}',
  "flapping",
  "extreme",
  "sparse",
  'extreme{kind!="infinite"}',
  '{__name__=~"queue_length|flapping",instance="a:80"}',
];
const RANGES = ["1m", "90s", "2m30s", "5m", "17m", "1h"];
const SHIFTS = [
  "",
  "",
  "",
  "",
  " offset 1m",
  " offset 7m30s",
  " offset -2m",
  " @ 1700002007",
  " @ end()",
  " @ start() offset 3m",
];
const COUNTER_FUNCTIONS = ["rate", "increase", "irate", "resets", "changes"];
const GAUGE_FUNCTIONS = [
  "delta",
  "idelta",
  "deriv",
  "avg_over_time",
  "min_over_time",
  "max_over_time",
  "sum_over_time",
  "count_over_time",
  "last_over_time",
  "present_over_time",
  "stddev_over_time",
  "stdvar_over_time",
  "changes",
  "resets",
];
const MATH = [
  "abs",
  "ceil",
  "floor",
  "exp",
  "ln",
  "log2",
  "log10",
  "sqrt",
  "sgn",
  "sin",
  "cos",
  "tanh",
  "atan",
  "asinh",
  "deg",
  "rad",
  "timestamp",
  "day_of_month",
  "hour",
  "minute",
  "days_in_month",
  "round",
];
const AGGREGATIONS = ["sum", "avg", "min", "max", "count", "stddev", "stdvar", "group"];
const GROUPINGS = [
  "",
  " by (job)",
  " by (instance, job)",
  " without (instance)",
  " by (floor)",
  " without (code, job)",
  " by (absent)",
  " without ()",
  " by ()",
];
const ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS = ["==", "!=", "<", ">", "<=", ">="];
const NUMBERS = ["0", "1", "-2.5", "0.3", "1e3", "12", "NaN", "Inf"];

export interface DifferentialQuery {
  readonly query: string;
  /** Values in this order; else the order means nothing. */
  readonly ordered: boolean;
}

/** Writes queries; the same for the same seed. */
export class QueryWriter {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  next(): DifferentialQuery {
    const kind = this.#random.below(16);
    if (kind === 0) return { query: `sort(${this.#plain()})`, ordered: true };
    if (kind === 1) return { query: `sort_desc(${this.#plain()})`, ordered: true };
    if (kind === 2) {
      return {
        query: `${this.#pick(["topk", "bottomk"])}(${1 + this.#random.below(6)}, ${this.#plain()})`,
        ordered: true,
      };
    }
    if (kind === 3) return { query: this.#scalar(), ordered: false };
    return { query: this.#vector(2), ordered: false };
  }

  #pick<T>(choices: readonly T[]): T {
    return this.#random.pick(choices);
  }

  #shifted(selector: string): string {
    return selector + this.#pick(SHIFTS);
  }

  /** Vectors whose values all differ. */
  #plain(): string {
    const plain = this.#pick(["temperature", "queue_length", "latency_seconds_sum", "flapping"]);
    return this.#random.below(2) === 0 ? plain : `avg_over_time(${plain}[${this.#pick(RANGES)}])`;
  }

  #scalar(): string {
    const forms = [
      () =>
        `scalar(${
          this.#pick(["sparse", "sum(queue_length)", "queue_length", 'temperature{room="room 3"}'])
        })`,
      () => `time() ${this.#pick(ARITHMETIC)} ${this.#pick(NUMBERS)}`,
      () => `${this.#pick(NUMBERS)} ${this.#pick(ARITHMETIC)} ${this.#pick(NUMBERS)}`,
      () => `${this.#pick(NUMBERS)} ${this.#pick(COMPARISONS)} bool ${this.#pick(NUMBERS)}`,
      () => `pi() * scalar(max(temperature))`,
    ];
    return this.#pick(forms)();
  }

  #overTime(): string {
    const range = `[${this.#pick(RANGES)}]`;
    const gauges = this.#shifted(this.#pick(GAUGES) + range);
    const forms = [
      () => `${this.#pick(COUNTER_FUNCTIONS)}(${this.#shifted(this.#pick(COUNTERS) + range)})`,
      () => `${this.#pick(COUNTER_FUNCTIONS)}(${this.#shifted(this.#pick(COUNTERS) + range)})`,
      () => `${this.#pick(GAUGE_FUNCTIONS)}(${gauges})`,
      () => `${this.#pick(GAUGE_FUNCTIONS)}(${gauges})`,
      () =>
        `quantile_over_time(${
          this.#pick(["0", "0.25", "0.5", "0.99", "1", "-1", "2"])
        }, ${gauges})`,
      () => `predict_linear(${gauges}, ${this.#pick(["0", "60", "-600", "3600"])})`,
      () => `absent_over_time(${gauges})`,
      () => this.#subquery(),
    ];
    return this.#pick(forms)();
  }

  /** Resolutions divide a minute; evaluation times never are their multiples. */
  #subquery(): string {
    const window = `[${this.#pick(["3m", "10m", "25m"])}:${this.#pick(["30s", "1m", ""])}]${
      this.#pick(["", " offset 2m"])
    }`;
    const forms = [
      () => `${this.#pick(GAUGE_FUNCTIONS)}(${this.#pick(GAUGES)}${window})`,
      () =>
        `${this.#pick(["max_over_time", "avg_over_time", "sum_over_time"])}(rate(${
          this.#pick(COUNTERS)
        }[2m])${window})`,
      () =>
        `${this.#pick(["min_over_time", "last_over_time", "count_over_time"])}(sum by (job) (${
          this.#pick(["queue_length", "flapping"])
        })${window})`,
    ];
    return this.#pick(forms)();
  }

  #histogram(): string {
    const quantile = this.#pick(["0", "0.1", "0.5", "0.9", "0.99", "1", "-0.5", "1.5"]);
    const rate = `rate(latency_seconds_bucket[${this.#pick(["2m", "5m", "10m"])}])`;
    return `histogram_quantile(${quantile}, ${
      this.#pick(["", "sum by (le) ", "sum by (job, le) ", "sum without (instance) "])
    }(${rate}))`;
  }

  #labels(depth: number): string {
    const forms = [
      () => `label_replace(${this.#vector(depth - 1)}, "copy", "$1-x", "job", "(.).*")`,
      () => `label_replace(${this.#pick(GAUGES)}, "room", "", "room", ".*1.*")`,
      () => `label_join(${this.#pick(COUNTERS)}, "joined", "/", "job", "instance", "nothing")`,
    ];
    return this.#pick(forms)();
  }

  #aggregation(depth: number): string {
    const grouping = this.#pick(GROUPINGS);
    const inner = this.#vector(depth - 1);
    const forms = [
      () => `${this.#pick(AGGREGATIONS)}${grouping} (${inner})`,
      () => `${this.#pick(AGGREGATIONS)}${grouping} (${inner})`,
      () => `quantile${grouping} (${this.#pick(["0", "0.3", "0.5", "1", "-1", "1.2"])}, ${inner})`,
      () => `count_values${grouping} ("value", round(clamp(${inner}, -1e6, 1e6), 10))`,
      () => `topk${this.#pick([" by (job)", " by (floor)"])} (2, ${this.#plain()})`,
    ];
    return this.#pick(forms)();
  }

  #binary(depth: number): string {
    const operator = this.#pick([
      ...ARITHMETIC,
      ...COMPARISONS,
      ...COMPARISONS.map((one) => `${one} bool`),
    ]);
    const forms = [
      () => `(${this.#vector(depth - 1)}) ${operator} ${this.#pick(NUMBERS)}`,
      () => `${this.#pick(NUMBERS)} ${operator} (${this.#vector(depth - 1)})`,
      () => `queue_length ${operator} flapping`,
      () => `queue_length ${operator} on (job, instance) flapping offset 1m`,
      () => `rate(requests_total[5m]) ${operator} ignoring (code) group_left () queue_length`,
      () => `rate(requests_total[5m]) ${operator} on (job, instance) group_left (version) build`,
      () => `build ${operator} ignoring (code, version) group_right (version) requests_total`,
      () => `sum by (job) (queue_length) ${operator} on (job) group_right () flapping`,
      () =>
        `(${this.#vector(depth - 1)}) ${this.#pick(["and", "or", "unless"])}${
          this.#pick(["", " on (job)", " on ()", " ignoring (code, room)"])
        } (${this.#vector(depth - 1)})`,
      () => `-(${this.#vector(depth - 1)})`,
    ];
    return this.#pick(forms)();
  }

  #vector(depth: number): string {
    if (depth <= 0) {
      return this.#random.below(3) === 0
        ? this.#shifted(this.#pick([...GAUGES, ...COUNTERS]))
        : this.#overTime();
    }
    const forms = [
      () => this.#vector(0),
      () => this.#histogram(),
      () => this.#aggregation(depth),
      () => this.#aggregation(depth),
      () => this.#binary(depth),
      () => this.#binary(depth),
      () => `${this.#pick(MATH)}(${this.#vector(depth - 1)})`,
      () => `clamp(${this.#vector(depth - 1)}, -1, ${this.#pick(["5", "-3", "100"])})`,
      () => `clamp_min(${this.#vector(depth - 1)}, 0.5)`,
      () => this.#labels(depth),
      () => `absent(${this.#pick(GAUGES)} > 1e9)`,
      () => `vector(${this.#scalar()})`,
    ];
    return this.#pick(forms)();
  }
}
