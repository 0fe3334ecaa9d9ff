/**
 * Measurements for comparisons with InfluxDB: what they hold, told once for those who write their points and for those who
 * write queries over them. The points are the same at every call.
 *
 * Numbers are eighths, so that sums do not depend on their order; "decimal" ones are not.
 */
import { SeededRandom } from "./seeded_random.ts";

export type FieldType = "float" | "decimal" | "integer" | "wide" | "boolean" | "string";

export interface MeasurementField {
  readonly type: FieldType;
  /** Share of rows without it. */
  readonly missing?: number;
}

/** A stretch of time with points: start and length in seconds. */
export interface Stretch {
  readonly startS: number;
  readonly spanS: number;
}

export interface Measurement {
  readonly database: string;
  readonly policy: string;
  readonly name: string;
  /** Tags of each series. */
  readonly series: readonly Readonly<Record<string, string>>[];
  readonly fields: Readonly<Record<string, MeasurementField>>;
  readonly stretches: readonly Stretch[];
  readonly stepS: number;
  /** Whether points of different series have equal times. */
  readonly hasTies: boolean;
}

export const DATABASE = "main";
/** What is there before points are written. */
export const PREPARATION: readonly string[] = [
  `CREATE DATABASE ${DATABASE}`,
  `CREATE RETENTION POLICY "second one" ON ${DATABASE} DURATION 0s REPLICATION 1`,
  "CREATE DATABASE other",
];

const HOUR_S = 3600;
const CPU_START_S = Date.UTC(2021, 2, 1) / 1000;

function daysAround(iso: string): Stretch {
  return { startS: Date.parse(iso) / 1000 - 26 * HOUR_S, spanS: 52 * HOUR_S };
}

const CPU: Measurement = {
  database: DATABASE,
  policy: "autogen",
  name: "cpu",
  series: [
    { host: "a", region: "eu" },
    { host: "b", region: "eu" },
    { host: "c d", region: "us" },
    { host: "ü,=" },
    { region: "us" },
    { host: "a", region: "us", rack: "r 1" },
  ],
  fields: {
    usage: { type: "float" },
    idle: { type: "float", missing: 0.4 },
    load: { type: "decimal", missing: 0.1 },
    count: { type: "integer" },
    up: { type: "boolean", missing: 0.2 },
    state: { type: "string", missing: 0.3 },
  },
  stretches: [{ startS: CPU_START_S, spanS: 2400 }, { startS: CPU_START_S + 4200, spanS: 3000 }],
  stepS: 60,
  hasTies: true,
};

export const MEASUREMENTS: readonly Measurement[] = [
  CPU,
  {
    database: DATABASE,
    policy: "autogen",
    name: "climate",
    series: [{ room: "1" }, { room: "2", floor: "ground" }, { room: "10", floor: "attic" }],
    fields: {
      temp: { type: "float" },
      humidity: { type: "integer", missing: 0.2 },
      note: { type: "string", missing: 0.8 },
    },
    // Changes of the clocks: São Paulo's last ones, Berlin's in spring and autumn.
    stretches: [
      daysAround("2018-02-18T02:00:00Z"),
      daysAround("2018-11-04T03:00:00Z"),
      daysAround("2021-03-28T01:00:00Z"),
      daysAround("2021-10-31T01:00:00Z"),
    ],
    stepS: 1800,
    hasTies: false,
  },
  {
    database: DATABASE,
    policy: "autogen",
    name: "wide",
    series: [{ kind: "x" }],
    fields: { big: { type: "wide" }, small: { type: "integer", missing: 0.5 } },
    stretches: [{ startS: CPU_START_S, spanS: 7200 }],
    stepS: 300,
    hasTies: false,
  },
  {
    database: DATABASE,
    policy: "autogen",
    name: "epoch",
    series: [{ side: "left" }, { side: "right" }],
    fields: { v: { type: "float" }, n: { type: "integer", missing: 0.3 } },
    stretches: [{ startS: -7200, spanS: 14_400 }],
    stepS: 600,
    hasTies: false,
  },
  {
    database: DATABASE,
    policy: "autogen",
    name: "odd, näme",
    series: [{ "t g": "x=y", "tög": "ö" }, { "t g": "comma, space" }],
    fields: { "f=1": { type: "float" }, "näh e": { type: "integer", missing: 0.3 } },
    stretches: [{ startS: CPU_START_S, spanS: 3600 }],
    stepS: 120,
    hasTies: false,
  },
  {
    ...CPU,
    policy: "second one",
    // With all tags: InfluxDB's index knows no policies.
    series: [{ host: "b", region: "eu" }, { host: "b", region: "eu", rack: "2" }],
    fields: { usage: { type: "integer" }, extra: { type: "float", missing: 0.5 } },
  },
  {
    ...CPU,
    database: "other",
    series: [{ host: "a" }],
    fields: { usage: { type: "float" }, up: { type: "boolean" } },
    hasTies: false,
  },
];

