/**
 * SHOW MEASUREMENTS, TAG KEYS, TAG VALUES, FIELD KEYS, SERIES and their cardinalities.
 *
 * Without a policy in FROM, all policies of the database count, as in InfluxDB, whose index knows none. Counts are exact
 * whether or not EXACT is written.
 */
import { compareText, type Database } from "../../engine/mod.ts";
import { Slices } from "../slices.ts";
import type { Expr, KeyCondition, ShowSchemaStatement, Source } from "./ast.ts";
import type { Catalog, StatementContext } from "./context.ts";
import { limited, tableFrame } from "./frames.ts";
import { compileSearch } from "./regex.ts";
import { type Frame, StatementError } from "./result.ts";
import {
  rangeOf,
  type StoredMeasurement,
  storedMeasurements,
  type StoredSeries,
} from "./stored_measurements.ts";
import {
  compileCondition,
  measurementTest,
  type SeriesCondition,
  type SeriesFacts,
  textTest,
} from "./tag_condition.ts";
import { namesTime, splitTime } from "./time_condition.ts";

export interface SchemaParts {
  readonly database: Database;
  readonly catalog: Catalog;
}

/** How many series are looked at between two looks at the clock. */
const SERIES_PER_LOOK = 64;
const CARDINALITY_NAMES: Readonly<Record<ShowSchemaStatement["of"], string>> = {
  measurements: "MEASUREMENT",
  tag_keys: "TAG KEY",
  tag_values: "TAG VALUES",
  field_keys: "FIELD KEY",
  series: "SERIES",
};

/** One measurement with those of its series that satisfy the condition. */
interface Match {
  readonly measurement: StoredMeasurement;
  readonly series: readonly StoredSeries[];
}

/** Throws a StatementError. */
export async function showSchema(
  parts: SchemaParts,
  statement: ShowSchemaStatement,
  context: StatementContext,
): Promise<Frame[]> {
  const name = statement.database || context.database;
  const isUnknown = name !== "" && parts.catalog.database(name) === undefined;
  if (isUnknown && statement.of === "measurements") return [];
  refuseTime(statement);
  const labels = labelsOf(parts.catalog, { name, sources: statement.sources, context });
  const { range, rest } = splitTime(statement.where, context.nowNs);
  using view = parts.database.view(rangeOf(range));
  const measurements = storedMeasurements(view, {
    labels,
    accepts: sourceTest(statement.sources),
  });
  const search = new Search(context, statement);
  switch (statement.of) {
    case "measurements":
      return await search.measurements(measurements, rest);
    case "field_keys":
      return await search.fieldKeys(measurements, rest);
    case "tag_values":
      return await search.tagValues(measurements, rest);
    case "tag_keys":
      return await search.tagKeys(measurements, rest);
    case "series":
      return await search.series(measurements, rest);
  }
}

function refuseTime({ of, cardinality, where }: ShowSchemaStatement): void {
  if (!namesTime(where)) return;
  if (cardinality !== undefined) {
    const name = `SHOW ${CARDINALITY_NAMES[of]} EXACT CARDINALITY`;
    throw new StatementError(`${name} doesn't support time in WHERE clause`);
  }
  if (of === "measurements") {
    throw new StatementError("SHOW MEASUREMENTS doesn't support time in WHERE clause");
  }
}

interface LabelsOptions {
  readonly name: string;
  readonly sources: readonly Source[];
  readonly context: StatementContext;
}

/** Labels of the policies that the sources name; of all policies where one names none. Throws for what does not exist. */
export function labelsOf(catalog: Catalog, { name, sources, context }: LabelsOptions): string[] {
  const all = catalog.database(name)?.policies.map((policy) => policy.name);
  // Without a database there are no policies, and unknown ones are refused in the words for it.
  if (all === undefined) return [context.label(name, "")];
  const named = sources.flatMap((source) => source.kind === "measurement" ? [source.policy] : []);
  const wanted = named.length === 0 || named.includes("") ? all : [...new Set(named)];
  return wanted.map((policy) => context.label(name, policy));
}

/** Whether FROM, or WITH MEASUREMENT, names a measurement. */
export function sourceTest(sources: readonly Source[]): (measurement: string) => boolean {
  if (sources.length === 0) return () => true;
  const tests = sources.map((source): (name: string) => boolean => {
    if (source.kind === "subquery") throw new StatementError("subqueries are not supported here");
    const wanted = source.name;
    if (typeof wanted === "string") return (name) => name === wanted;
    const regex = compileSearch(wanted.pattern);
    return (name) => regex.matches(name);
  });
  return (name) => tests.some((test) => test(name));
}

