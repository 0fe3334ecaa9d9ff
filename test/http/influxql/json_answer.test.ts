import { describe, expect, test } from "bun:test";
import { PIECE_BYTES } from "../../../src/http/byte_writer.ts";
import { indented } from "../../../src/http/influxql/indent.ts";
import { chunkedAnswer, jsonAnswer } from "../../../src/http/influxql/json_answer.ts";
import { epochForm } from "../../../src/http/influxql/time_bytes.ts";
import type { AnswerPart } from "../../../src/influxql/statements.ts";
import {
  floats,
  frame,
  partsOf,
  statementParts,
  table,
  textOf,
} from "../../support/influxql_answers.ts";

const S = epochForm("s");

function json(
  parts: readonly AnswerPart[],
  { rowsMax = Infinity, epoch = S } = {},
): Promise<string> {
  return textOf(jsonAnswer(partsOf(parts), { epoch, rowsMax }));
}

function chunked(parts: readonly AnswerPart[], chunkRows: number): Promise<string> {
  return textOf(chunkedAnswer(partsOf(parts), { epoch: S, chunkRows }));
}

describe("one document", () => {
  test("keys come in order, those of nothing are left out", async () => {
    const parts = [
      ...statementParts([floats([1, 2.5], { tags: [["host", "a"], ["zone", ""]] })], {
        messages: [{ level: "warning", text: "w" }],
      }),
      ...statementParts([], { id: 1 }),
      ...statementParts([], { id: 2, error: 'no "x"' }),
    ];
    expect(await json(parts)).toBe(
      '{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"host":"a","zone":""},' +
        '"columns":["time","v"],"values":[[1,1],[2,2.5]]}],' +
        '"messages":[{"level":"warning","text":"w"}]},' +
        '{"statement_id":1},{"statement_id":2,"error":"no \\"x\\""}]}\n',
    );
  });

  test("no statement", async () => expect(await json([])).toBe("{}\n"));

  test("values of all kinds, and what is missing", async () => {
    const present = Uint8Array.of(1, 0);
    const columns = ["f", "i", "j", "u", "b", "s"];
    const frames = [table(columns, [
      { kind: "float", values: Float64Array.of(NaN, -0.5), present: Uint8Array.of(1, 1) },
      { kind: "integer", values: Float64Array.of(-7, 1), present },
      { kind: "integer", values: BigInt64Array.of(-(2n ** 63n), 1n), present },
      { kind: "unsigned", values: BigUint64Array.of(2n ** 64n - 1n, 1n), present },
      { kind: "boolean", values: Uint8Array.of(1, 0), present },
      { kind: "string", values: ['°C "x"\n', undefined] },
    ], 2)];
    expect(await json(statementParts(frames))).toBe(
      '{"results":[{"statement_id":0,"series":[{"name":"m","columns":["f","i","j","u","b","s"],"values":' +
        '[[null,-7,-9223372036854775808,18446744073709551615,true,"°C \\"x\\"\\n"],' +
        "[-0.5,null,null,null,null,null]]}]}]}\n",
    );
  });

  test("a series that comes in several frames is one", async () => {
    const frames = [floats([1], { continues: true }), floats([2]), floats([3], { name: "n" })];
    expect(await json(statementParts(frames))).toContain(
      '"series":[{"name":"m","columns":["time","v"],"values":[[1,1],[1,2]]},' +
        '{"name":"n","columns":["time","v"],"values":[[1,3]]}]',
    );
  });

  test("a series without rows has no values, one without a name no name", async () => {
    const parts = statementParts([frame({ name: "", columns: ["name"] })]);
    expect(await json(parts)).toBe(
      '{"results":[{"statement_id":0,"series":[{"columns":["name"]}]}]}\n',
    );
  });

  test("an error in the middle of a series ends it", async () => {
    const parts = statementParts([floats([1], { continues: true })], { error: "broken" });
    expect(await json(parts)).toBe(
      '{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],"values":[[1,1]]}],' +
        '"error":"broken"}]}\n',
    );
  });

  test("times are texts in the statement's zone without epoch", async () => {
    const parts = statementParts([floats([1])], { query: "SELECT v FROM m tz('Asia/Tokyo')" });
    const text = await textOf(jsonAnswer(partsOf(parts), { epoch: undefined, rowsMax: Infinity }));
    expect(text).toContain('[["1970-01-01T09:00:01+09:00",1]]');
  });

  test.each([
    { rowsMax: 2, values: "[[1,1],[2,2]]", partial: ',"partial":true' },
    { rowsMax: 3, values: "[[1,1],[2,2],[3,3]]", partial: "" },
  ])(
    "rows beyond $rowsMax are left out, with all that follows",
    async ({ rowsMax, values, partial }) => {
      const parts = [
        ...statementParts([floats([1, 2, 3]), floats([4], { name: "n" })]),
        ...statementParts([floats([5])], { id: 1 }),
      ];
      expect(await json(parts, { rowsMax })).toBe(
        '{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],' +
          `"values":${values}${partial}}]}]}\n`,
      );
    },
  );

  test("long answers come in pieces", async () => {
    const values = Array.from({ length: 30_000 }, (_, i) => i / 7);
    const lengths: number[] = [];
    let text = "";
    for await (
      const piece of jsonAnswer(partsOf(statementParts([floats(values)])), {
        epoch: S,
        rowsMax: Infinity,
      })
    ) {
      lengths.push(piece.length);
      text += new TextDecoder().decode(piece as Uint8Array);
    }
    expect(lengths.length).toBeGreaterThan(5);
    expect(Math.max(...lengths)).toBeLessThan(PIECE_BYTES + 32_768);
    const { results } = JSON.parse(text) as { results: { series: { values: number[][] }[] }[] };
    expect(results[0]!.series[0]!.values.map((row) => row[1]!)).toEqual(values);
  });
});

