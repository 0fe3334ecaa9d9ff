import { describe, expect, test } from "bun:test";
import { LineWrite, type LineWriteOptions } from "../../../src/ingest/line_write.ts";
import { FakeEngine, type FakeEngineOptions } from "../../support/fake_engine.ts";

const encoder = new TextEncoder();

function open(options: FakeEngineOptions = {}, write: Partial<LineWriteOptions> = {}) {
  const engine = new FakeEngine({ windowBytes: 64, ...options });
  const { database, scanner } = engine;
  const parts = {
    database,
    scanner,
    nowNs: () => 7n,
    count: () => {},
    countRefused: () => {},
  };
  const line = new LineWrite(parts, { precision: "ns", ...write });
  return {
    engine,
    line,
    push: (text: string, end = false) => line.push(encoder.encode(text), end),
  };
}

describe("LineWrite", () => {
  const text = 'a v=1 1\nb v="x\ny" 2\nbad\n# note\n\nc v=3 3';
  const stored = ["|a v=1 1", '|b v="x\ny" 2', "|c v=3 3"];

  test("a body in one piece", () => {
    const { engine, line, push } = open();
    expect(push(text, true)).toBeUndefined();
    expect(engine.stored).toEqual(stored);
    expect(line.outcome).toMatchObject({ rows: 3, points: 3, refused: { malformed: 1 } });
    expect(line.outcome.first).toEqual([
      { kind: "malformed", line: 3, text: "bad", reason: "missing fields" },
    ]);
  });

  test("split at every byte, the same lines are stored and numbered", () => {
    for (let cut = 0; cut <= text.length; cut++) {
      const { engine, line, push } = open();
      push(text.slice(0, cut));
      push(text.slice(cut));
      push("", true);
      expect(engine.stored).toEqual(stored);
      expect(line.outcome.first.map((each) => each.line)).toEqual([3]);
    }
  });

  test.each([8, 9, 13, 20, 64])("a window of %d bytes", (windowBytes) => {
    const lines = Array.from({ length: 50 }, (_, index) => `m v=${index}`);
    const { engine, push } = open({ windowBytes });
    push(lines.join("\n"), true);
    expect(engine.stored).toEqual(lines.map((each) => `|${each}`));
  });

  test("a full batch is written and the rest follows", () => {
    const lines = Array.from({ length: 10 }, (_, index) => `m v=${index}`);
    const { engine, push } = open({ batchRows: 3 });
    push(`${lines.join("\n")}\n`);
    expect(engine.stored).toHaveLength(10);
    expect(engine.writes).toBe(4);
  });

  test("a line beyond the limit is skipped to its end; its neighbours stand", () => {
    const long = "x".repeat(100);
    for (let cut = 0; cut <= 110; cut++) {
      const { engine, line, push } = open();
      const whole = `a v=1\n${long}\nb v=2\n`;
      push(whole.slice(0, cut));
      push(whole.slice(cut));
      expect(engine.stored).toEqual(["|a v=1", "|b v=2"]);
      expect(line.outcome.refused.too_long).toBe(1);
      expect(line.outcome.first[0]?.line).toBe(2);
    }
  });

  test("a quote that is never closed costs its own line only, once the limit is reached", () => {
    const { engine, line, push } = open();
    push('a v="open\n');
    for (let index = 0; index < 20; index++) push(`m v=${index}\n`);
    expect(line.outcome.refused.too_long).toBe(1);
    expect(engine.stored.length).toBeGreaterThan(10);
    expect(engine.stored[0]).toBe("|m v=0");
  });

  test("waits for admission before it scans", async () => {
    const { engine, push } = open();
    const gate = Promise.withResolvers<void>();
    engine.admission = gate.promise;
    const wait = push("a v=1\n");
    expect(wait).toBeInstanceOf(Promise);
    expect(engine.stored).toEqual([]);
    engine.admission = undefined;
    gate.resolve();
    await wait;
    expect(engine.stored).toEqual(["|a v=1"]);
  });

  test("a dry run writes nothing and counts the bad lines", () => {
    const { engine, line, push } = open({}, { dry: true });
    push(text, true);
    expect(engine.stored).toEqual([]);
    expect(line.outcome.refused.malformed).toBe(1);
  });

  test.each<{ text: string; taken: boolean; stored: string[]; malformed: number }>([
    { text: "a v=1\nb v=2", taken: true, stored: ["|a v=1", "|b v=2"], malformed: 0 },
    { text: "a v=1\nbad\nb v=2", taken: true, stored: [], malformed: 1 },
    { text: "a v=1\nb v=2\nc v=3\nd v=4", taken: false, stored: [], malformed: 0 },
    { text: "", taken: true, stored: [], malformed: 0 },
  ])("pushWhole takes $text", async ({ text, taken, stored, malformed }) => {
    const { engine, line } = open({ batchRows: 3 });
    expect(await line.pushWhole(encoder.encode(text))).toBe(taken);
    expect(engine.stored).toEqual(stored);
    expect(line.outcome.refused.malformed).toBe(malformed);
  });
});
