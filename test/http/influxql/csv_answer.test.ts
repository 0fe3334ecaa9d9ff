import { expect, test } from "bun:test";
import { csvAnswer, plainDecimal, quoted } from "../../../src/http/influxql/csv_answer.ts";
import { epochForm } from "../../../src/http/influxql/time_bytes.ts";
import type { AnswerPart } from "../../../src/influxql/statements.ts";
import { floats, partsOf, statementParts, table, textOf } from "../../support/influxql_answers.ts";

function csv(parts: readonly AnswerPart[], epoch = ""): Promise<string> {
  return textOf(csvAnswer(partsOf(parts), epochForm(epoch)));
}

test("a header, and a row for each row of each series", async () => {
  const frames = [
    floats([1, 2.5], { tags: [["host", "a b"], ["k", "x,=y"], ["none", ""]] }),
    floats([3], { name: "n" }),
  ];
  expect(await csv(statementParts(frames))).toBe(
    "name,tags,time,v\n" +
      'm,"host=a\\ b,k=x\\,\\=y",1000000000,1\n' +
      'm,"host=a\\ b,k=x\\,\\=y",2000000000,2.5\n' +
      "n,,1000000000,3\n",
  );
});

test("times in the unit of epoch", async () => {
  expect(await csv(statementParts([floats([1])]), "ms")).toBe("name,tags,time,v\nm,,1000,1\n");
});

test("a new header between statements and where columns change; nothing for no series", async () => {
  const parts = [
    ...statementParts([floats([1]), floats([2], { columns: ["time", "w"] })]),
    ...statementParts([], { id: 1 }),
    ...statementParts([floats([3])], { id: 2 }),
    ...statementParts([], { id: 3, error: 'no "x", sorry' }),
  ];
  expect(await csv(parts)).toBe(
    "name,tags,time,v\nm,,1000000000,1\n\nname,tags,time,w\nm,,1000000000,2\n\n" +
      'name,tags,time,v\nm,,1000000000,3\n\nerror\n"no ""x"", sorry"\n',
  );
});

test("values of all kinds", async () => {
  const present = Uint8Array.of(1, 0);
  const frames = [table(["f", "i", "u", "b", "s"], [
    { kind: "float", values: Float64Array.of(1e21, 0), present },
    { kind: "integer", values: BigInt64Array.of(-(2n ** 63n), 0n), present },
    { kind: "unsigned", values: Float64Array.of(9, 0), present },
    { kind: "boolean", values: Uint8Array.of(1, 0), present },
    { kind: "string", values: ['a "b"', undefined] },
  ], 2)];
  expect(await csv(statementParts(frames))).toBe(
    "name,tags,f,i,u,b,s\n" +
      'm,,1000000000000000000000,-9223372036854775808,9,true,"a ""b"""\nm,,,,,,\n',
  );
});

test.each([
  ["plain", "plain"],
  ["", ""],
  [" a", '" a"'],
  ["a\nb", '"a\nb"'],
  ["a,b", '"a,b"'],
  ["\\.", '"\\."'],
])("quoted(%p) is %p", (text, wanted) => expect(quoted(text)).toBe(wanted));

test.each([
  [1e-7, "0.0000001"],
  [-1.25e-9, "-0.00000000125"],
  [1.5e22, "15000000000000000000000"],
  [-0, "-0"],
  [0.1, "0.1"],
])("plainDecimal(%p) is %s", (value, text) => {
  expect(plainDecimal(value)).toBe(text);
  expect(Number(text)).toBe(value);
});