describe("chunked", () => {
  const head = '{"results":[{"statement_id":0,"series":[{"name":';

  test("a document a line, with so many rows of one series", async () => {
    const frames = [floats([1, 2, 3]), floats([4], { name: "n" })];
    expect(await chunked(statementParts(frames), 2)).toBe(
      `${head}"m","columns":["time","v"],"values":[[1,1],[2,2]],"partial":true}],"partial":true}]}\n` +
        `${head}"m","columns":["time","v"],"values":[[3,3]]}],"partial":true}]}\n` +
        `${head}"n","columns":["time","v"],"values":[[1,4]]}]}]}\n`,
    );
  });

  test("frames of one series fill a document together", async () => {
    const frames = [floats([1], { continues: true }), floats([2, 3])];
    expect(await chunked(statementParts(frames), 2)).toBe(
      `${head}"m","columns":["time","v"],"values":[[1,1],[1,2]],"partial":true}],"partial":true}]}\n` +
        `${head}"m","columns":["time","v"],"values":[[2,3]]}]}]}\n`,
    );
  });

  test("statements that are no SELECT come whole", async () => {
    const names = (name: string) =>
      frame({ name, columns: ["k"], count: 1, data: [{ kind: "string", values: ["x"] }] });
    const parts = statementParts([names("a"), names("b")], { query: "SHOW TAG KEYS" });
    expect(await chunked(parts, 1)).toBe(
      `${head}"a","columns":["k"],"values":[["x"]]},{"name":"b","columns":["k"],"values":[["x"]]}]}]}\n`,
    );
  });

  test("an error has a document of its own behind the rows", async () => {
    const parts = [
      ...statementParts([floats([1])], { error: "broken" }),
      ...statementParts([], { id: 1, error: "not executed" }),
    ];
    expect(await chunked(parts, 10)).toBe(
      `${head}"m","columns":["time","v"],"values":[[1,1]]}],"partial":true}]}\n` +
        '{"results":[{"statement_id":0,"error":"broken"}]}\n' +
        '{"results":[{"statement_id":1,"error":"not executed"}]}\n',
    );
  });

  test("nothing", async () => {
    expect(await chunked(statementParts([]), 10)).toBe('{"results":[{"statement_id":0}]}\n');
    expect(await chunked([], 10)).toBe("{}\n");
  });
});

test("pretty answers are as the runtime indents them", async () => {
  const parts = [
    ...statementParts([floats([1, 2], { tags: [["a", 'x{,:}"\\']] }), frame({ columns: [] })]),
    ...statementParts([], { id: 1, error: "e" }),
  ];
  const plain = await json(parts);
  const pretty = await textOf(
    indented(jsonAnswer(partsOf(parts), { epoch: S, rowsMax: Infinity })),
  );
  expect(pretty).toBe(`${JSON.stringify(JSON.parse(plain), undefined, 4)}\n`);
});
