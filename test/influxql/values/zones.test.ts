import { describe, expect, test } from "bun:test";
import { SyntaxFailure } from "../../../src/influxql/values/result.ts";
import { zoneOf } from "../../../src/influxql/values/zones.ts";

const HOUR_MS = 3_600_000;

test.each([
  ["Europe/Berlin", "2000-01-15T00:00:00Z", 1],
  ["Europe/Berlin", "2000-07-15T00:00:00Z", 2],
  ["Europe/Berlin", "2000-03-26T00:59:59.999Z", 1],
  ["Europe/Berlin", "2000-03-26T01:00:00Z", 2],
  ["Europe/Berlin", "2000-10-29T00:59:59.999Z", 2],
  ["Europe/Berlin", "2000-10-29T01:00:00Z", 1],
  ["Asia/Kathmandu", "2000-01-01T00:00:00Z", 5.75],
  ["America/Los_Angeles", "1969-12-31T23:00:00Z", -8],
  ["UTC", "2000-01-01T00:00:00Z", 0],
])("%s at %s is %d hours ahead", (name, moment, hours) => {
  expect(zoneOf(name).offsetMs(Date.parse(moment)) / HOUR_MS).toBe(hours);
});

describe("the moment that clocks show", () => {
  test.each([
    ["2000-07-15T12:00:00Z", "2000-07-15T10:00:00.000Z"],
    ["2000-01-15T12:00:00Z", "2000-01-15T11:00:00.000Z"],
    // It comes twice.
    ["2000-10-29T02:30:00Z", "2000-10-29T00:30:00.000Z"],
  ])("%s in Berlin", (local, moment) => {
    const utc = zoneOf("Europe/Berlin").utcOf(Date.parse(local));
    expect(new Date(utc).toISOString()).toBe(moment);
  });
});

test.each(["Mars/Base", "", "+01:00"])("'%s' is no zone", (name) => {
  expect(() => zoneOf(name)).toThrow(new SyntaxFailure(`unable to find time zone ${name}`));
});
