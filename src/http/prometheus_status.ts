/** `status/*`, `metadata`, `rules`, `alerts`, `targets`: what tools ask a Prometheus server about itself. */
import type { Database, SeriesGroup, TimeUnit } from "../../engine/mod.ts";
import { compareText, FACET, ticksToMs } from "../../engine/mod.ts";
import { forEachInSlices, Slices } from "../slices.ts";
import type { MetadataStore, MetricMetadata } from "../stores/metadata.ts";
import type { PrometheusAnswers } from "./prometheus_answers.ts";
import { secondsText } from "./json_writer.ts";
import {
  invalidParameter,
  limitParameter,
  orderedBoundsParameters,
  readParameters,
} from "./prometheus_parameters.ts";
import type { QueryParameters } from "./query_parameters.ts";
import type { QuerySlots } from "./query_slots.ts";

/** What the server says of itself. */
export interface ServerInfo {
  readonly version: string;
  readonly revision: string;
  /** Milliseconds since the epoch. */
  readonly startedMs: number;
  readonly workingDirectory: string;
  readonly hostname: string;
  /** Settings by name, as text. */
  readonly flags: Readonly<Record<string, string>>;
  /** The configuration as it would stand in a file. */
  readonly configuration: string;
  /** Such as `15d`, empty for ever. */
  readonly retention: string;
}

/** Rules and alerts in the forms of the API; each gives the value of `data`. */
export interface RuleListing {
  rules(parameters: QueryParameters): unknown;
  alerts(): unknown;
}

export interface PrometheusStatusParts {
  readonly info: ServerInfo;
  /** Absent where only queries are served. */
  readonly database: Database | undefined;
  readonly metadata: MetadataStore;
  readonly rules: RuleListing | undefined;
  readonly slots: QuerySlots;
  readonly answers: PrometheusAnswers;
  readonly nowMs: () => number;
}

/** Entries of each statistic that `status/tsdb` lists by default, and at most. */
const STATISTICS_DEFAULT = 10;
const STATISTICS_MAX = 10_000;
/** Pairs of label and value that are counted for one answer. */
const PAIRS_COUNTED_MAX = 2_000;

/** What `rules` may be asked for; empty: everything. */
const RULE_TYPES: readonly string[] = ["", "alert", "record"];

interface Statistic {
  readonly name: string;
  readonly value: number;
}

export class PrometheusStatus {
  readonly #parts: PrometheusStatusParts;

  constructor(parts: PrometheusStatusParts) {
    this.#parts = parts;
  }

