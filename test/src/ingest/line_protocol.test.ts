import { expect, test } from "bun:test";
import type { LineUnit } from "../../../engine/mod.ts";
import {
  badPrecisionText,
  lineUnitOf,
  malformedText,
  reasonText,
  v3LineErrors,
  type WriteEndpoint,
  writeErrorText,
} from "../../../src/ingest/line_protocol.ts";
import { LineFixture } from "../../support/scan_lines.ts";

test.each<{ endpoint: WriteEndpoint; precision?: string; unit: LineUnit | undefined }>([
  { endpoint: "v1", unit: "ns" },
  { endpoint: "v1", precision: "n", unit: "ns" },
  { endpoint: "v1", precision: "u", unit: "us" },
  { endpoint: "v1", precision: "µ", unit: "us" },
  { endpoint: "v1", precision: "m", unit: "m" },
  { endpoint: "v1", precision: "h", unit: "h" },
  { endpoint: "v1", precision: "second", unit: undefined },
  { endpoint: "v2", unit: "ns" },
  { endpoint: "v2", precision: "us", unit: "us" },
  { endpoint: "v2", precision: "u", unit: undefined },
  { endpoint: "v2", precision: "h", unit: undefined },
  { endpoint: "v3", unit: "auto" },
  { endpoint: "v3", precision: "millisecond", unit: "ms" },
  { endpoint: "v3", precision: "u", unit: "us" },
  { endpoint: "v3", precision: "toString", unit: undefined },
])(
  "lineUnitOf: $endpoint $precision",
  ({ endpoint, precision, unit }) => expect(lineUnitOf(endpoint, precision)).toBe(unit),
);

test("badPrecisionText says what is allowed", () => {
  expect(badPrecisionText("v1", "x")).toBe('invalid precision "x" (use n, u, ms, s, m or h)');
  expect(badPrecisionText("v2", "x")).toContain("valid precision units are ns, us, ms, and s");
  expect(badPrecisionText("v3", "x")).toContain("auto");
});

test.each([
  {
    line: "m v=9223372036854775808i",
    text: "unable to parse integer 9223372036854775808: value out of range",
  },
  {
    line: "m v=18446744073709551616u",
    text: "unable to parse unsigned 18446744073709551616: value out of range",
  },
  {
    line: "m v=1 9223372036854775807",
    text: "time outside range -9223372036854775806 - 9223372036854775806",
  },
  { line: "m v=1 9223372036854775808", text: "bad timestamp: value out of range" },
  { line: `${"m".repeat(65_536)} v=1`, text: "max key length exceeded: 65536 > 65535" },
  { line: "m,time=1 v=1", text: 'invalid tag key: input tag "time" on measurement "m" is invalid' },
  {
    line: "m\\ n time=1",
    text: 'invalid field name: input field "time" on measurement "m n" is invalid',
  },
  {
    line: 'known v="a"',
    text:
      'field type conflict: input field "v" on measurement "known" is type string, already exists as type float',
  },
])("reasonText: $text", ({ line, text }) => {
  const fixture = new LineFixture();
  fixture.scan("known v=1");
  expect(fixture.scan(line).report.errors.map(reasonText)).toEqual([text]);
});

test.each([
  { name: "all written", body: "m v=1", text: undefined },
  { name: "nothing to write", body: "\n# none\n", text: undefined },
  {
    name: "every line bad",
    body: "a\nb",
    text: "unable to parse 'a': missing fields\nunable to parse 'b': missing fields",
  },
  {
    name: "some lines bad",
    body: "m v=1\nb",
    text: "partial write: unable to parse 'b': missing fields dropped=0",
  },
  {
    name: "a conflict",
    body: "m v=1\nm v=1i\nm v=2i\nm v=2",
    text:
      'partial write: field type conflict: input field "v" on measurement "m" is type integer, already exists as type float dropped=2',
  },
])(
  "writeErrorText: $name",
  ({ body, text }) => expect(writeErrorText(new LineFixture().scan(body).report)).toBe(text),
);

test("writeErrorText: rows beyond the retention", () => {
  expect(writeErrorText(new LineFixture().scan("m v=1").report, 3))
    .toBe("partial write: points beyond retention policy dropped=3");
});

test("malformedText names twenty lines and counts the rest", () => {
  const { report } = new LineFixture().scan("bad\n".repeat(70));
  const lines = malformedText(report).split("\n");
  expect(lines.length).toBe(21);
  expect(lines.at(-1)).toBe("and 50 more");
});

test("v3LineErrors", () => {
  expect(v3LineErrors(new LineFixture().scan("m v=1\n\nm v").report)).toEqual([
    { error_message: "invalid field format", line_number: 3, original_line: "m v" },
  ]);
});
