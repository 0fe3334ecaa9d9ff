import { describe, expect, test } from "bun:test";
import {
  boundsParameters,
  durationParameter,
  FORM_BYTES_MAX,
  limitParameter,
  matchParameters,
  orderedBoundsParameters,
  parseTime,
  readParameters,
  timeParameter,
} from "../../src/http/prometheus_parameters.ts";

const FORM = "application/x-www-form-urlencoded";

function post(query: string, body: BodyInit, type = FORM): Request {
  return new Request(`http://x/p${query}`, {
    method: "POST",
    body,
    headers: { "Content-Type": type },
  });
}

describe("reading", () => {
  test("URL and form add up, the form first", async () => {
    const parameters = await readParameters(post("?match[]=a&b=1", "match[]=c%20d&b=2&e=f+g"));
    expect(parameters.getAll("match[]")).toEqual(["c d", "a"]);
    expect(parameters.get("b")).toBe("2");
    expect(parameters.get("e")).toBe("f g");
  });

  test("other bodies are not looked at", async () => {
    const parameters = await readParameters(post("?a=1", "b=2", "text/plain"));
    expect([parameters.get("a"), parameters.get("b")]).toEqual(["1", null]);
  });

  test("a form of unknown length is bounded", async () => {
    const body = new ReadableStream({
      start(controller): void {
        controller.enqueue(new Uint8Array(FORM_BYTES_MAX));
        controller.enqueue(new Uint8Array(1));
        controller.close();
      },
    });
    await expect(readParameters(post("", body))).rejects.toThrow("form body is longer than");
  });
});

describe("times", () => {
  test.each([
    ["0", 0],
    ["1435781451.781", 1435781451781],
    ["-1.5", -1500],
    ["1e3", 1_000_000],
    ["2015-07-01T20:10:51.781Z", 1435781451781],
    ["2015-07-01T22:10:51+02:00", 1435781451000],
    ["2015-07-01t20:10:51z", 1435781451000],
  ])("%s", (text, ms) => expect(parseTime(text)).toBe(ms));

  test.each([
    "",
    "x",
    "NaN",
    "Inf",
    "0x10",
    "1e300",
    "2015-07-01",
    "2015-13-01T00:00:00Z",
    "July 1 2015",
  ])(
    "%j is none",
    (text) => expect(parseTime(text)).toBeUndefined(),
  );

  test("messages name the parameter", () => {
    const parameters = new URLSearchParams("time=x&start=5&end=4");
    expect(() => timeParameter(parameters, "time", 0)).toThrow(
      `invalid parameter "time": Invalid time value for 'time': cannot parse "x" to a valid timestamp`,
    );
    expect(() => timeParameter(parameters, "time", undefined)).toThrow(
      'invalid parameter "time": cannot parse "x" to a valid timestamp',
    );
    expect(() => timeParameter(parameters, "missing", undefined)).toThrow('cannot parse ""');
    expect(timeParameter(parameters, "missing", 7)).toBe(7);
    expect(() => orderedBoundsParameters(parameters)).toThrow(
      "end timestamp must not be before start timestamp",
    );
    expect(boundsParameters(parameters)).toEqual({ startMs: 5_000, endMs: 4_000 });
  });
});

test.each([
  ["15", 15_000],
  ["0.5", 500],
  ["1h30m", 5_400_000],
  ["-5", -5_000],
  ["", undefined],
])(
  "duration %j",
  (text, ms) => expect(durationParameter(new URLSearchParams({ step: text }), "step")).toBe(ms),
);

test.each(["x", "1h 5m", "1.5h", "1e300"])(
  "duration %j is refused",
  (text) =>
    expect(() => durationParameter(new URLSearchParams({ step: text }), "step")).toThrow(
      `invalid parameter "step": cannot parse "${text}" to a valid duration`,
    ),
);

test.each([["5", 5], ["0", undefined], ["", undefined]])(
  "limit %j",
  (text, limit) => expect(limitParameter(new URLSearchParams({ limit: text }))).toBe(limit),
);

test.each(["-1", "x", "1.5"])(
  "limit %j is refused",
  (text) =>
    expect(() => limitParameter(new URLSearchParams({ limit: text }))).toThrow('parameter "limit"'),
);

describe("selectors", () => {
  test("several", () => {
    const parameters = new URLSearchParams([["match[]", 'a{b="c"}'], ["match[]", '{d!=""}']]);
    expect(matchParameters(parameters)).toEqual([
      [{ name: "__name__", operator: "=", value: "a" }, { name: "b", operator: "=", value: "c" }],
      [{ name: "d", operator: "!=", value: "" }],
    ]);
  });

  test.each(["a[5m]", "a offset 1m", "a @ 1", "a + b", "sum(a)", "{}", "1", "a smoothed", "{"])(
    "%s is refused",
    (text) =>
      expect(() => matchParameters(new URLSearchParams({ "match[]": text }))).toThrow(
        'invalid parameter "match[]"',
      ),
  );
});
