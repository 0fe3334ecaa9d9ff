import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { instantsOf, nsAt } from "../../../src/influxql/values/instants.ts";
import { oneBucket, Windows } from "../../../src/influxql/values/windows.ts";
import { zoneOf } from "../../../src/influxql/values/zones.ts";

const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;
const WEEK = 7n * DAY;

function at(text: string): bigint {
  return BigInt(Date.parse(text)) * 1_000_000n;
}

function text(ns: bigint): string {
  return new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19);
}

interface Shape {
  readonly every: bigint;
  readonly offset?: bigint;
  readonly zone?: string;
}

function windows({ every, offset = 0n, zone }: Shape): Windows {
  return new Windows({ every, offset, zone: zone === undefined ? undefined : zoneOf(zone) });
}

const zones = fc.constantFrom(
  undefined,
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Asia/Kathmandu",
  "America/Sao_Paulo",
  "Africa/Casablanca",
);
const everies = fc.constantFrom(
  7n,
  SECOND,
  30n * SECOND,
  MINUTE,
  15n * MINUTE,
  30n * MINUTE,
  HOUR,
  2n * HOUR,
  3n * HOUR,
  12n * HOUR,
  DAY,
  WEEK,
  30n * DAY,
);
/** Ten years around the turn of the year 2000, so that clocks change often enough. */
const times = fc.bigInt(at("1995-01-01T00:00:00Z"), at("2005-01-01T00:00:00Z"));
/** Close to changes of clocks. */
const changes = fc.tuple(
  fc.constantFrom(
    "2000-03-26T01:00:00Z",
    "2000-10-29T01:00:00Z",
    "2000-04-02T07:00:00Z",
    "2000-10-29T06:00:00Z",
    "2000-08-26T15:30:00Z",
    "2000-03-25T15:00:00Z",
    "2000-02-27T02:00:00Z",
  ),
  fc.bigInt(-(3n * DAY), 3n * DAY),
).map(([moment, shift]) => at(moment) + shift);

test("each time lies in one bucket, and buckets follow each other", () => {
  fc.assert(
    fc.property(
      fc.oneof(times, changes),
      everies,
      fc.bigInt(0n, WEEK),
      zones,
      (time, every, offset, zone) => {
        const shape = windows({
          every,
          offset: offset % every,
          ...(zone === undefined ? {} : { zone }),
        });
        const start = shape.startOf(time);
        const end = shape.next(start);
        expect(start <= time).toBe(true);
        expect(time < end).toBe(true);
        expect(shape.startOf(start)).toBe(start);
        expect(shape.startOf(end)).toBe(end);
        expect(shape.startOf(end - 1n)).toBe(start);
      },
    ),
    { numRuns: 3_000 },
  );
});

test("rows of a column lie in the buckets of their times", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(times, changes), { minLength: 1, maxLength: 40 }),
      everies,
      zones,
      (list, every, zone) => {
        const sorted = [...list].sort((left, right) => left < right ? -1 : 1);
        const shape = windows({ every, ...(zone === undefined ? {} : { zone }) });
        const { starts, bounds } = shape.bucketsOf(instantsOf(sorted), 0, sorted.length);
        const found = sorted.map(() => 0n);
        for (let i = 0; i < starts.eras.length; i++) {
          for (let row = bounds[i]!; row < bounds[i + 1]!; row++) found[row] = nsAt(starts, i);
        }
        expect(found).toEqual(sorted.map((time) => shape.startOf(time)));
        expect(bounds.at(-1)).toBe(sorted.length);
      },
    ),
  );
});

test("all starts of a range are those that follow each other", () => {
  fc.assert(
    fc.property(
      changes,
      fc.constantFrom(MINUTE, HOUR, 6n * HOUR, DAY),
      zones,
      (time, every, zone) => {
        const shape = windows({ every, ...(zone === undefined ? {} : { zone }) });
        const first = shape.startOf(time);
        const expected = [first];
        for (let i = 0; i < 60; i++) expected.push(shape.next(expected.at(-1)!));
        const starts = shape.startsBetween(first, expected.at(-1)!);
        expect(Array.from(starts.eras, (_, i) => nsAt(starts, i))).toEqual(expected);
      },
    ),
  );
});

describe("buckets", () => {
  test.each([
    { name: "are aligned to the epoch", shape: { every: DAY }, start: "2000-05-05T00:00:00" },
    { name: "of weeks start on Thursdays", shape: { every: WEEK }, start: "2000-05-04T00:00:00" },
    {
      name: "are shifted by an offset",
      shape: { every: DAY, offset: 6n * HOUR },
      start: "2000-05-05T06:00:00",
    },
    {
      name: "begin with local days",
      shape: { every: DAY, zone: "Europe/Berlin" },
      start: "2000-05-04T22:00:00",
    },
  ])("$name", ({ shape, start }) => {
    expect(text(windows(shape).startOf(at("2000-05-05T12:34:56Z")))).toBe(start);
  });

  test.each([
    {
      name: "a local day in spring has 23 hours",
      shape: { every: DAY, zone: "Europe/Berlin" },
      from: "2000-03-25T23:00:00Z",
      starts: ["2000-03-25T23:00:00", "2000-03-26T22:00:00"],
    },
    {
      name: "a local day in autumn has 25 hours",
      shape: { every: DAY, zone: "Europe/Berlin" },
      from: "2000-10-28T22:00:00Z",
      starts: ["2000-10-28T22:00:00", "2000-10-29T23:00:00"],
    },
    {
      name: "a bucket that would begin in the skipped hour begins after it",
      shape: { every: 2n * HOUR, zone: "Europe/Berlin" },
      from: "2000-03-25T23:00:00Z",
      starts: ["2000-03-25T23:00:00", "2000-03-26T01:00:00", "2000-03-26T02:00:00"],
    },
    {
      name: "a bucket that would begin in an hour that comes twice begins once",
      shape: { every: 2n * HOUR, zone: "Europe/Berlin" },
      from: "2000-10-29T01:30:00Z",
      starts: ["2000-10-29T00:00:00", "2000-10-29T03:00:00"],
    },
    {
      name: "a local day has 25 hours where its midnight comes twice",
      shape: { every: DAY, zone: "Atlantic/Azores" },
      from: "2000-10-29T00:00:00Z",
      starts: ["2000-10-29T00:00:00", "2000-10-30T01:00:00"],
    },
    {
      name: "an hour that comes twice is two buckets",
      shape: { every: HOUR, zone: "America/Los_Angeles" },
      from: "2000-10-29T08:00:00Z",
      starts: ["2000-10-29T08:00:00", "2000-10-29T09:00:00", "2000-10-29T10:00:00"],
    },
  ])("$name", ({ shape, from, starts }) => {
    const each = windows(shape);
    const found = [each.startOf(at(from))];
    while (found.length < starts.length) found.push(each.next(found.at(-1)!));
    expect(found.map(text)).toEqual([...starts]);
  });

  test("without windows hold all rows, where there are any", () => {
    const { starts, bounds } = oneBucket(42n, 3, 7);
    expect([nsAt(starts, 0), ...bounds]).toEqual([42n, 3, 7]);
    expect(oneBucket(42n, 3, 3).starts.eras.length).toBe(0);
  });
});
