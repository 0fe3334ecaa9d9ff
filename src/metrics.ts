/**
 * The daemon's own metrics, in the Prometheus text format 0.0.4.
 *
 * Counters and histograms are kept here; gauges are read when the page is rendered. Label values come from our own
 * tables or are bounded by `childrenMax`: past it a child is counted under the value "other".
 */

type LabelValues = readonly string[];

/** Something with a name that renders itself. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  render(lines: string[]): void;
}

const CHILDREN_MAX = 200;

export class Counter {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

/** Counts of observations up to each bound, and their sum. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length);
  }

  observe(value: number): void {
    this.sum += value;
    this.count++;
    for (let index = 0; index < this.bounds.length; index++) {
      if (value <= this.bounds[index]!) {
        this.counts[index] = this.counts[index]! + 1;
        return;
      }
    }
  }
}

/** Children of one family by their label values. */
export class Children<T> {
  readonly labelNames: readonly string[];
  readonly #make: () => T;
  readonly #children = new Map<string, { readonly values: LabelValues; readonly child: T }>();

  constructor(labelNames: readonly string[], make: () => T) {
    this.labelNames = labelNames;
    this.#make = make;
  }

  /** The child with these label values, made when missing. Keep it where it is used often. */
  with(...values: string[]): T {
    const key = values.join("\u0000");
    const found = this.#children.get(key);
    if (found !== undefined) return found.child;
    const full = this.#children.size >= CHILDREN_MAX && values.some((value) => value !== "other");
    if (full) return this.with(...values.map(() => "other"));
    const child = this.#make();
    this.#children.set(key, { values, child });
    return child;
  }

  each(visit: (labels: string, child: T) => void): void {
    for (const { values, child } of this.#children.values()) {
      visit(formatLabels(this.labelNames, values), child);
    }
  }
}

/** Seconds: from a tenth of a millisecond to ten seconds. */
export const DURATION_BOUNDS: readonly number[] = [
  0.000_1,
  0.000_25,
  0.000_5,
  0.001,
  0.002_5,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  10,
];

export class Metrics {
  readonly #families: Family[] = [];
  readonly #names = new Set<string>();
  readonly #prepare: (() => void)[] = [];

  counter(name: string, help: string): Counter {
    const counter = new Counter();
    this.#add({
      name,
      help,
      type: "counter",
      render: (lines) => lines.push(`${name} ${formatNumber(counter.value)}`),
    });
    return counter;
  }

  counters(name: string, help: string, labelNames: readonly string[]): Children<Counter> {
    const children = new Children(labelNames, () => new Counter());
    this.#add({
      name,
      help,
      type: "counter",
      render: (lines) =>
        children.each((labels, child) =>
          lines.push(`${name}${labels} ${formatNumber(child.value)}`)
        ),
    });
    return children;
  }

  /** A value read when the page is rendered; undefined leaves the line out. */
  gauge(
    name: string,
    help: string,
    read: () => number | undefined,
    type: "gauge" | "counter" = "gauge",
  ): void {
    this.#add({
      name,
      help,
      type,
      render: (lines) => {
        const value = read();
        if (value !== undefined) lines.push(`${name} ${formatNumber(value)}`);
      },
    });
  }

  /** A constant 1 whose labels say something. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    const line = `${name}${formatLabels(Object.keys(labels), Object.values(labels))} 1`;
    this.#add({ name, help, type: "gauge", render: (lines) => lines.push(line) });
  }

  /** Values by one label, read when the page is rendered. */
  gauges(
    name: string,
    help: string,
    labelName: string,
    read: () => Readonly<Record<string, number>>,
  ): void {
    this.#add({
      name,
      help,
      type: "gauge",
      render: (lines) => {
        for (const [label, value] of Object.entries(read())) {
          lines.push(`${name}${formatLabels([labelName], [label])} ${formatNumber(value)}`);
        }
      },
    });
  }

  histograms(
    name: string,
    help: string,
    labelNames: readonly string[],
    bounds: readonly number[] = DURATION_BOUNDS,
  ): Children<Histogram> {
    const children = new Children(labelNames, () => new Histogram(bounds));
    this.#add({
      name,
      help,
      type: "histogram",
      render: (lines) =>
        children.each((labels, child) => renderHistogram(lines, name, labels, child)),
    });
    return children;
  }

  /** Called before each rendering, for figures that are taken together. */
  onRender(prepare: () => void): void {
    this.#prepare.push(prepare);
  }

  /** The whole page. */
  render(): string {
    for (const prepare of this.#prepare) prepare();
    const lines: string[] = [];
    for (const family of this.#families) {
      lines.push(`# HELP ${family.name} ${family.help}`, `# TYPE ${family.name} ${family.type}`);
      family.render(lines);
    }
    return `${lines.join("\n")}\n`;
  }

  #add(family: Family): void {
    if (this.#names.has(family.name)) throw new Error(`Metric ${family.name} exists already`);
    this.#names.add(family.name);
    this.#families.push(family);
  }
}

function renderHistogram(
  lines: string[],
  name: string,
  labels: string,
  histogram: Histogram,
): void {
  const open = labels === "" ? "{" : `${labels.slice(0, -1)},`;
  let total = 0;
  histogram.bounds.forEach((bound, index) => {
    total += histogram.counts[index]!;
    lines.push(`${name}_bucket${open}le="${bound}"} ${total}`);
  });
  lines.push(
    `${name}_bucket${open}le="+Inf"} ${histogram.count}`,
    `${name}_sum${labels} ${formatNumber(histogram.sum)}`,
    `${name}_count${labels} ${histogram.count}`,
  );
}

function formatLabels(names: readonly string[], values: LabelValues): string {
  if (names.length === 0) return "";
  const pairs = names.map((name, index) => `${name}="${escapeLabel(values[index] ?? "")}"`);
  return `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
