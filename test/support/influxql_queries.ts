/** Random InfluxQL that InfluxDB 1.6 and 1.8 understand alike, over the measurements of influxql_data.ts. */
import { DATABASE, type Measurement, MEASUREMENTS } from "./influxql_data.ts";
import { SchemaQueryWriter } from "./influxql_schema_queries.ts";
import {
  ARITHMETIC,
  type Frame,
  NUMBERS,
  PLAIN_AGGREGATES,
  SELECTORS,
  TermWriter,
} from "./influxql_terms.ts";
import { identifier, whereTags } from "./influxql_words.ts";
import { SeededRandom } from "./seeded_random.ts";

export interface DifferentialQuery {
  readonly query: string;
  readonly params: Readonly<Record<string, string>>;
  /** Empty: JSON. */
  readonly accept: string;
}

const FILLS = ["null", "none", "previous", "linear", "0", "-1", "2.5", "100"];
const ZONES = ["Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "UTC", "America/New_York"];
const WIDTHS = ["10s", "1m", "90s", "5m", "7m", "15m", "1h", "2h", "6h", "12h", "1d", "1w"];
const WIDTH_S: Readonly<Record<string, number>> = {
  "10s": 10,
  "1m": 60,
  "90s": 90,
  "5m": 300,
  "7m": 420,
  "15m": 900,
  "1h": 3600,
  "2h": 7200,
  "6h": 21_600,
  "12h": 43_200,
  "1d": 86_400,
  "1w": 604_800,
};
/** Buckets that a query may have. */
const BUCKETS_MAX = 150;

/** Writes queries; the same for the same seed. */
export class InfluxqlWriter {
  readonly #random: SeededRandom;
  readonly #schema: SchemaQueryWriter;
  readonly #terms: TermWriter;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#schema = new SchemaQueryWriter(this.#random);
    this.#terms = new TermWriter(this.#random);
  }

  next(): DifferentialQuery {
    const params: Record<string, string> = { db: DATABASE };
    if (this.#chance(0.5)) params["epoch"] = this.#pick(["ns", "u", "ms", "s", "m", "h", "us"]);
    const isCsv = this.#chance(0.06);
    if (!isCsv && this.#chance(0.06)) {
      params["chunked"] = "true";
      params["chunk_size"] = this.#pick(["1", "3", "10", "50"]);
    } else if (this.#chance(0.03)) params["pretty"] = "true";
    const accept = isCsv ? "application/csv" : "";
    if (this.#chance(0.03)) return { ...this.#bound(params), accept };
    return { query: this.#statements(), params, accept };
  }

  /** A query with bind parameters. */
  #bound(params: Readonly<Record<string, string>>): Omit<DifferentialQuery, "accept"> {
    const bound = { host: this.#pick(["a", "b", "ü,="]), least: this.#random.below(50), on: true };
    const condition = this.#pick([
      "host = $host",
      "usage > $least",
      "up = $on",
      "host != $nothing",
    ]);
    return {
      query: `SELECT ${
        this.#pick(["usage", "mean(usage)", "max(*)"])
      } FROM cpu WHERE ${condition} GROUP BY *`,
      params: { ...params, params: JSON.stringify(bound) },
    };
  }

  #statements(): string {
    const kind = this.#random.below(20);
    if (kind < 3) return this.#schema.next();
    if (kind === 3) return `${this.#select()}; ${this.#schema.next()}; ${this.#select()}`;
    return this.#select();
  }

  #pick<T>(choices: readonly T[]): T {
    return this.#random.pick(choices);
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  #select(): string {
    const frame = this.#frame();
    const kind = this.#random.below(16);
    if (kind < 4) return this.#raw(frame);
    if (kind < 6) return this.#transformedRaw(frame);
    if (kind < 9) return this.#selected(frame);
    if (kind < 11) return this.#subquery(frame);
    return this.#aggregated(frame, this.#source(frame.measurement));
  }

  /** A measurement and a part of its times. */
  #frame(): Frame {
    const measurement = this.#chance(0.45) ? MEASUREMENTS[0]! : this.#pick(MEASUREMENTS);
    const { startS, spanS } = this.#pick(measurement.stretches);
    const { stepS } = measurement;
    const steps = Math.floor(spanS / stepS);
    const first = this.#random.below(steps) - 3;
    const last = first + 1 + this.#random.below(steps);
    const shiftS = this.#chance(0.3) ? this.#random.below(stepS) : 0;
    const fromS = startS + first * stepS + shiftS;
    // Now and then all that the measurement holds.
    if (this.#chance(0.15)) {
      return { measurement, fromS: startS - stepS, toS: startS + spanS + stepS };
    }
    return { measurement, fromS, toS: startS + last * stepS + shiftS };
  }

  #source({ database, policy, name }: Measurement): string {
    const quoted = identifier(name);
    if (database !== DATABASE) {
      return this.#pick([`${database}..${quoted}`, `"${database}"."autogen".${quoted}`]);
    }
    if (policy !== "autogen") return `"${policy}".${quoted}`;
    return this.#pick([quoted, quoted, quoted, quoted, `autogen.${quoted}`, `/^${name}$/`]);
  }

  #where(frame: Frame, needsTime: boolean): string {
    const parts: string[] = [];
    if (needsTime || this.#chance(0.6)) parts.push(this.#terms.times(frame));
    if (this.#chance(0.45)) parts.push(this.#terms.condition(frame.measurement));
    if (parts.length === 0) return "";
    if (this.#chance(0.3)) parts.reverse();
    return ` WHERE ${parts.join(" AND ")}`;
  }

  #groupTags(measurement: Measurement): string[] {
    const tags = this.#terms.tags(measurement);
    switch (this.#random.below(7)) {
      case 0:
      case 1:
        return [identifier(this.#pick(tags))];
      case 2:
        return tags.slice(0, 2).map(identifier);
      case 3:
        return ["*"];
      case 4:
        return [this.#pick(["/o/", "/^h/", "absent", "host::tag", "*, host"])];
      default:
        return [];
    }
  }

  #groupBy(dimensions: readonly string[]): string {
    return dimensions.length === 0 ? "" : ` GROUP BY ${dimensions.join(", ")}`;
  }

  /** time() with a width that suits the range. */
  #buckets({ fromS, toS }: Frame): string {
    const fitting = WIDTHS.filter((width) => (toS - fromS) / WIDTH_S[width]! <= BUCKETS_MAX);
    const width = this.#pick(fitting.slice(0, 5));
    const offset = this.#chance(0.25) ? `, ${this.#pick(["15s", "-7m", "30m", "1d", "2h"])}` : "";
    return `time(${width}${offset})`;
  }

  #tail(zone = 0.1, limit = 0.25): string {
    let tail = "";
    if (this.#chance(0.2)) tail += ` ORDER BY time ${this.#pick(["DESC", "DESC", "ASC"])}`;
    // An offset without a limit is not defined, nor which of equal times come first.
    const offset = (name: string) => this.#chance(0.4) ? ` ${name} ${this.#random.below(5)}` : "";
    if (this.#chance(limit)) tail += ` LIMIT ${1 + this.#random.below(6)}${offset("OFFSET")}`;
    if (this.#chance(0.1)) tail += ` SLIMIT ${1 + this.#random.below(3)}${offset("SOFFSET")}`;
    if (this.#chance(zone)) tail += ` tz('${this.#pick(ZONES)}')`;
    return tail;
  }

  #aliased(expression: string): string {
    return this.#chance(0.12)
      ? `${expression} AS ${this.#pick(["x", '"a b"', "time2"])}`
      : expression;
  }

  #raw(frame: Frame): string {
    const { measurement } = frame;
    const count = 1 + this.#random.below(3);
    const columns = Array.from(
      { length: count },
      () => this.#aliased(this.#terms.column(measurement)),
    );
    const sources = [this.#source(measurement)];
    // Columns are those of the shards in the range: others of about the same time.
    const isOne = measurement !== MEASUREMENTS[0] || this.#chance(0.9);
    if (!isOne) sources.push(this.#pick(["wide", '"odd, näme"', "other..cpu"]));
    // What is a field in one of several measurements is one in all.
    const where = isOne ? this.#where(frame, false) : ` WHERE ${this.#terms.times(frame)}`;
    const tail = this.#tail();
    const dimensions = measurement.hasTies && tail.includes(" LIMIT")
      ? ["*"]
      : this.#groupTags(measurement);
    return `SELECT ${columns.join(", ")} FROM ${sources.join(", ")}${where}${
      this.#groupBy(dimensions)
    }${tail}`;
  }

  #aggregated(frame: Frame, source: string, where?: string): string {
    const { measurement } = frame;
    const isBucketed = this.#chance(0.65);
    const count = 1 + (this.#chance(0.35) ? 1 + this.#random.below(2) : 0);
    const columns = Array.from(
      { length: count },
      () => this.#aliased(this.#terms.call(measurement, isBucketed)),
    );
    const dimensions = this.#groupTags(measurement);
    if (isBucketed) dimensions.splice(this.#random.below(2), 0, this.#buckets(frame));
    const fill = isBucketed && this.#chance(0.5) ? ` fill(${this.#pick(FILLS)})` : "";
    return `SELECT ${columns.join(", ")} FROM ${source}${where ?? this.#where(frame, isBucketed)}${
      this.#groupBy(dimensions)
    }${fill}${this.#tail(0.2)}`;
  }

  /** One selector, alone or with other columns of its point. */
  #selected(frame: Frame): string {
    const { measurement } = frame;
    const number = this.#terms.number(measurement);
    const tags = this.#terms.tags(measurement).map(identifier);
    const count = 1 + this.#random.below(4);
    const ranked = this.#pick(["top", "bottom"]);
    const call = this.#pick([
      `${this.#pick(SELECTORS)}(${number})`,
      `${this.#pick(["first", "last"])}(${this.#terms.any(measurement)})`,
      `percentile(${number}, ${this.#pick(["50", "5", "100", "0", "33.3"])})`,
      `${ranked}(${number}, ${count})`,
      `${ranked}(${number}, ${this.#pick(tags)}, ${count})`,
      `distinct(${this.#terms.any(measurement)})`,
    ]);
    const others = this.#chance(0.6) && !call.startsWith("distinct")
      ? this.#pick([`, ${this.#terms.any(measurement)}`, `, ${this.#pick(tags)}`, ", *", ", /o/"])
      : "";
    const isBucketed = this.#chance(0.5);
    const dimensions = this.#groupTags(measurement);
    if (isBucketed) dimensions.unshift(this.#buckets(frame));
    const fill = isBucketed && this.#chance(0.3) ? ` fill(${this.#pick(FILLS)})` : "";
    // Limits of top and bottom count points before they are ranked; rows of distinct have one time.
    const tail = /^(top|bottom|distinct)/.test(call) ? this.#tail(0.1, 0) : this.#tail();
    return `SELECT ${this.#aliased(call)}${others} FROM ${this.#source(measurement)}${
      this.#where(frame, isBucketed)
    }${this.#groupBy(dimensions)}${fill}${tail}`;
  }

  /** Transformations of raw rows, of one series each where several have points at one time. */
  #transformedRaw(frame: Frame): string {
    const { measurement } = frame;
    const field = this.#pick([
      this.#terms.number(measurement),
      this.#terms.number(measurement),
      "*",
      "/u/",
    ]);
    const call = this.#terms.transformation(field);
    const column = this.#chance(0.2) ? this.#terms.arithmetic(call, this.#pick(NUMBERS)) : call;
    const second = this.#chance(0.15)
      ? `, ${this.#terms.transformation(this.#terms.number(measurement))}`
      : "";
    const dimensions = measurement.hasTies ? ["*"] : this.#groupTags(measurement);
    return `SELECT ${this.#aliased(column)}${second} FROM ${this.#source(measurement)}${
      this.#where(frame, false)
    }${this.#groupBy(dimensions)}${this.#tail()}`;
  }

  #subquery(given: Frame): string {
    const { measurement } = given;
    const frame = this.#chance(0.9) ? aligned(given) : given;
    const field = this.#terms.number(measurement);
    const tags = this.#terms.tags(measurement).map(identifier);
    const outerTags = this.#pick([[], [], [this.#pick(tags)], ["*"]]);
    const inner = this.#inner(frame, field, outerTags[0] === "*");
    // Another one beside it, of another measurement; both of doubles, or of what doubles hold.
    const isWide = measurement.name === "wide";
    const beside = !isWide && this.#chance(0.08) ? ", (SELECT v AS x FROM epoch)" : "";
    const buckets = this.#chance(0.5) ? [this.#buckets(frame)] : [];
    const outer = this.#pick([
      `${this.#pick([...PLAIN_AGGREGATES, "min", "max"])}(x)`,
      `${this.#pick(["mean", "max", "sum", "count"])}(x) ${this.#pick(ARITHMETIC)} 2`,
      `${this.#pick(["sum", "max"])}(x), count(x)`,
      ...(buckets.length > 0 ? [this.#terms.transformation("mean(x)")] : ["max(x)", "x", "x * 2"]),
    ]);
    const isRaw = outer.startsWith("x");
    const fill = buckets.length > 0 && this.#chance(0.4) ? ` fill(${this.#pick(FILLS)})` : "";
    const conditions = [this.#terms.times(frame)];
    if (this.#chance(0.25)) conditions.push(whereTags(this.#random, measurement));
    if (this.#chance(0.2)) conditions.push(`x ${this.#pick([">", "<=", "!="])} 10`);
    return `SELECT ${outer} FROM (${inner})${beside} WHERE ${conditions.join(" AND ")}${
      this.#groupBy([...buckets, ...outerTags])
    }${fill}${isRaw ? this.#tail(0.1, 0) : this.#tail()}`;
  }

  /** A column `x` over the tags of the measurement. Series are filled where the outer statement keeps them apart. */
  #inner(frame: Frame, field: string, fills: boolean): string {
    const { measurement } = frame;
    const source = this.#source(measurement);
    const where = this.#chance(0.3) ? ` WHERE ${this.#terms.condition(measurement)}` : "";
    const aggregate = this.#pick([...PLAIN_AGGREGATES, ...SELECTORS]);
    const buckets = this.#buckets(frame);
    const fill = fills && this.#chance(0.5) ? ` fill(${this.#pick(FILLS)})` : "";
    const from = `FROM ${source}${where}`;
    const call = `${aggregate}(${field})`;
    return this.#pick([
      `SELECT ${field} AS x ${from}`,
      `SELECT ${this.#terms.arithmetic(field, field)} AS x ${from}`,
      `SELECT ${call} AS x ${from} GROUP BY ${buckets}, *${fill}`,
      `SELECT ${call} AS x ${from} GROUP BY *`,
      `SELECT ${this.#terms.transformation(field)} AS x ${from} GROUP BY *`,
      `SELECT ${this.#terms.transformation(`mean(${field})`)} AS x ${from} GROUP BY ${buckets}, *`,
      `SELECT mean(y) AS x FROM (SELECT ${call} AS y ${from} GROUP BY ${buckets}, *) GROUP BY *`,
    ]);
  }
}

/** The frame from a whole hour on, so that no bucket begins before it. */
function aligned({ measurement, fromS, toS }: Frame): Frame {
  const hourS = 3600 * Math.floor(fromS / 3600);
  return { measurement, fromS: hourS, toS: Math.max(toS, hourS + 600) };
}