  buildInfo(request: Request): Response {
    const { version, revision } = this.#parts.info;
    // Grafana takes a server that lists features for Mimir.
    return this.#parts.answers.data(request, {
      version,
      revision,
      branch: "",
      buildUser: "",
      buildDate: "",
      goVersion: "",
    });
  }

  runtimeInfo(request: Request): Response {
    const { info, nowMs } = this.#parts;
    return this.#parts.answers.data(request, {
      startTime: new Date(info.startedMs).toISOString(),
      CWD: info.workingDirectory,
      hostname: info.hostname,
      serverTime: new Date(nowMs()).toISOString(),
      reloadConfigSuccess: true,
      lastConfigTime: new Date(info.startedMs).toISOString(),
      corruptionCount: 0,
      goroutineCount: 0,
      GOMAXPROCS: 1,
      GOMEMLIMIT: this.#parts.database?.settings.memoryLimitBytes ?? 0,
      GOGC: "",
      GODEBUG: "",
      storageRetention: info.retention,
    });
  }

  flags(request: Request): Response {
    return this.#parts.answers.data(request, this.#parts.info.flags);
  }

  configuration(request: Request): Response {
    return this.#parts.answers.data(request, { yaml: this.#parts.info.configuration });
  }

  activeQueries(request: Request): Response {
    const queries = this.#parts.slots.active().map((active) => ({
      id: String(active.id),
      query: active.query,
      path: active.path,
      start: Number(secondsText(active.startedMs)),
      duration: `${(active.runningMs / 1000).toFixed(3)}s`,
    }));
    return this.#parts.answers.data(request, queries);
  }

  async metadata(request: Request): Promise<Response> {
    const parameters = await readParameters(request);
    const limit = limitParameter(parameters) ?? Infinity;
    const perMetric = limitParameter(parameters, "limit_per_metric") ?? Infinity;
    const metric = parameters.get("metric");
    const { metadata, answers } = this.#parts;
    const families: [string, MetricMetadata][] = [];
    if (metric === null || metric === "") {
      families.push(...metadata.entries());
      families.sort(([left], [right]) => compareText(left, right));
    } else {
      const known = metadata.get(metric);
      if (known !== undefined) families.push([metric, known]);
    }
    // Every family has one entry, so that a limit per metric of 1 or more changes nothing.
    const listed = perMetric >= 1 ? families.slice(0, limit) : [];
    return answers.data(
      request,
      Object.fromEntries(
        listed.map(([family, { type, help, unit }]) => [family, [{ type, help, unit }]]),
      ),
    );
  }

  async rules(request: Request): Promise<Response> {
    const { rules, answers } = this.#parts;
    const parameters = await readParameters(request);
    const type = parameters.get("type") ?? "";
    if (!RULE_TYPES.includes(type)) {
      throw invalidParameter("type", `not supported value ${JSON.stringify(type)}`);
    }
    return answers.data(request, rules?.rules(parameters) ?? { groups: [] });
  }

  alerts(request: Request): Response {
    const { rules, answers } = this.#parts;
    return answers.data(request, rules?.alerts() ?? { alerts: [] });
  }

  /** Nothing is scraped here. */
  targets(request: Request): Response {
    return this.#parts.answers.data(request, {
      activeTargets: [],
      droppedTargets: [],
      droppedTargetCounts: {},
    });
  }

  alertmanagers(request: Request): Response {
    return this.#parts.answers.data(request, {
      activeAlertmanagers: [],
      droppedAlertmanagers: [],
    });
  }

  /** Exemplars are not stored; a bad question is refused all the same. `parse` throws bad_data. */
  async exemplars(request: Request, parse: (query: string) => unknown): Promise<Response> {
    const parameters = await readParameters(request);
    orderedBoundsParameters(parameters);
    parse(parameters.get("query") ?? "");
    return this.#parts.answers.data(request, []);
  }

  async tsdb(request: Request): Promise<Response> {
    const parameters = await readParameters(request);
    const limit = Math.min(limitParameter(parameters) ?? STATISTICS_DEFAULT, STATISTICS_MAX);
    const { database, answers } = this.#parts;
    if (database === undefined) return answers.data(request, {});
    const { registry } = database;
    const metrics = seriesByMetric(registry.select([]));
    const { headChunks, bounds } = database.extent();
    const unit = database.settings.timeUnit;
    const slices = new Slices(1);
    const labels: { readonly name: string; readonly values: readonly string[] }[] = [];
    await forEachInSlices(registry.labelNames([]), slices, (name) => {
      labels.push({ name, values: registry.labelValues(name, []) });
    });
    const pairs = await countPairs(database, labels, slices);
    const byCount = labels.map(({ name, values }) => ({ name, value: values.length }));
    const byBytes = labels.map(({ name, values }) => ({
      name,
      value: values.reduce((bytes, value) => bytes + value.length, 0),
    }));
    return answers.data(request, {
      headStats: {
        numSeries: sum(metrics.values()),
        numLabelPairs: byCount.reduce((sum, { value }) => sum + value, 0),
        chunkCount: headChunks,
        // As of an empty head there: the bounds cross.
        minTime: bounds === undefined ? Number.MAX_SAFE_INTEGER : wholeMs(bounds.minTime, unit),
        maxTime: bounds === undefined ? Number.MIN_SAFE_INTEGER : wholeMs(bounds.maxTime, unit),
      },
      seriesCountByMetricName: largest(
        [...metrics].map(([name, value]) => ({ name, value })),
        limit,
      ),
      labelValueCountByLabelName: largest(byCount, limit),
      memoryInBytesByLabelName: largest(byBytes, limit),
      seriesCountByLabelValuePair: largest(pairs, limit),
    });
  }
}

/** How many series each metric has; what several fields of one source make is one. */
function seriesByMetric(groups: readonly SeriesGroup[]): Map<string, number> {
  const counts = new Map<string, number>();
  const samples = groups.filter(({ field }) => field !== FACET.starts);
  for (const [metric, own] of Map.groupBy(samples, (group) => group.metric)) {
    const [first] = own;
    const count = own.length === 1
      ? first!.sources.length
      : new Set(own.flatMap(({ sources }) => [...sources])).size;
    counts.set(metric, count);
  }
  return counts;
}

function sum(counts: Iterable<number>): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}

function wholeMs(ticks: bigint, unit: TimeUnit): number {
  return Math.floor(ticksToMs(ticks, unit));
}

/** Series of each pair of label and value, of the labels with few values: those whose pairs have many series. */
async function countPairs(
  database: Database,
  labels: readonly { readonly name: string; readonly values: readonly string[] }[],
  slices: Slices,
): Promise<Statistic[]> {
  const pairs: Statistic[] = [];
  const fewestFirst = labels.toSorted((left, right) => left.values.length - right.values.length);
  for (const { name, values } of fewestFirst) {
    if (pairs.length + values.length > PAIRS_COUNTED_MAX) break;
    for (const value of values) {
      if (slices.isDue) await slices.pause();
      const metrics = seriesByMetric(database.registry.select([{ name, operator: "=", value }]));
      pairs.push({ name: `${name}=${value}`, value: sum(metrics.values()) });
    }
  }
  return pairs;
}

function largest(statistics: readonly Statistic[], limit: number): Statistic[] {
  return statistics.toSorted((left, right) => right.value - left.value).slice(0, limit);
}
