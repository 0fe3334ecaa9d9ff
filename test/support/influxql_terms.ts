/** Parts of random InfluxQL over one measurement: times, conditions, columns and calls. */
import type { Measurement } from "./influxql_data.ts";
import { identifier, literal, whereTags } from "./influxql_words.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** What a SELECT is written for. */
export interface Frame {
  readonly measurement: Measurement;
  /** Range of time in seconds. */
  readonly fromS: number;
  readonly toS: number;
}

export const PLAIN_AGGREGATES: readonly string[] = [
  "count",
  "sum",
  "mean",
  "median",
  "mode",
  "spread",
  "stddev",
];
export const SELECTORS: readonly string[] = ["first", "last", "min", "max"];
export const ARITHMETIC: readonly string[] = [
  "+",
  "-",
  "*",
  "/",
  "+",
  "-",
  "*",
  "/",
  "%",
  "&",
  "|",
  "^",
];
export const NUMBERS: readonly string[] = ["0", "1", "2", "-3", "0.5", "10", "1.25", "100", "7"];
const UNITS = ["1ms", "1s", "7s", "1m", "1h", "2m30s"];
const MATH = [
  "abs",
  "ceil",
  "floor",
  "round",
  "sqrt",
  "exp",
  "ln",
  "log2",
  "log10",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
];

