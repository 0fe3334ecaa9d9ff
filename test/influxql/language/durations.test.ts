/** Durations: as InfluxQL reads and prints them, and as Go prints them. */
import { describe, expect, test } from "bun:test";
import {
  formatDuration,
  formatGoDuration,
  parseDuration,
} from "../../../src/influxql/language/durations.ts";

const HOUR_NS = 3_600_000_000_000n;

describe("parseDuration", () => {
  test.each([
    ["10ns", 10n],
    ["10u", 10_000n],
    ["10µ", 10_000n],
    ["10μ", 10_000n],
    ["10ms", 10_000_000n],
    ["10s", 10_000_000_000n],
    ["2m", 120_000_000_000n],
    ["1h30m", HOUR_NS + HOUR_NS / 2n],
    ["30m1h", HOUR_NS + HOUR_NS / 2n],
    ["1d", 24n * HOUR_NS],
    ["1w", 168n * HOUR_NS],
    ["0s", 0n],
    ["007s", 7_000_000_000n],
    ["9223372036854775807ns", 2n ** 63n - 1n],
    ["9223372036854775808ns", "overflow"],
    ["15251w", "overflow"],
    ["", undefined],
    ["1", undefined],
    ["s", undefined],
    ["1.5h", undefined],
    ["-1h", undefined],
    ["1y", undefined],
    ["1h ", undefined],
    ["1H", undefined],
  ])("%j", (text, ns) => expect(parseDuration(text)).toBe(ns as bigint));
});

describe("formatDuration", () => {
  test.each([
    [0n, "0s"],
    [1n, "1ns"],
    [1_500n, "1500ns"],
    [2_000n, "2u"],
    [2_000_000n, "2ms"],
    [90_000_000_000n, "90s"],
    [HOUR_NS + HOUR_NS / 2n, "90m"],
    [24n * HOUR_NS, "1d"],
    [168n * HOUR_NS, "1w"],
    [169n * HOUR_NS, "169h"],
    [-HOUR_NS, "-1h"],
  ])("%p", (ns, text) => expect(formatDuration(ns)).toBe(text));

  test("reads back", () => {
    for (const ns of [1n, 999n, 10n ** 15n, HOUR_NS * 31n, 2n ** 63n - 1n]) {
      expect(parseDuration(formatDuration(ns))).toBe(ns);
    }
  });
});

describe("formatGoDuration", () => {
  test.each([
    [0n, "0s"],
    [1n, "1ns"],
    [1_100n, "1.1µs"],
    [2_200_000n, "2.2ms"],
    [1_000_000_000n, "1s"],
    [1_500_000_000n, "1.5s"],
    [90_000_000_000n, "1m30s"],
    [60_000_000_001n, "1m0.000000001s"],
    [168n * HOUR_NS, "168h0m0s"],
    [HOUR_NS + 1_000_000n, "1h0m0.001s"],
    [-90_000_000_000n, "-1m30s"],
  ])("%p", (ns, text) => expect(formatGoDuration(ns)).toBe(text));
});
