/** Warnings and infos that arise during an evaluation: their texts, and a collector that drops repetitions. */
import type { PositionRange } from "./errors.ts";
import { labelValue, METRIC_NAME } from "./labels.ts";
import { formatDecimal } from "./number_format.ts";
import { roundedNumber, shortNumber } from "./number_text.ts";
import type { Labels } from "./queryable.ts";
import type { Annotation } from "./value.ts";

/** Different annotations of one kind that are kept; more are only counted by their absence. */
const ANNOTATIONS_MAX = 1_000;

export type HistogramOperation = "addition" | "subtraction" | "aggregation";

/** One place in the query that a classic quantile had to repair buckets for, over all steps and series of a metric. */
interface Repair {
  readonly position: PositionRange;
  bucketMin: number;
  bucketMax: number;
  differenceMax: number;
  samples: number;
  timeMinMs: number;
  timeMaxMs: number;
}

export class Annotations {
  readonly #warnings = new Map<string, PositionRange>();
  readonly #infos = new Map<string, PositionRange>();
  readonly #repairs = new Map<string, Repair>();

  warn(text: string, position: PositionRange): void {
    if (this.#warnings.size < ANNOTATIONS_MAX && !this.#warnings.has(text)) {
      this.#warnings.set(text, position);
    }
  }

  inform(text: string, position: PositionRange): void {
    if (this.#infos.size < ANNOTATIONS_MAX && !this.#infos.has(text)) {
      this.#infos.set(text, position);
    }
  }

  /** Buckets of a classic histogram did not ascend and were repaired. */
  repaired(
    labels: Labels,
    position: PositionRange,
    repair: Pick<Repair, "bucketMin" | "bucketMax" | "differenceMax"> & { readonly timeMs: number },
  ): void {
    const name = labelValue(labels, METRIC_NAME);
    const known = this.#repairs.get(name);
    if (known === undefined) {
      const { timeMs, ...rest } = repair;
      this.#repairs.set(name, {
        position,
        ...rest,
        samples: 1,
        timeMinMs: timeMs,
        timeMaxMs: timeMs,
      });
      return;
    }
    known.bucketMin = Math.min(known.bucketMin, repair.bucketMin);
    known.bucketMax = Math.max(known.bucketMax, repair.bucketMax);
    known.differenceMax = Math.max(known.differenceMax, repair.differenceMax);
    known.timeMinMs = Math.min(known.timeMinMs, repair.timeMs);
    known.timeMaxMs = Math.max(known.timeMaxMs, repair.timeMs);
    known.samples++;
  }

  get warnings(): Annotation[] {
    return [...this.#warnings].map(([text, position]) => ({
      message: `PromQL warning: ${text}`,
      position,
    }));
  }

  get infos(): Annotation[] {
    const infos = [...this.#infos].map(([text, position]) => ({
      message: `PromQL info: ${text}`,
      position,
    }));
    for (const [name, repair] of this.#repairs) {
      infos.push({
        message: `PromQL info: ${repairText(name, repair)}`,
        position: repair.position,
      });
    }
    return infos;
  }
}

function repairText(name: string, repair: Repair): string {
  const see =
    "see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile";
  const at = (ms: number) => new Date(ms).toISOString().replace(/\.?0*Z$/, "Z");
  const times = `over ${repair.samples} samples from ${at(repair.timeMinMs)} to ${
    at(repair.timeMaxMs)
  }`;
  return `input to histogram_quantile needed to be fixed for monotonicity (${see})${
    ofMetric(name)
  }` +
    `, from buckets ${shortNumber(repair.bucketMin)} to ${shortNumber(repair.bucketMax)}` +
    `, with a max diff of ${roundedNumber(repair.differenceMax, 2)}, ${times}`;
}

function ofMetric(name: string): string {
  return name === "" ? "" : ` for metric name ${JSON.stringify(name)}`;
}

/** Appended to texts about one metric; empty if it has no name. */
export function metricSuffix(labels: Labels): string {
  return ofMetric(labelValue(labels, METRIC_NAME));
}

export function quantileText(q: number): string {
  return `quantile value should be between 0 and 1, got ${shortNumber(q)}`;
}

export function ratioText(ratio: number, capped: number): string {
  return `ratio value should be between -1 and 1, got ${shortNumber(ratio)}, capping to ${
    formatDecimal(capped)
  }`;
}

export function mixedInRange(labels: Labels): string {
  return `encountered a mix of histograms and floats${metricSuffix(labels)}`;
}

export const MIXED_IN_AGGREGATION = "encountered a mix of histograms and floats for aggregation";

export function ignoredInRange(labels: Labels): string {
  return `ignored histograms in a range containing both floats and histograms${
    metricSuffix(labels)
  }`;
}

export function mixedSchemas(labels: Labels): string {
  return "vector contains a mix of histograms with exponential and custom buckets schemas" +
    metricSuffix(labels);
}

export function notACounter(labels: Labels): string {
  return `this native histogram metric is not a counter: ${
    JSON.stringify(labelValue(labels, METRIC_NAME))
  }`;
}

export function notAGauge(labels: Labels): string {
  return `this native histogram metric is not a gauge: ${
    JSON.stringify(labelValue(labels, METRIC_NAME))
  }`;
}

export function conflictingResets(operation: HistogramOperation): string {
  return `conflicting counter resets during histogram ${operation}`;
}

export function reconciledBounds(operation: HistogramOperation): string {
  return `mismatched custom buckets were reconciled during ${operation}`;
}

export function ignoredInAggregation(operator: string): string {
  return `ignored histogram in ${operator} aggregation`;
}

export function overlappingStart(labels: Labels): string {
  return `sample has start time that overlaps with previous sample timestamp for metric ${
    JSON.stringify(labelValue(labels, METRIC_NAME))
  }`;
}