export class TermWriter {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  #pick<T>(choices: readonly T[]): T {
    return this.#random.pick(choices);
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  /** A time as one of the ways to write it. */
  #instant(seconds: number): string {
    const iso = new Date(seconds * 1000).toISOString();
    return this.#pick([
      `'${iso.replace(".000Z", "Z")}'`,
      `'${iso.replace(".000Z", "").replace("T", " ")}'`,
      `${seconds}s`,
      `${seconds * 1000}ms`,
      `${seconds}000000000`,
      `'${iso.replace(".000Z", "Z")}' + 0s`,
      `${seconds - 60}s + 1m`,
    ]).replace(/^-(\d)/, "-$1");
  }

  times({ fromS, toS }: Frame): string {
    const lower = `time ${this.#pick([">=", ">=", ">"])} ${this.#instant(fromS)}`;
    const upper = `time ${this.#pick(["<=", "<", "<"])} ${this.#instant(toS)}`;
    if (this.#chance(0.05)) return `(${upper}) AND (${lower} AND time > -9s)`;
    return `${lower} ${this.#pick(["AND", "and"])} ${upper}`;
  }

  #fieldsOf({ fields }: Measurement, types: readonly string[]): string[] {
    return Object.entries(fields).filter(([, { type }]) => types.includes(type)).map(([key]) =>
      identifier(key)
    );
  }

  number(measurement: Measurement): string {
    return this.#pick(this.#fieldsOf(measurement, ["float", "integer", "decimal", "wide"]));
  }

  /** Any field; seldom one that does not exist. */
  any({ fields }: Measurement): string {
    return this.#chance(0.03) ? "nothing" : identifier(this.#pick(Object.keys(fields)));
  }

  tags({ series }: Measurement): string[] {
    return [...new Set(series.flatMap((each) => Object.keys(each)))];
  }

  condition(measurement: Measurement): string {
    const one = () =>
      this.#chance(0.5) ? whereTags(this.#random, measurement) : this.#fieldCondition(measurement);
    switch (this.#random.below(8)) {
      case 6:
        return this.#mixed(measurement);
      case 0:
        return `(${one()} OR ${one()})`;
      case 1:
        return `${one()} AND ${one()}`;
      case 2:
        return `(${one()} AND (${one()} OR ${one()}))`;
      default:
        return one();
    }
  }

  /** Comparisons of what is seldom compared. */
  #mixed(measurement: Measurement): string {
    const tag = identifier(this.#pick(this.tags(measurement)));
    const [one, other] = [this.any(measurement), this.any(measurement)];
    return this.#pick([
      `${tag} = ${identifier(this.#pick(this.tags(measurement)))}`,
      `${one} ${this.#pick(["=", "!=", "<", ">="])} ${other}`,
      `${tag} = ${one}`,
      `${tag} > 5`,
      `${one} = 'text'`,
      `${one} =~ /./`,
      `${one} > true`,
      "true",
      "(false OR true)",
      `(${one}::float > 1)`,
      `(${one})::field = ${other}`.replace(/^\((.*)\)::field/, "$1::field"),
    ]);
  }

  #fieldCondition(measurement: Measurement): string {
    const field = this.any(measurement);
    const { type = "float" } = Object.entries(measurement.fields)
      .find(([key]) => identifier(key) === field)?.[1] ?? {};
    const compare = this.#pick(["=", "!=", "<", "<=", ">", ">=", "<>"]);
    switch (type) {
      case "string":
        return this.#pick([
          `${field} ${this.#pick(["=", "!="])} ${literal(this.#pick(["ok", "not ok", "", "x"]))}`,
          `${field} ${this.#pick(["=~", "!~"])} ${this.#pick(["/o/", "/^$/", "/^ok$/", "/[äa]/"])}`,
        ]);
      case "boolean":
        return `${field} ${this.#pick(["=", "!="])} ${this.#pick(["true", "false"])}`;
      default:
        return this.#pick([
          `${field} ${compare} ${this.#pick(["0", "10", "-5.5", "50", "120", "9007199254740993"])}`,
          `${field} ${compare} ${this.#pick(["0", "10", "-5.5", "50"])}`,
          `${field} ${this.#pick(["+", "*", "-"])} 2 ${compare} ${this.number(measurement)}`,
          `${this.#pick(NUMBERS)} ${compare} ${field}`,
        ]);
    }
  }

  column(measurement: Measurement): string {
    const tag = () => identifier(this.#pick(this.tags(measurement)));
    const forms = [
      () => this.any(measurement),
      () => this.any(measurement),
      () => this.any(measurement),
      () => `${this.any(measurement)}, ${tag()}`,
      () => this.#pick(["*", "*", "*::field", "*::tag", "/o/", "/^u/", "/e$/"]),
      () => this.arithmetic(this.number(measurement), this.number(measurement)),
      () => `${this.#pick(MATH)}(${this.number(measurement)})`,
      () =>
        `${this.any(measurement)}::${
          this.#pick(["float", "integer", "string", "boolean", "field", "tag"])
        }`,
      () => `pow(${this.number(measurement)}, ${this.#pick(["2", "0.5", "-1"])})`,
      () => `log(${this.number(measurement)}, ${this.#pick(["2", "10", "0.5"])})`,
      () => `atan2(${this.number(measurement)}, ${this.number(measurement)})`,
      () => this.arithmetic(this.any(measurement), this.#pick(NUMBERS)),
      () => `time${this.#pick(["", " AS t"])}, ${this.any(measurement)}`,
    ];
    return this.#pick(forms)();
  }

  arithmetic(left: string, right: string): string {
    const operator = this.#pick(ARITHMETIC);
    switch (this.#random.below(6)) {
      case 0:
        return `(${left} ${operator} ${this.#pick(NUMBERS)}) ${this.#pick(ARITHMETIC)} ${right}`;
      case 1:
        return `${this.#pick(NUMBERS)} ${operator} ${left}`;
      case 2:
        return `-${left}`;
      case 3:
        return `${left} ${operator} ${this.#pick(NUMBERS)}`;
      default:
        return `${left} ${operator} ${right}`;
    }
  }

  aggregate(measurement: Measurement): string {
    const number = this.#chance(0.08) ? this.any(measurement) : this.number(measurement);
    const any = this.any(measurement);
    const forms = [
      () => `${this.#pick(PLAIN_AGGREGATES)}(${number})`,
      () => `${this.#pick(PLAIN_AGGREGATES)}(${number})`,
      () => `${this.#pick(PLAIN_AGGREGATES)}(${number})`,
      () => `${this.#pick(SELECTORS)}(${number})`,
      () => `${this.#pick(["first", "last", "count", "mode"])}(${any})`,
      () => `count(distinct(${any}))`,
      () => `${this.#pick(["mean", "max", "sum"])}(${number}::${this.#pick(["integer", "float"])})`,
      () => `percentile(${number}, ${this.#pick(["50", "90", "99.9", "0", "100", "12.5", "1"])})`,
      () =>
        measurement.hasTies
          ? `sum(${number})`
          : `integral(${number}${this.#chance(0.5) ? `, ${this.#pick(UNITS)}` : ""})`,
      () =>
        `${this.#pick(["mean", "max", "count", "sum", "last", "mode"])}(${
          this.#pick(["*", "/u/", "/^[a-l]/"])
        })`,
    ];
    return this.#pick(forms)();
  }

  transformation(argument: string): string {
    const unit = this.#chance(0.5) ? `, ${this.#pick(UNITS)}` : "";
    // Of aggregates one over the other.
    if (argument.includes("(") && this.#chance(0.1)) {
      return this.#pick([
        `moving_average(derivative(${argument}), 2)`,
        `cumulative_sum(difference(${argument}))`,
        `difference(cumulative_sum(${argument}))`,
        `derivative(moving_average(${argument}, 2), 1m)`,
      ]);
    }
    return this.#pick([
      `derivative(${argument}${unit})`,
      `non_negative_derivative(${argument}${unit})`,
      `difference(${argument})`,
      `non_negative_difference(${argument})`,
      `moving_average(${argument}, ${2 + this.#random.below(3)})`,
      `cumulative_sum(${argument})`,
      `elapsed(${argument}${unit})`,
    ]);
  }

  /** A column of an aggregated query. */
  call(measurement: Measurement, isBucketed: boolean): string {
    const kind = this.#random.below(isBucketed ? 12 : 8);
    const aggregate = () => this.aggregate(measurement);
    if (kind < 5) return aggregate();
    if (kind === 5) return this.arithmetic(aggregate(), aggregate());
    if (kind === 6) return `${this.#pick(MATH)}(${aggregate()})`;
    if (kind === 7) return this.arithmetic(aggregate(), this.#pick(NUMBERS));
    if (kind === 11 && this.#chance(0.3)) {
      return `${this.#pick(["holt_winters", "holt_winters_with_fit"])}(${
        this.#pick(["mean", "sum", "count"])
      }(${this.number(measurement)}), ${1 + this.#random.below(4)}, ${this.#random.below(5)})`;
    }
    return this.transformation(aggregate());
  }
}
