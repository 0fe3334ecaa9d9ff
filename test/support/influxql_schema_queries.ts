/** Random SHOW statements, and statements that are wrong, over the measurements of influxql_data.ts. */
import { DATABASE, type Measurement, MEASUREMENTS } from "./influxql_data.ts";
import { identifier, literal, whereTags } from "./influxql_words.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** Both servers refuse these, each in its own words. */
export const WRONG: readonly string[] = [
  "SELECT",
  "SELECT FROM cpu",
  "SELECT usage cpu",
  "SELECT usage FROM",
  "SELECT mean() FROM cpu",
  "SELECT mean(usage, idle) FROM cpu",
  "SELECT nosuch(usage) FROM cpu",
  "SELECT mean(usage), idle FROM cpu",
  "SELECT usage FROM cpu GROUP BY time(1m)",
  "SELECT mean(usage) FROM cpu GROUP BY time(1m), time(2m)",
  "SELECT mean(usage) FROM cpu GROUP BY time(x)",
  "SELECT mean(usage) FROM cpu GROUP BY time()",
  "SELECT mean(usage) FROM cpu GROUP BY 5",
  "SELECT usage FROM cpu ORDER BY host",
  "SELECT usage FROM cpu LIMIT x",
  "SELECT usage FROM cpu LIMIT -1",
  "SELECT usage FROM cpu WHERE time > 'yesterday'",
  "SELECT usage FROM cpu WHERE host =~ 'a'",
  "SELECT usage FROM cpu WHERE host =~ /(/",
  "SELECT usage FROM cpu tz('Nowhere/Land')",
  "SELECT percentile(usage) FROM cpu",
  "SELECT percentile(usage, 'a') FROM cpu",
  "SELECT top(usage, 0) FROM cpu",
  "SELECT top(usage, host) FROM cpu",
  "SELECT moving_average(usage, 1) FROM cpu",
  "SELECT derivative(usage, 0s) FROM cpu",
  "SELECT derivative(mean(usage)) FROM cpu",
  "SELECT distinct(usage), mean(usage) FROM cpu",
  "SELECT distinct(usage), idle FROM cpu",
  "SELECT holt_winters(usage, 1, 1) FROM cpu",
  "SELECT top(usage, 1), max(usage) FROM cpu",
  "SELECT mean(usage) + usage FROM cpu",
  "SELECT time FROM cpu",
  "SELECT sum(state) FROM cpu",
  "SELECT mean(up) FROM cpu",
  "SELECT usage + state FROM cpu",
  "SELECT usage FROM nowhere..cpu",
  "SELECT usage FROM nosuch.cpu",
  "SELECT usage FROM cpu fill(1",
  "SELECT mean(usage) FROM cpu fill(next)",
  "SELECT mean(usage) FROM (SELECT usage FROM cpu",
  "SHOW TAG VALUES FROM cpu",
  "SHOW FIELDS",
  "DROP nothing",
  "SELECT mean(mean(usage)) FROM cpu",
  "SELECT usage AS FROM cpu",
  "SELECT max(usage), min(usage), idle FROM cpu",
  "SELECT count(distinct(usage), idle) FROM cpu",
  "SELECT elapsed(usage, 1) FROM cpu",
  "SELECT sample(usage, 0) FROM cpu",
  "SELECT abs() FROM cpu",
  "SELECT pow(usage) FROM cpu",
];

export class SchemaQueryWriter {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  next(): string {
    const forms = [
      () =>
        `SHOW MEASUREMENTS${this.#on()}${this.#withMeasurement()}${this.#where()}${this.#limits()}`,
      () => `SHOW TAG KEYS${this.#on()}${this.#from()}${this.#where()}${this.#limits()}`,
      () =>
        `SHOW TAG VALUES${this.#on()}${this.#from()} WITH KEY ${this.#key()}${this.#where()}${this.#limits()}`,
      () =>
        `SHOW TAG VALUES${this.#on()}${this.#from()} WITH KEY ${this.#key()}${this.#where()}${this.#limits()}`,
      () => `SHOW FIELD KEYS${this.#on()}${this.#from()}${this.#limits()}`,
      () => `SHOW SERIES${this.#on()}${this.#from()}${this.#where()}${this.#limits()}`,
      () =>
        `SHOW ${
          this.#pick(["SERIES", "MEASUREMENT", "TAG KEY", "FIELD KEY"])
        } EXACT CARDINALITY${this.#on()}`,
      () => `SHOW TAG VALUES EXACT CARDINALITY${this.#from()} WITH KEY = ${this.#tag()}`,
      () =>
        this.#pick([
          "SHOW DATABASES",
          `SHOW RETENTION POLICIES ON ${DATABASE}`,
          "SHOW USERS",
          "SHOW CONTINUOUS QUERIES",
        ]),
      () => this.#pick(WRONG),
      () => this.#pick(WRONG),
    ];
    return this.#pick(forms)();
  }

  #pick<T>(choices: readonly T[]): T {
    return this.#random.pick(choices);
  }

  #measurement(): Measurement {
    return this.#pick(MEASUREMENTS);
  }

  #tag(): string {
    const keys = this.#measurement().series.flatMap((each) => Object.keys(each));
    return identifier(this.#pick([...keys, "absent"]));
  }

  #on(): string {
    return this.#pick(["", "", "", ` ON ${DATABASE}`, " ON other"]);
  }

  #from(): string {
    const name = identifier(this.#measurement().name);
    return this.#pick([
      "",
      ` FROM ${name}`,
      ` FROM ${name}`,
      " FROM cpu, climate",
      " FROM /c/",
      " FROM absent",
    ]);
  }

  #withMeasurement(): string {
    const name = identifier(this.#measurement().name);
    return this.#pick(["", "", ` WITH MEASUREMENT = ${name}`, " WITH MEASUREMENT =~ /(?i)C|e/"]);
  }

  #key(): string {
    return this.#pick([
      `= ${this.#tag()}`,
      `= ${this.#tag()}`,
      `!= ${this.#tag()}`,
      "=~ /o/",
      "!~ /o/",
      `IN (${this.#tag()}, ${this.#tag()})`,
    ]);
  }

  #where(): string {
    const one = () => whereTags(this.#random, this.#measurement());
    return this.#pick([
      () => "",
      () => "",
      () => ` WHERE ${one()}`,
      () => ` WHERE ${one()} AND ${one()}`,
      () => ` WHERE ${one()} OR ${one()}`,
      () => ` WHERE host = ${literal("a")}`,
    ])();
  }

  #limits(): string {
    const count = this.#random.below(4);
    return this.#pick([
      "",
      "",
      "",
      ` LIMIT ${1 + count}`,
      ` LIMIT ${1 + count} OFFSET ${count}`,
      ` OFFSET ${count}`,
    ]);
  }
}
