import { expect, test } from "bun:test";
import fc from "fast-check";
import { ParsedParameters } from "../../src/http/query_parameters.ts";

function expectSame(text: string): void {
  const parsed = new ParsedParameters(text);
  const known = new URLSearchParams(text);
  const names = new Set([...known.keys(), "", "a", "match[]"]);
  for (const name of names) {
    expect(parsed.get(name)).toBe(known.get(name));
    expect(parsed.getAll(name)).toEqual(known.getAll(name));
  }
}

test.each([
  "",
  "a",
  "a=",
  "=b",
  "?a=1",
  "??a=1",
  "a=1&a=2&b=3&a=4",
  "&&a=1&&b&",
  "a=b=c&a==",
  "a+b=c+d&a=%2B+%20",
  "a=%zz&a=%&a=%4&b%=c%41",
  "a=%ff&a=%c3%a9&a=%e2%82&a=%ed%a0%80&a=%f0%9f%98%80",
  "a=%ff+%41&%ff=1&a=é%41",
  "a=%ef%bb%bfx&a=%00",
  "match%5B%5D=%7Ba%3D%22b%22%7D&match[]={c=%22d%22}",
])("parameters are those of URLSearchParams: %s", expectSame);

test("parameters are those of URLSearchParams for any text", () => {
  const piece = fc.constantFrom(
    "a",
    "b",
    "&",
    "=",
    "+",
    "%",
    "%4",
    "%41",
    "%c3",
    "%a9",
    "é",
    "?",
    "x",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => expectSame(pieces.join(""))),
    {
      numRuns: 2_000,
    },
  );
});

test("parameters of several texts stand in their order", () => {
  const parameters = new ParsedParameters("a=1", "b=2&a=3");
  expect(parameters.getAll("a")).toEqual(["1", "3"]);
  expect(parameters.get("b")).toBe("2");
});
