import { expect, test } from "bun:test";
import { reasonText } from "../../../src/ingest/line_protocol.ts";
import { LineFixture } from "../../support/scan_lines.ts";

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
