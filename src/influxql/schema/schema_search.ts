/**
 * The search behind the SHOW statements on schemas: what of measurements, fields and series holds points and satisfies the
 * condition.
 *
 * The registry answers what there ever was; whether a series still holds points is asked only where the answer hangs on it.
 * All of it goes in slices, and no more is kept than is shown.
 */
import { compareText, type Labels } from "../../../engine/mod.ts";
import { Slices, sortInSlices } from "../../slices.ts";
import type { Expr, KeyCondition, Limits, ShowSchemaStatement } from "../language/ast.ts";
import { limited, tableFrame, textFrame } from "../values/frames.ts";
import { compileSearch } from "../language/regex.ts";
import type { Frame } from "../values/result.ts";
import { compareRows, compareTags, LeastSeries, seriesKey } from "../values/series_key.ts";
import { factsOf, type StoredMeasurement, type StoredSeries } from "./stored_measurements.ts";
import {
  ANY_FIELDS,
  compileCondition,
  measurementTest,
  type SeriesCondition,
  tagsNamed,
} from "../expressions/tag_condition.ts";
import { textTest } from "../expressions/text_test.ts";

/**
 * Series after which the registry is asked what there ever was, if there is little: the search ends where all of that was found.
 */
const SERIES_BEFORE_ASKING = 4_096;
const FOUND_BEFORE_ASKING_MAX = 512;
/** How many series are looked at between two looks at the clock. */
const SERIES_PER_LOOK = 64;

export interface SchemaSearchOptions {
  readonly statement: ShowSchemaStatement;
  /** WHERE without times. */
  readonly condition: Expr | undefined;
  readonly signal: AbortSignal;
}

export class SchemaSearch {
  readonly #statement: ShowSchemaStatement;
  readonly #condition: Expr | undefined;
  readonly #signal: AbortSignal;
  readonly #slices = new Slices(SERIES_PER_LOOK);

  constructor({ statement, condition, signal }: SchemaSearchOptions) {
    this.#statement = statement;
    this.#condition = condition;
    this.#signal = signal;
  }

  /** What all series satisfy that the search has to see. */
  get seriesCondition(): Expr | undefined {
    const { of, cardinality } = this.#statement;
    // A measurement is left out for what one of its series has.
    if (of === "measurements" && cardinality === undefined) return undefined;
    return of === "tag_values" && cardinality === undefined
      ? splitValue(this.#condition).others
      : this.#condition;
  }

  async run(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const { of, cardinality } = this.#statement;
    switch (of) {
      case "measurements":
        return cardinality === undefined
          ? await this.#measurements(measurements)
          : await this.#countMeasurements(measurements);
      case "field_keys":
        return await this.#fieldKeys(measurements);
      case "tag_keys":
        return await this.#tagKeys(measurements);
      case "tag_values":
        return cardinality === undefined
          ? await this.#tagValues(measurements)
          : await this.#countTagValues(measurements);
      case "series":
        return cardinality === undefined
          ? await this.#series(measurements)
          : await this.#countSeries(measurements);
    }
  }

  async #pause(): Promise<void> {
    await this.#slices.pause();
    this.#signal.throwIfAborted();
  }

