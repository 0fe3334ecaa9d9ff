import { expect, test } from "bun:test";
import { Log, type LogOptions } from "../../src/log.ts";

const START = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function open(options: Partial<LogOptions> = {}) {
  const lines: { line: string; toError: boolean }[] = [];
  let now = START;
  const log = new Log({
    level: "info",
    format: "text",
    write: (line, toError) => lines.push({ line, toError }),
    now: () => now,
    ...options,
  });
  return { log, lines, pass: (ms: number) => now += ms };
}

test("a line holds time, level, message and fields", () => {
  const { log, lines } = open();
  log.info("Serving", { http: "127.0.0.1:8086", path: 'a "b"\n', count: 3, on: true });
  expect(lines).toEqual([{
    line:
      '2026-01-02T03:04:05.678Z info Serving http=127.0.0.1:8086 path="a \\"b\\"\\n" count=3 on=true\n',
    toError: false,
  }]);
});

test("warnings and errors go to standard error; lower levels are left out", () => {
  const { log, lines } = open({ level: "warn" });
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  expect(lines.map(({ toError }) => toError)).toEqual([true, true]);
});

test("JSON", () => {
  const { log, lines } = open({ format: "json" });
  log.warn("Odd\nthing", { n: 1 });
  expect(JSON.parse(lines[0]!.line)).toEqual({
    time: "2026-01-02T03:04:05.678Z",
    level: "warn",
    message: "Odd\nthing",
    n: 1,
  });
  expect(lines[0]!.line.split("\n")).toHaveLength(2);
});

test("a message that repeats is cut; the next that passes says how many were left out", () => {
  const { log, lines, pass } = open();
  for (let index = 0; index < 50; index++) log.info("Again");
  log.info("Other");
  expect(lines).toHaveLength(21);
  pass(60_000);
  log.info("Again");
  expect(lines.at(-1)!.line).toEndWith("info Again left_out=30\n");
});

test("a line feed in a message does not make a second line", () => {
  const { log, lines } = open();
  log.info("a\nb");
  expect(lines[0]!.line).toEndWith("info a b\n");
});
