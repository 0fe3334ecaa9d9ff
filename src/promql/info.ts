/**
 * `info(v, {matchers})`: adds to the samples of v the labels of info series, such as `target_info`, that belong to the same
 * instance and job.
 */
import { compileRegex } from "../../engine/mod.ts";
import { forEachInSlices } from "../slices.ts";
import type { Call, VectorSelector } from "./ast.ts";
import { unwrap } from "./ast.ts";
import { PromqlError } from "./errors.ts";
import type { Grid } from "./evaluation.ts";
import type { Evaluator } from "./evaluator_face.ts";
import { labelsText, labelValue, makeLabels, METRIC_NAME } from "./labels.ts";
import { infoBounds } from "./planner.ts";
import type { Label, LabelMatcher, Labels } from "./queryable.ts";
import { ABSENT, HISTOGRAM, type Row, type RowStream, streamOf } from "./row.ts";
import { RowTable, sameLabelsError } from "./row_table.ts";
import { selectInstant } from "./selector.ts";

/** Labels that info series share with what they describe. */
const IDENTIFYING = ["instance", "job"] as const;
const DEFAULT_INFO: LabelMatcher = { name: METRIC_NAME, operator: "=", value: "target_info" };
const ANY_INFO: LabelMatcher = { name: METRIC_NAME, operator: "=~", value: ".+_info" };

export async function info(node: Call, evaluator: Evaluator, grid: Grid): Promise<RowStream> {
  const rows = await evaluator.collect(await evaluator.vector(node.args[0]!, grid), grid);
  const matchers = new InfoMatchers(node);
  const isInfo = (row: Row) => matchers.select(labelValue(row.labels, METRIC_NAME));
  const series = await readInfoSeries(
    node,
    { evaluator, grid, matchers },
    rows.filter((row) => !isInfo(row)),
  );
  const table = new RowTable(evaluator.evaluation, grid.steps);
  for (const row of rows) {
    if (evaluator.evaluation.isDue) await evaluator.evaluation.pause();
    if (isInfo(row)) table.merge(row);
    else enrich(row, series.get(identityOf(row.labels)) ?? [], matchers, table);
  }
  return streamOf(table.rows);
}

/** The matchers of the second argument: those on the name, and those on data labels. */
class InfoMatchers {
  readonly names: readonly LabelMatcher[];
  readonly data: readonly LabelMatcher[];
  /** Labels that are added; undefined: all. */
  readonly wanted: ReadonlySet<string> | undefined;
  /** Samples without info series stay. */
  readonly optional: boolean;

  constructor(node: Call) {
    const selector = node.args[1] === undefined ? undefined : unwrap(node.args[1]);
    const matchers = selector?.kind === "vector_selector" ? selector.matchers : [];
    const names = matchers.filter(({ name }) => name === METRIC_NAME);
    if (names.length === 0) this.names = [DEFAULT_INFO];
    else if (names.every(({ operator }) => operator.startsWith("!"))) {
      this.names = [...names, ANY_INFO];
    } else this.names = names;
    this.data = matchers.filter(({ name }) => name !== METRIC_NAME);
    this.wanted = this.data.length === 0 ? undefined : new Set(this.data.map(({ name }) => name));
    this.optional = this.data.every((matcher) => matches(matcher, ""));
  }

  /** Whether a metric of that name is an info metric. */
  select(name: string): boolean {
    return this.names.every((matcher) => matches(matcher, name));
  }
}

function matches({ operator, value }: LabelMatcher, text: string): boolean {
  switch (operator) {
    case "=":
      return text === value;
    case "!=":
      return text !== value;
    case "=~":
      return compileRegex(value).matches(text);
    case "!~":
      return !compileRegex(value).matches(text);
  }
}

function identityOf(labels: Labels): string {
  return IDENTIFYING.map((name) => JSON.stringify(labelValue(labels, name))).join();
}

/** The info series of one metric and identity; their values are the times of the samples found. */
type InfoGroup = readonly Row[];

interface InfoContext {
  readonly evaluator: Evaluator;
  readonly grid: Grid;
  readonly matchers: InfoMatchers;
}

