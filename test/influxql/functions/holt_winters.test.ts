/** Forecasts of public series; what InfluxDB 1.8 says of them is known. */
import { expect, test } from "bun:test";
import { columnOf } from "../../../src/influxql/values/columns.ts";
import { influxqlFunction } from "../../../src/influxql/functions/registry.ts";
import { instantsOf } from "../../../src/influxql/values/instants.ts";
import { Slices } from "../../../src/slices.ts";
import { type Given, transform } from "./support.ts";

/** Visitors of Australia by quarter, 1999 to 2010, in millions of nights. */
const VISITORS = [
  ...[30.052513, 19.148496, 25.317692, 27.591437, 32.076456, 23.487961, 28.47594, 35.123753],
  ...[36.838485, 25.007017, 30.72223, 28.693759, 36.640986, 23.824609, 29.311683, 31.770309],
  ...[35.177877, 19.775244, 29.60175, 34.538842, 41.273599, 26.655862, 28.279859, 35.191153],
  ...[41.727458, 24.04185, 32.328103, 37.328708, 46.213153, 29.346326, 36.48291, 42.977719],
  ...[48.901525, 31.180221, 37.717881, 40.420211, 51.206863, 31.887228, 40.978263, 43.772491],
  ...[55.558567, 33.850915, 42.076383, 45.642292, 59.76678, 35.191877, 44.319737, 47.913736],
];
/** Inhabitants of the United States in millions, 1790 to 1970. */
const INHABITANTS = [
  ...[3.93, 5.31, 7.24, 9.64, 12.9, 17.1, 23.2, 31.4, 39.8, 50.2, 62.9, 76, 92, 105.7],
  ...[122.8, 131.7, 151.3, 179.3, 203.2],
];

/** The rows of a series without some, counted from 1. */
function without(all: readonly number[], missing: readonly number[]) {
  const times = all.map((_, i) => i + 1).filter((time) => !missing.includes(time));
  return { times, values: times.map((time) => all[time - 1]!), every: 1 };
}

test.each<{ name: string; given: Given; first: number; values: number[] }>([
  {
    name: "a season of four",
    given: { ...without(VISITORS, []), args: [10, 4] },
    first: 49,
    values: [
      ...[51.85064132137853, 43.26055282315273, 41.827258044814464, 54.3990354591749],
      ...[54.62334472770803, 45.57155693625209, 44.06051240252263, 57.30029870759433],
      ...[57.53591513519172, 47.999008139396096],
    ],
  },
  {
    name: "a season of four with rows missing",
    given: { ...without(VISITORS, [2, 8, 18, 29, 33, 39, 40]), args: [10, 4] },
    first: 49,
    values: [
      ...[54.84533610387743, 41.19329421863249, 45.71673175112451, 56.05759298805955],
      ...[59.32337460282217, 44.75280096850461, 49.98865098113751, 61.86084934967605],
      ...[65.95805633454883, 50.1502170480547],
    ],
  },
  {
    name: "no season",
    given: { ...without(INHABITANTS, []), args: [3, 0] },
    first: 20,
    values: [226.4167216525905, 253.73052878285205, 283.32649700397553],
  },
  {
    name: "a season of one is none",
    given: { ...without(INHABITANTS, []), args: [3, 1] },
    first: 20,
    values: [226.4167216525905, 253.73052878285205, 283.32649700397553],
  },
])("holt_winters: $name", ({ given, first, values }) => {
  const forecasted = transform("holt_winters", given);
  expect(forecasted.map(([time]) => time)).toEqual(values.map((_, i) => first + i));
  forecasted.forEach(([, value], i) => expect(value).toBeCloseTo(values[i]!, 9));
});

test("holt_winters_with_fit begins with the first row, and fills what is missing", () => {
  const given = { ...without(INHABITANTS, [9, 14, 18]), args: [2, 0] };
  const fitted = transform("holt_winters_with_fit", given);
  expect(fitted.map(([time]) => time)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
  expect(fitted[0]![1]).toBe(3.93);
  expect(fitted[1]![1]).toBeCloseTo(4.8931364428135105, 9);
  expect(fitted[8]![1]).toBeCloseTo(41.442230043017204, 9);
  expect(fitted[20]![1]).toBeCloseTo(252.82841286206823, 8);
});

test("rows count for the bucket that is nearest", () => {
  const given = { times: [5000, 5897, 6777, 7519], values: [1, 10, 2, 11], every: 1000 };
  const fitted = transform("holt_winters_with_fit", { ...given, args: [2, 2] });
  expect(fitted.map(([time]) => time)).toEqual([5000, 6000, 7000, 8000, 9000, 10000]);
  const values = [1, 10.006729104838234, 1.998341814469269, 10.997858830631172];
  [...values, 4.085860238030013, 11.35713604403339].forEach((value, i) =>
    expect(fitted[i]![1]).toBeCloseTo(value, 9)
  );
});

test.each([
  { name: "no rows", values: [], args: [3, 0] },
  { name: "one row", values: [1], args: [3, 0] },
  { name: "less than a season", values: [1, 2, 3], args: [3, 4] },
])("holt_winters gives nothing for $name", ({ values, args }) => {
  expect(transform("holt_winters", { values, args, every: 1 })).toEqual([]);
});

test("in slices the forecast is the same, and ends where it is aborted", async () => {
  const holtWinters = influxqlFunction("holt_winters");
  if (holtWinters?.type !== "transformation") throw new Error("no transformation");
  const times = instantsOf(INHABITANTS.map((_, i) => BigInt(i)));
  const input = {
    points: { times, column: columnOf("float", INHABITANTS) },
    args: [5, 0],
    unitNs: 1n,
    everyNs: 1n,
  };
  const controller = new AbortController();
  const running = { pauses: new Slices(1), signal: controller.signal };
  expect(await holtWinters.runInSlices!(input, running)).toEqual(holtWinters.run(input));
  const work = holtWinters.runInSlices!(input, {
    pauses: { isDue: true, pause: () => Promise.resolve() },
    signal: controller.signal,
  });
  controller.abort(new Error("killed"));
  expect(work).rejects.toThrow("killed");
});