class Search {
  readonly #context: StatementContext;
  readonly #statement: ShowSchemaStatement;
  readonly #slices = new Slices(SERIES_PER_LOOK);

  constructor(context: StatementContext, statement: ShowSchemaStatement) {
    this.#context = context;
    this.#statement = statement;
  }

  /** What a generator gives, without its places to pause. */
  async *#walk<T>(items: Generator<T | undefined>): AsyncGenerator<T> {
    for (const item of items) {
      if (item !== undefined) yield item;
      else if (this.#slices.isDue) {
        await this.#slices.pause();
        this.#context.signal.throwIfAborted();
      }
    }
  }

  async #first<T>(items: Generator<T | undefined>): Promise<T | undefined> {
    for await (const item of this.#walk(items)) return item;
    return undefined;
  }

  async #matches(
    measurements: readonly StoredMeasurement[],
    accepts: SeriesCondition,
  ): Promise<Match[]> {
    const matches: Match[] = [];
    for (const measurement of measurements) {
      const series: StoredSeries[] = [];
      for await (const each of this.#walk(measurement.series())) {
        if (accepts(factsOf(measurement, each))) series.push(each);
      }
      if (series.length > 0) matches.push({ measurement, series });
    }
    return matches;
  }

  async measurements(
    measurements: readonly StoredMeasurement[],
    rest: Expr | undefined,
  ): Promise<Frame[]> {
    const { cardinality, rows } = this.#statement;
    let names: string[] = [];
    if (cardinality !== undefined) {
      const matches = await this.#matches(measurements, compileCondition(rest, () => true));
      const { sources } = this.#statement;
      const isAll = sources.length === 0 && rest === undefined;
      const isEstimate = cardinality === "estimated" && isAll;
      if (matches.length === 0 && !isEstimate) return [];
      const column = isEstimate ? "cardinality estimation" : "count";
      return [tableFrame("", [column], limited([[matches.length]], rows))];
    }
    const test = measurementTest(rest);
    for (const measurement of measurements) {
      if (rest === undefined) {
        if (await this.#first(measurement.series()) !== undefined) names.push(measurement.name);
        continue;
      }
      const values = new Map<string, Set<string>>();
      let isThere = false;
      for await (const { tags } of this.#walk(measurement.series())) {
        isThere = true;
        for (const [tag, value] of tags) setOf(values, tag).add(value);
      }
      const isNamed = test(measurement.name, (tag) => values.get(tag) ?? new Set());
      if (isThere && isNamed) names.push(measurement.name);
    }
    names = [...limited(names, rows)];
    if (names.length === 0) return [];
    return [tableFrame("measurements", ["name"], names.map((name) => [name]))];
  }

  async fieldKeys(
    measurements: readonly StoredMeasurement[],
    rest: Expr | undefined,
  ): Promise<Frame[]> {
    const accepts = rest === undefined ? undefined : compileCondition(rest, () => true);
    const frames: Frame[] = [];
    for (const measurement of measurements) {
      if (accepts !== undefined && (await this.#matches([measurement], accepts)).length === 0) {
        continue;
      }
      const rows: [string, string][] = [];
      for await (const { name, type } of this.#walk(measurement.fields())) rows.push([name, type]);
      rows.sort(([left], [right]) => compareText(left, right));
      this.#addFrame(frames, measurement.name, ["fieldKey", "fieldType"], rows);
    }
    return frames;
  }

  async tagKeys(
    measurements: readonly StoredMeasurement[],
    rest: Expr | undefined,
  ): Promise<Frame[]> {
    const accepts = compileCondition(rest, () => true);
    const isWanted = keyTest(this.#statement.key);
    const frames: Frame[] = [];
    for (const { measurement, series } of await this.#matches(measurements, accepts)) {
      const keys = new Set<string>();
      for (const { tags } of series) for (const [key] of tags) keys.add(key);
      const rows = [...keys].filter(isWanted).sort(compareText).map((key) => [key]);
      this.#addFrame(frames, measurement.name, ["tagKey"], rows);
    }
    return [...limited(frames, this.#statement.series)];
  }

  async tagValues(
    measurements: readonly StoredMeasurement[],
    rest: Expr | undefined,
  ): Promise<Frame[]> {
    const { valueTest, others } = splitValue(rest);
    const accepts = compileCondition(others, () => true);
    const isWanted = keyTest(this.#statement.key);
    const frames: Frame[] = [];
    for (const { measurement, series } of await this.#matches(measurements, accepts)) {
      const keys = new Map<string, Set<string>>();
      for (const { tags } of series) {
        for (const [key, value] of tags) {
          if (isWanted(key) && valueTest(value)) setOf(keys, key).add(value);
        }
      }
      if (this.#statement.cardinality !== undefined) {
        const values = new Set([...keys.values()].flatMap((each) => [...each]));
        this.#addFrame(frames, measurement.name, ["value"], [...values].map((value) => [value]));
        continue;
      }
      const rows = [...keys].sort(([left], [right]) => compareText(left, right))
        .flatMap(([key, values]) => [...values].sort(compareText).map((value) => [key, value]));
      this.#addFrame(frames, measurement.name, ["key", "value"], rows);
    }
    return frames;
  }

  async series(
    measurements: readonly StoredMeasurement[],
    rest: Expr | undefined,
  ): Promise<Frame[]> {
    const { cardinality, sources, rows } = this.#statement;
    const matches = await this.#matches(measurements, compileCondition(rest, () => true));
    if (cardinality === undefined) {
      const keys = new Set<string>();
      for (const { measurement, series } of matches) {
        for (const { tags } of series) keys.add(seriesKey(measurement.name, tags));
      }
      const shown = limited([...keys].sort(compareText), rows);
      return shown.length === 0 ? [] : [tableFrame("", ["key"], shown.map((key) => [key]))];
    }
    if (cardinality === "estimated" && sources.length === 0 && rest === undefined) {
      const count = matches.reduce((sum, { series }) => sum + series.length, 0);
      return [tableFrame("", ["cardinality estimation"], [[count]])];
    }
    return matches.map(({ measurement, series }) =>
      tableFrame(measurement.name, ["count"], [[series.length]])
    );
  }

  /** Adds the rows of a measurement, or their number where that is asked for. */
  #addFrame(
    frames: Frame[],
    name: string,
    columns: readonly string[],
    rows: readonly (readonly string[])[],
  ): void {
    if (rows.length === 0) return;
    if (this.#statement.cardinality !== undefined) {
      frames.push(tableFrame(name, ["count"], [[rows.length]]));
      return;
    }
    const shown = limited(rows, this.#statement.rows);
    if (shown.length > 0) frames.push(tableFrame(name, columns, shown));
  }
}

/** What a condition asks of one series. */
export function factsOf(
  measurement: Pick<StoredMeasurement, "name" | "isField">,
  { tags }: Pick<StoredSeries, "tags">,
): SeriesFacts {
  const tag = (name: string) => tags.find(([key]) => key === name)?.[1];
  return {
    measurement: measurement.name,
    tag: (name: string) => tag(name) ?? "",
    isField: (name: string) => tag(name) === undefined && measurement.isField(name),
  };
}

function setOf(sets: Map<string, Set<string>>, key: string): Set<string> {
  let set = sets.get(key);
  if (set === undefined) sets.set(key, set = new Set());
  return set;
}

function keyTest(key: KeyCondition | undefined): (name: string) => boolean {
  if (key === undefined) return () => true;
  const { op, values } = key;
  switch (op) {
    case "=":
    case "in":
      return (name) => values.includes(name);
    case "!=":
      return (name) => !values.includes(name);
    case "=~":
    case "!~": {
      const regex = compileSearch(values[0] ?? "");
      return (name) => regex.matches(name) === (op === "=~");
    }
  }
}

/** In SHOW TAG VALUES, `value` is the value that is shown. What compares with it must stand in a list of ANDs. */
function splitValue(
  expr: Expr | undefined,
): { valueTest: (value: string) => boolean; others: Expr | undefined } {
  if (expr?.kind === "binary" && expr.op === "and") {
    const left = splitValue(expr.left);
    const right = splitValue(expr.right);
    const both = left.others !== undefined && right.others !== undefined;
    return {
      valueTest: (value) => left.valueTest(value) && right.valueTest(value),
      others: both
        ? { ...expr, left: left.others!, right: right.others! }
        : left.others ?? right.others,
    };
  }
  const isValue = expr?.kind === "binary" && expr.left.kind === "reference" &&
    expr.left.name === "value" && expr.left.cast === undefined;
  if (!isValue) return { valueTest: () => true, others: expr };
  return { valueTest: textTest(expr.op, expr.right) ?? (() => false), others: undefined };
}

/** As in line protocol: `measurement,tag=value`, with its escapes. */
export function seriesKey(measurement: string, tags: StoredSeries["tags"]): string {
  const escaped = (text: string) => text.replace(/[,= ]/g, "\\$&");
  const parts = tags.map(([key, value]) => `${escaped(key)}=${escaped(value)}`);
  return [measurement.replace(/[, ]/g, "\\$&"), ...parts].join(",");
}
