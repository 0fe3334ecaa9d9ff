import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type {
  TextImportOptions,
  TextImportOutcome,
  TextMetadata,
} from "../../src/ingest/prometheus_text.ts";
import { TextImporter } from "../../src/ingest/prometheus_text.ts";
import { float64Text } from "../support/batch_rows.ts";
import { WriteRecorder } from "../support/write_recorder.ts";

let recorder: WriteRecorder;
let metadata: TextMetadata[];
let importer: TextImporter;

beforeEach(() => {
  recorder = new WriteRecorder();
  metadata = [];
  importer = new TextImporter({
    database: recorder.database,
    onMetadata: (one) => void metadata.push(one),
  });
});

function write(
  text: string | Uint8Array,
  options: Partial<TextImportOptions> = {},
): Promise<TextImportOutcome> {
  const body = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return importer.write(body, {
    openMetrics: false,
    nowMs: 42,
    acknowledgement: "durable",
    ...options,
  });
}

/** `measurement{tags} value time`, with the value as the batch has it. */
function rows(): unknown[] {
  return recorder.rows.map((
    { measurement, tags, fields, time },
  ) => [measurement, { ...tags }, fields["value"], Number(time)]);
}

describe("lines", () => {
  test.each([
    { line: "up 1", row: ["up", {}, 1, 42] },
    { line: "up 1 1000", row: ["up", {}, 1, 1000] },
    { line: '  up{job="a"}\t-2.5e3   -5 \r', row: ["up", { job: "a" }, -2500, -5] },
    { line: 'up {a="1", b="2",} .5', row: ["up", { a: "1", b: "2" }, 0.5, 42] },
    { line: "up{} +Inf", row: ["up", {}, Infinity, 42] },
    { line: "up NaN", row: ["up", {}, NaN, 42] },
    { line: 'up{a="x\\"}\\\\\\n y"} 1', row: ["up", { a: 'x"}\\\n y' }, 1, 42] },
    { line: '{"any.name", "l.x"="é", b = "" } 1', row: ["any.name", { "l.x": "é" }, 1, 42] },
    { line: 'a_bucket{le="1"} 3 # {trace="x"} 0.5 1.5', row: ["a_bucket", { le: "1" }, 3, 42] },
    { line: 'up{b="2",a="1"} 1', row: ["up", { a: "1", b: "2" }, 1, 42] },
  ])("$line", async ({ line, row }) => {
    for (let round = 0; round < 2; round++) {
      expect(await write(`\n${line}\n\n`)).toMatchObject({ samples: 1, rejected: 0 });
    }
    const [measurement, tags, value, time] = row;
    const expected = [measurement, tags, float64Text(value as number), time];
    expect(rows()).toEqual([expected, expected]);
  });

  test("OpenMetrics times are seconds", async () => {
    await write("up 1 1.5\n# EOF\n", { openMetrics: true });
    expect(recorder.rows[0]!.time).toBe(1500n);
  });

  test("a database label", async () => {
    await write("up 1", { db: "home" });
    await write("up 1");
    expect(recorder.rows.map(({ tags }) => tags["db"])).toEqual(["home", undefined]);
  });

  test.each([
    ["up", "expected a value"],
    ["up x", 'cannot parse value "x"'],
    ["up 0x10", 'cannot parse value "0x10"'],
    ["up 1 2.5", 'cannot parse time "2.5"'],
    ["up 1 2 3", "expected a value"],
    ["up 1 99999999999999", "cannot parse time"],
    ['up{a="1" 1', "labels are not closed"],
    ['up{a="1} 1', "labels are not closed"],
    ["up{a} 1", 'label "a" has no value'],
    ["up{a=1} 1", 'malformed labels at "a=1}"'],
    ['up{1a="b"} 1', "malformed labels"],
    ['up{a="1""b"="2"} 1', "malformed labels"],
    ["1up 1", 'invalid metric name "1up"'],
    ['{a="1"} 1', "series has no metric name"],
    ['up{"up"} 1', "two metric names"],
    ['up{a="1",a="2"} 1', 'the label "a" twice'],
  ])("%s is rejected, the rest stands", async (line, reason) => {
    const outcome = await write(`good 1\n${line}\ngood 2`);
    expect(outcome).toMatchObject({ samples: 2, rejected: 1 });
    expect(outcome.reasons[0]).toStartWith("line 2: ");
    expect(outcome.reasons[0]).toContain(reason);
  });

  test("a series that is no UTF-8 is rejected", async () => {
    const outcome = await write(Uint8Array.from([117, 112, 123, 97, 61, 34, 255, 34, 125, 32, 49]));
    expect(outcome.reasons).toEqual(["line 1: series is not valid UTF-8"]);
  });

  test("more lines than a batch takes; too old ones are counted", async () => {
    recorder.oldest = 10n;
    const outcome = await write(
      Array.from({ length: 40_000 }, (_, index) => `m ${index} ${index}`).join("\n"),
    );
    expect(outcome).toMatchObject({ samples: 39_990, tooOld: 10, rejected: 0 });
    expect(recorder.writes).toHaveLength(2);
  });
});

test("metadata", async () => {
  const text = [
    "# TYPE http_total counter",
    '# HELP http_total All\\nrequests \\\\ \\"x\\"',
    '# UNIT "my.metric" seconds',
    "# a comment",
    "#TYPE x gauge",
    "# EOF",
  ];
  expect(await write(text.join("\n"))).toMatchObject({ samples: 0, rejected: 0 });
  expect(metadata).toEqual([
    { family: "http_total", property: "type", value: "counter" },
    { family: "http_total", property: "help", value: 'All\nrequests \\ "x"' },
    { family: "my.metric", property: "unit", value: "seconds" },
  ]);
});

test("any text is stored or rejected", async () => {
  const part = fc.constantFrom(
    "up",
    "{",
    "}",
    '"',
    "a=",
    "\\",
    " ",
    "1",
    ",",
    "\n",
    "# ",
    "é",
    "NaN",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 30 }), async (parts) => {
      const { samples, rejected } = await write(parts.join(""));
      expect(samples + rejected).toBeLessThanOrEqual(31);
    }),
    { numRuns: 500 },
  );
});