  /** Visits the series that satisfy a condition, whether or not they hold points, until `visit` says that it is enough. */
  async #forEach(
    measurement: StoredMeasurement,
    accepts: SeriesCondition,
    visit: (series: StoredSeries) => boolean | void,
  ): Promise<void> {
    for (const series of measurement.series()) {
      if (this.#slices.isDue) await this.#pause();
      if (accepts(factsOf(measurement, series.tags)) && visit(series) === true) return;
    }
  }

  async #hasSeries(measurement: StoredMeasurement, accepts: SeriesCondition): Promise<boolean> {
    let isFound = false;
    await this.#forEach(measurement, accepts, ({ hasPoints }) => isFound = hasPoints());
    return isFound;
  }

  async #hasPoints(measurement: StoredMeasurement): Promise<boolean> {
    for (const { count, hasPoints } of measurement.fieldSeries()) {
      for (let i = 0; i < count; i++) {
        if (this.#slices.isDue) await this.#pause();
        if (hasPoints(i)) return true;
      }
    }
    return false;
  }

  async #measurements(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const condition = this.#condition;
    const { rows } = this.#statement;
    const test = measurementTest(condition);
    const wanted = tagsNamed(condition);
    const names: string[] = [];
    for (const measurement of measurements) {
      if (names.length >= endOf(rows)) break;
      const values = new Map<string, Set<string>>();
      const isNew = ([key, value]: Labels[number]) =>
        wanted.has(key) && values.get(key)?.has(value) !== true;
      if (!await this.#hasPoints(measurement)) continue;
      if (condition !== undefined) {
        await this.#forEach(measurement, () => true, ({ tags, hasPoints }) => {
          const news = tags.filter(isNew);
          if (news.length === 0 || !hasPoints()) return;
          for (const [key, value] of news) setOf(values, key).add(value);
        });
      }
      if (test(measurement.name, (tag) => values.get(tag) ?? new Set())) {
        names.push(measurement.name);
      }
    }
    const shown = limited(names, rows);
    return shown.length === 0 ? [] : [textFrame("measurements", ["name"], [shown])];
  }

  async #countMeasurements(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const { cardinality, sources, rows } = this.#statement;
    const condition = this.#condition;
    const accepts = compileCondition(condition, ANY_FIELDS);
    let count = 0;
    for (const measurement of measurements) {
      const isThere = condition === undefined
        ? await this.#hasPoints(measurement)
        : await this.#hasSeries(measurement, accepts);
      if (isThere) count++;
    }
    const isAll = sources.length === 0 && condition === undefined;
    const isEstimate = cardinality === "estimated" && isAll;
    if (count === 0 && !isEstimate) return [];
    return countFrames("", isEstimate ? "cardinality estimation" : "count", count, rows);
  }

  async #fieldKeys(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const condition = this.#condition;
    const accepts = compileCondition(condition, ANY_FIELDS);
    const frames: Frame[] = [];
    for (const measurement of measurements) {
      if (condition !== undefined && !await this.#hasSeries(measurement, accepts)) continue;
      const seen = new Set<string>();
      const rows: [name: string, type: string][] = [];
      for (const { name, kind, count, hasPoints } of measurement.fieldSeries()) {
        const key = `${kind} ${name}`;
        if (seen.has(key)) continue;
        for (let i = 0; i < count && !seen.has(key); i++) {
          if (hasPoints(i)) seen.add(key);
          if (this.#slices.isDue) await this.#pause();
        }
        if (seen.has(key)) rows.push([name, kind]);
      }
      await sortInSlices(rows, compareRows, this.#slices);
      this.#addFrame(frames, measurement.name, ["fieldKey", "fieldType"], rows);
    }
    return frames;
  }

  async #tagKeys(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const { key, series } = this.#statement;
    const accepts = compileCondition(this.#condition, ANY_FIELDS);
    const isWanted = keyTest(key);
    const frames: Frame[] = [];
    for (const measurement of measurements) {
      if (frames.length >= endOf(series)) break;
      const keys = new Set<string>();
      const isNew = ([key]: Labels[number]) => !keys.has(key) && isWanted(key);
      const isComplete = new Completeness(() =>
        [...measurement.knownKeys()].filter(isWanted).length
      );
      await this.#forEach(measurement, accepts, ({ tags, hasPoints }) => {
        if (tags.some(isNew) && hasPoints()) {
          for (const tag of tags) if (isNew(tag)) keys.add(tag[0]);
        }
        return isComplete.with(keys.size);
      });
      const rows = [...keys].sort(compareText).map((key): [string] => [key]);
      this.#addFrame(frames, measurement.name, ["tagKey"], rows);
    }
    return [...limited(frames, series)];
  }

  async #tagValues(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const { valueTest, others } = splitValue(this.#condition);
    const accepts = compileCondition(others, ANY_FIELDS);
    const isWanted = keyTest(this.#statement.key);
    const frames: Frame[] = [];
    for (const measurement of measurements) {
      const keys = new Map<string, Set<string>>();
      const isNew = ([key, value]: Labels[number]) =>
        isWanted(key) && keys.get(key)?.has(value) !== true && valueTest(value);
      let found = 0;
      const isComplete = new Completeness(() => {
        let count = 0;
        for (const key of measurement.knownKeys()) {
          if (!isWanted(key)) continue;
          const values = measurement.knownValues(key);
          if (values === undefined) return Infinity;
          for (const value of values) if (valueTest(value)) count++;
        }
        return count;
      });
      await this.#forEach(measurement, accepts, ({ tags, hasPoints }) => {
        if (tags.some(isNew) && hasPoints()) {
          for (const tag of tags) {
            if (!isNew(tag)) continue;
            setOf(keys, tag[0]).add(tag[1]);
            found++;
          }
        }
        return isComplete.with(found);
      });
      const rows: [key: string, value: string][] = [];
      for (const [key, values] of keys) for (const value of values) rows.push([key, value]);
      await this.#pause();
      await sortInSlices(rows, compareRows, this.#slices);
      this.#addFrame(frames, measurement.name, ["key", "value"], rows);
    }
    return frames;
  }

  /** Counts texts, whatever keys they are of. Conditions hold of no missing tag here, unlike everywhere else. */
  async #countTagValues(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const condition = this.#condition;
    const accepts = compileCondition(condition, ANY_FIELDS);
    const holds = compileCondition(condition, { fields: () => false, missingFails: true });
    const isWanted = keyTest(this.#statement.key);
    const frames: Frame[] = [];
    for (const measurement of measurements) {
      const values = new Set<string>();
      const isNew = ([key, value]: Labels[number]) => !values.has(value) && isWanted(key);
      await this.#forEach(measurement, accepts, ({ tags, hasPoints }) => {
        if (!tags.some(isNew) || !holds(factsOf(measurement, tags)) || !hasPoints()) return;
        for (const tag of tags) if (isNew(tag)) values.add(tag[1]);
      });
      this.#addCount(frames, measurement.name, values.size);
    }
    return frames;
  }

  async #series(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const { rows } = this.#statement;
    const accepts = compileCondition(this.#condition, ANY_FIELDS);
    const keys: string[] = [];
    for (const measurement of measurements) {
      if (keys.length >= endOf(rows)) break;
      const found = new LeastSeries(endOf(rows) - keys.length);
      await this.#forEach(measurement, accepts, ({ tags, hasPoints }) => {
        if (hasPoints()) found.add(tags);
      });
      const sorted = found.items;
      await sortInSlices(sorted, compareTags, this.#slices);
      for (let i = 0; i < sorted.length && keys.length < endOf(rows); i++) {
        // The same series of two policies.
        if (i > 0 && compareTags(sorted[i - 1]!, sorted[i]!) === 0) continue;
        keys.push(seriesKey(measurement.name, sorted[i]!));
        if (this.#slices.isDue) await this.#pause();
      }
    }
    const shown = limited(keys, rows);
    return shown.length === 0 ? [] : [textFrame("", ["key"], [shown])];
  }

  async #countSeries(measurements: readonly StoredMeasurement[]): Promise<Frame[]> {
    const { cardinality, sources, rows } = this.#statement;
    const accepts = compileCondition(this.#condition, ANY_FIELDS);
    const isEstimate = cardinality === "estimated" && sources.length === 0 &&
      this.#condition === undefined;
    const frames: Frame[] = [];
    let total = 0;
    for (const measurement of measurements) {
      const twins = measurement.hasTwins ? new Set<string>() : undefined;
      let count = 0;
      await this.#forEach(measurement, accepts, ({ tags, hasPoints }) => {
        if (!hasPoints()) return;
        if (twins === undefined) count++;
        else twins.add(seriesKey("", tags));
      });
      if (twins !== undefined) count = twins.size;
      total += count;
      this.#addCount(frames, measurement.name, count);
    }
    return isEstimate ? countFrames("", "cardinality estimation", total, rows) : frames;
  }

  /** Adds the rows of a measurement, or their number where that is asked for. */
  #addFrame(
    frames: Frame[],
    name: string,
    columns: readonly string[],
    rows: readonly (readonly string[])[],
  ): void {
    if (this.#statement.cardinality !== undefined) {
      this.#addCount(frames, name, rows.length);
      return;
    }
    const shown = limited(rows, this.#statement.rows);
    if (shown.length > 0) frames.push(tableFrame(name, columns, shown));
  }

  #addCount(frames: Frame[], name: string, count: number): void {
    if (count > 0) frames.push(...countFrames(name, "count", count, this.#statement.rows));
  }
}

/** One row, where LIMIT and OFFSET leave it. */
function countFrames(name: string, column: string, count: number, rows: Limits): Frame[] {
  return limited([[count]], rows).map((row) => tableFrame(name, [column], [row]));
}

/** How many there must be before the rest is not looked at. */
function endOf({ limit, offset }: Limits): number {
  return limit === 0 ? Infinity : offset + limit;
}

/** Whether all was found that there can be. */
class Completeness {
  readonly #count: () => number;
  #series = 0;
  #known = Infinity;

  /** `count`: how much there can be, at most. */
  constructor(count: () => number) {
    this.#count = count;
  }

  /** To be asked after each series, with what was found so far. */
  with(found: number): boolean {
    if (++this.#series === SERIES_BEFORE_ASKING && found <= FOUND_BEFORE_ASKING_MAX) {
      this.#known = this.#count();
    }
    return found >= this.#known;
  }
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

interface SplitValue {
  readonly valueTest: (value: string) => boolean;
  readonly others: Expr | undefined;
}

/** In SHOW TAG VALUES, `value` is the value that is shown. What compares with it must stand in a list of ANDs. */
function splitValue(expr: Expr | undefined): SplitValue {
  if (expr?.kind === "parentheses") {
    const { valueTest, others } = splitValue(expr.inner);
    return { valueTest, others: others === expr.inner ? expr : others };
  }
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