/** Info series by identity, grouped by metric. */
async function readInfoSeries(
  node: Call,
  { evaluator, grid, matchers }: InfoContext,
  rows: readonly Row[],
): Promise<ReadonlyMap<string, readonly InfoGroup[]>> {
  const byIdentity = new Map<string, InfoGroup[]>();
  const values = new Map<string, Set<string>>();
  for (const name of IDENTIFYING) {
    const found = new Set(rows.map((row) => labelValue(row.labels, name)));
    found.delete("");
    if (found.size > 0) values.set(name, found);
  }
  if (values.size === 0) return byIdentity;
  const identifying: LabelMatcher[] = [];
  for (const [name, found] of values) {
    const [only] = found;
    if (found.size === 1) identifying.push({ name, operator: "=", value: only! });
  }
  const { evaluation } = evaluator;
  const selector: VectorSelector = {
    kind: "vector_selector",
    type: "vector",
    position: node.position,
    name: undefined,
    matchers: [...matchers.names, ...matchers.data, ...identifying],
    offset: undefined,
    at: undefined,
    modifier: undefined,
  };
  const bounds = infoBounds(node.args[0]!, grid, {
    query: evaluation.options,
    durations: evaluation.durations,
    lookbackMs: evaluation.options.lookbackMs,
  });
  const manner = { inOrder: false, detectResets: false };
  const common = { evaluation, selector, grid, bounds, manner };
  await evaluator.forEach(await selectInstant({ ...common, content: "value" }), grid, (row) => {
    if (row.histograms === undefined || !row.kinds.includes(HISTOGRAM)) return;
    throw new PromqlError(
      "execution",
      `this should be an info metric, with float samples: ${labelsText(row.labels)}`,
    );
  });
  const times = await selectInstant({ ...common, content: "time" });
  const groups = new Map<string, Row[]>();
  await forEachInSlices(await evaluator.collect(times, grid), evaluation, (row) => {
    const known = [...values].every(([name, found]) => found.has(labelValue(row.labels, name)));
    if (!known) return;
    const identity = identityOf(row.labels);
    const key = JSON.stringify([labelValue(row.labels, METRIC_NAME), identity]);
    const group = groups.get(key);
    if (group !== undefined) {
      group.push(row);
      return;
    }
    const started = [row];
    groups.set(key, started);
    const ofIdentity = byIdentity.get(identity);
    if (ofIdentity === undefined) byIdentity.set(identity, [started]);
    else ofIdentity.push(started);
  });
  return byIdentity;
}

function enrich(
  row: Row,
  groups: readonly InfoGroup[],
  matchers: InfoMatchers,
  table: RowTable,
): void {
  // The info series found at the step before, and the row for them: mostly the same at the next step.
  let chosenBefore: (Row | undefined)[] | undefined;
  let output: Row | undefined;
  for (let step = 0; step < row.kinds.length; step++) {
    if (row.kinds[step] === ABSENT) continue;
    const chosen = groups.map((group) => newest(group, step));
    if (!chosenBefore?.every((series, index) => series === chosen[index])) {
      chosenBefore = chosen;
      const found = chosen.filter((series) => series !== undefined);
      output = found.length === 0 && !matchers.optional
        ? undefined
        : table.row(enriched(row.labels, found, matchers), row.dropName);
    }
    if (output === undefined) continue;
    if (output.kinds[step] !== ABSENT) throw sameLabelsError();
    output.copyFrom(row, step);
  }
}

/** Of several info series that have a sample at a step, the one with the newest. */
function newest(group: InfoGroup, step: number): Row | undefined {
  let best: Row | undefined;
  for (const series of group) {
    if (series.kinds[step] === ABSENT) continue;
    if (best === undefined || series.values[step]! > best.values[step]!) best = series;
    else if (series.values[step] === best.values[step]) {
      throw new PromqlError(
        "execution",
        `found duplicate series for info metric: existing ${foundAt(best, step)}, new ${
          foundAt(series, step)
        }`,
      );
    }
  }
  return best;
}

/** An info series and the time of its sample in milliseconds. */
function foundAt(series: Row, step: number): string {
  return `${labelsText(series.labels)} @ ${Math.round(series.values[step]! * 1000)}`;
}

/** The labels of a sample and those of its info series; its own win. */
function enriched(own: Labels, series: readonly Row[], { wanted }: InfoMatchers): Labels {
  const added = new Map<string, string>();
  const taken = new Set(own.map(([name]) => name));
  for (const { labels } of series) {
    for (const [name, value] of labels) {
      if (name === METRIC_NAME || taken.has(name)) continue;
      if (wanted !== undefined && !wanted.has(name)) continue;
      const known = added.get(name);
      if (known !== undefined && known !== value) {
        throw new PromqlError("execution", `conflicting label: ${name}`);
      }
      added.set(name, value);
    }
  }
  return added.size === 0 ? own : makeLabels([...own, ...added] as Label[]);
}