const STATES = ["ok", "not ok", "", 'sa"id', "ä\\ö"];
const WIDE = [
  2n ** 53n + 1n,
  -(2n ** 53n) - 3n,
  2n ** 60n + 7n,
  -(2n ** 60n) - 9n,
  2n ** 62n - 1n,
  -(2n ** 62n) + 5n,
  123_456_789_012_345_678n,
];

function valueText(random: SeededRandom, type: FieldType): string {
  switch (type) {
    case "float":
      return String((random.below(1600) - 400) / 8);
    case "decimal":
      return String(random.next() * 9 - 2);
    case "integer":
      return `${random.below(400) - 100}i`;
    case "wide":
      return `${random.pick(WIDE) + BigInt(random.below(5))}i`;
    case "boolean":
      return String(random.below(2) === 0);
    case "string":
      return `"${random.pick(STATES).replaceAll(/["\\]/g, "\\$&")}"`;
  }
}

function escaped(name: string): string {
  return name.replaceAll(/[,= ]/g, "\\$&");
}

/** Lines of one series. Every second series has points at whole steps, the others in between; gaps come now and then. */
function* linesOf(random: SeededRandom, measurement: Measurement, place: number) {
  const { name, series, fields, stretches, stepS, hasTies } = measurement;
  const tags = Object.entries(series[place]!).map(([key, value]) =>
    `,${escaped(key)}=${escaped(value)}`
  );
  const head = name.replaceAll(/[, ]/g, "\\$&") + tags.join("");
  for (const { startS, spanS } of stretches) {
    for (let offsetS = 0; offsetS < spanS; offsetS += stepS) {
      if (random.below(40) === 0) offsetS += stepS * random.below(6);
      const jitterNs = hasTies
        ? place % 3 === 2 ? BigInt(1 + random.below(stepS)) * 999_999_937n : 0n
        : place === 0
        ? 0n
        : BigInt(place) * 1_000_000_000n * BigInt(1 + random.below(20)) + BigInt(place);
      const timeNs = BigInt(startS + offsetS) * 1_000_000_000n + jitterNs;
      const values = Object.entries(fields)
        .filter(([, { missing = 0 }]) => random.next() >= missing)
        .map(([key, { type }]) => `${escaped(key)}=${valueText(random, type)}`);
      if (values.length > 0) yield `${head} ${values.join(",")} ${timeNs}`;
    }
  }
}

/** Points at times far apart, among them the first and the last seconds that people meet. */
const ERAS = [
  "1700-01-01T00:00:00Z",
  "1969-12-31T23:59:59.999999999Z",
  "1970-01-01T00:00:00Z",
  "2001-09-09T01:46:40Z",
  "2038-01-19T03:14:08.000000001Z",
  "2200-02-28T23:59:59.5Z",
];

export interface Batch {
  readonly database: string;
  readonly policy: string;
  readonly lines: readonly string[];
}

/** All points, as line protocol with times in nanoseconds. */
export function influxqlBatches(): Batch[] {
  const random = new SeededRandom(7);
  const batches: Batch[] = MEASUREMENTS.map((measurement) => ({
    database: measurement.database,
    policy: measurement.policy,
    lines: measurement.series.flatMap((_, place) => [...linesOf(random, measurement, place)]),
  }));
  const eras = ERAS.map((text, index) => {
    const [seconds = "", fraction = ""] = text.slice(0, -1).split(".");
    const ns = BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
    return `eras,part=${index % 2} v=${index - 2},n=${index * index}i ${ns}`;
  });
  return [...batches, { database: DATABASE, policy: "autogen", lines: eras }];
}
