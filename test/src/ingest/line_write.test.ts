import { describe, expect, test } from "bun:test";
import { LineWrite, type LineWriteOptions } from "../../../src/ingest/line_write.ts";
import { FakeEngine } from "../../support/fake_engine.ts";

const encoder = new TextEncoder();

function open(options: Partial<LineWriteOptions> = {}) {
  const engine = new FakeEngine();
  const { database, parser } = engine;
  let counted = 0;
  const count = (rows: number) => counted += rows;
  const line = new LineWrite({ database, parser, nowNs: () => 7n, passed: () => {}, count }, {
    unit: "ns",
    ...options,
  });
  const push = (text: string, end = false) => line.push(encoder.encode(text), end);
  return { engine, line, push, counted: () => counted };
}

describe("LineWrite", () => {
  const text = "a v=1\nbad\n# note\n\nold v=2\nc v=3";

  test("a body in one step", async () => {
    const { engine, line, counted } = open();
    await line.pushWhole(encoder.encode(text), false);
    expect(engine.stored).toEqual(["|a v=1", "|c v=3"]);
    expect(line).toMatchObject({ rows: 2, points: 2, tooOld: 1 });
    expect(line.report).toMatchObject({ malformed: 1, rejected: 0 });
    expect(counted()).toBe(2);
  });

  test("a body in pieces", () => {
    const { engine, line, push } = open();
    for (const character of text) push(character);
    push("", true);
    expect(engine.stored).toEqual(["|a v=1", "|c v=3"]);
    expect(line.report.errors.map((each) => each.line)).toEqual([2]);
  });

  test("all or nothing", async () => {
    const { engine, line } = open();
    await line.pushWhole(encoder.encode(text), true);
    expect(engine.stored).toEqual([]);
    expect(line.report.malformed).toBe(1);
  });

  test("a long body gives way between steps", async () => {
    const { engine, line } = open();
    const gates: (() => void)[] = [];
    const next = () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gates.push(resolve);
      engine.admission = promise;
    };
    next();
    const bytes = encoder.encode("m v=1\n".repeat(400_000));
    const pushed = line.push(bytes, true);
    expect(pushed).toBeInstanceOf(Promise);
    expect(engine.stored).toEqual([]);
    engine.admission = undefined;
    gates[0]!();
    await pushed;
    expect(engine.stored).toHaveLength(400_000);
    expect(engine.writes).toBeGreaterThan(2);
  });

  test("a check writes nothing and does not wait", () => {
    const { engine, line, push } = open({ checkOnly: true });
    engine.admission = new Promise(() => {});
    expect(push(text, true)).toBeUndefined();
    expect(engine.stored).toEqual([]);
    expect(line.report.malformed).toBe(1);
  });

  test("done is the newest sync; an older failure is not lost to the process", async () => {
    const { engine, line, push } = open();
    engine.sync = Promise.reject(new Error("old"));
    push("a v=1\n");
    const newest = Promise.resolve();
    engine.sync = newest;
    push("a v=2\n");
    expect(line.done).toBe(newest);
    await line.done;
  });
});
