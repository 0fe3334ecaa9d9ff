import { expect, test } from "bun:test";
import { anchored, compileSearch } from "../../../src/influxql/language/regex.ts";

test.each([
  ["a", ".*a.*"],
  ["^a", "a.*"],
  ["a$", ".*a"],
  ["^(a|b)$", "(a|b)"],
  ["^a|b$", ".*(?:^a|b$).*"],
  ["(?i)^a$", "(?i)a"],
  ["a\\$", ".*a\\$.*"],
  ["[|.$]", ".*[|.$].*"],
  ["a.b", ".*(?-s:a.b).*"],
])("the texts that %s is found in are those of %s", (pattern, all) => {
  expect(anchored(pattern)).toBe(all);
});

test.each([
  ["cpu", "xcpuy", true],
  ["^cpu$", "xcpu", false],
  ["^a|b$", "ax", true],
  ["^a|b$", "xb", true],
  ["^a|b$", "xax", false],
  ["(?i)SERVER", "my server", true],
  ["a.b", "a\nb", false],
  ["a", "\na\n", true],
  ["", "x", true],
  ["\\Qa|b\\E", "xa|by", true],
])("%s in %j: %p", (pattern, text, found) => {
  expect(compileSearch(pattern).matches(text)).toBe(found);
});
