import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Labels } from "../../../engine/base/types.ts";
import { isEngineError } from "../../../engine/errors.ts";
import { Kernels } from "../../../engine/kernels/kernels.ts";
import { Registry } from "../../../engine/series/registry.ts";
import { describeDefinitions } from "../../../engine/series/describe_definitions.ts";
import { registryContents as contents } from "../../support/registry_contents.ts";
import { type Addition, addition, fill } from "../../support/registry_data.ts";

const newRegistry = (): Registry => new Registry(new Kernels());

function idsOf(registry: Registry): Uint32Array {
  return Uint32Array.from({ length: registry.sourceCount }, (_, i) => i + 1);
}

function corruption(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isEngineError(error, "corrupt") ? error.message : `not corrupt: ${String(error)}`;
  }
  return "nothing thrown";
}

const additions = fc.array(addition, { maxLength: 40 });

describe("encode and apply", () => {
  test("give back sources, fields, families and seen slots", () => {
    fc.assert(fc.property(additions, (given) => {
      const registry = newRegistry();
      for (const each of given) fill(registry, each);
      const block = registry.encode(idsOf(registry));
      const other = newRegistry();
      other.apply(block);
      expect(contents(other)).toEqual(contents(registry));
      other.apply(block);
      expect(contents(other)).toEqual(contents(registry));
      expect(other.seriesCount).toBe(registry.seriesCount);
      expect(other.takeUnlogged()).toBe(undefined);
    }));
  });

  test("say what a plain reading of the bytes says", () => {
    fc.assert(
      fc.property(additions, (given) => {
        const registry = newRegistry();
        for (const each of given) fill(registry, each);
        const texts = describeDefinitions(registry.encode(idsOf(registry)))
          .map(({ text }) => text).filter((text) => text.startsWith("source"));
        const expected = contents(registry).filter((line) => /^\[\d/.test(line)).map((line) => {
          const [id, tags, slots] = JSON.parse(line) as [number, Labels, number[]];
          const pairs = tags.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",");
          return [`source ${id} `, ` {${pairs}} slots [${slots.join(",")}]`];
        });
        expect(texts.length).toBe(expected.length);
        for (const [start, end] of expected) {
          expect(texts.some((text) => text.startsWith(start!) && text.endsWith(end!))).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("a block of some sources is enough for them", () => {
    const registry = newRegistry();
    fill(registry, { measurement: "a", tags: [["host", "1"]], fields: ["x", "y", "value"] });
    fill(registry, { measurement: "b", tags: [["host", "1"]], fields: ["z"] });
    fill(registry, { measurement: "a", tags: [["db", "d"], ["host", "1"]], fields: ["w"] });
    fill(registry, { measurement: "a", tags: [["host", "2"]], fields: ["value"] });
    const other = newRegistry();
    other.apply(registry.encode(Uint32Array.of(4)));
    expect(contents(other)).toEqual([
      '[4,[["host","2"]],[2]]',
      "[[],[97],0,1,[120]]",
      "[[],[97],1,1,[121]]",
      "[[],[97],2,1,[118,97,108,117,101]]",
    ]);
    other.apply(registry.encode(Uint32Array.of(1, 2, 3)));
    expect(contents(other)).toEqual(contents(registry));
  });

  test("slots beyond 64 and with gaps are kept", () => {
    const registry = newRegistry();
    const source = registry.sourceOf("wide", [["host", "a"]]);
    const dense = registry.sourceOf("wide", [["host", "b"]]);
    for (let slot = 0; slot < 300; slot++) {
      registry.slotOf(source, `f${slot}`, "i64");
      if (slot % 7 === 3) registry.kernels.exports.markSeen(source, slot);
      if (slot < 64) registry.kernels.exports.markSeen(dense, slot);
    }
    const other = newRegistry();
    other.apply(registry.encode(Uint32Array.of(1, 2)));
    expect(contents(other)).toEqual(contents(registry));
  });

  test("values that begin like the one before are short", () => {
    const registry = newRegistry();
    for (let i = 0; i < 1_000; i++) {
      const tags: Labels = [["app", "frontend"], ["pod", `frontend-5d9c7b-${i % 1000}`]];
      fill(registry, { measurement: `m${i % 1}`, tags, fields: ["value"] });
    }
    expect(registry.encode(idsOf(registry)).length).toBeLessThan(1_000 * 11);
  });
});

describe("what is not yet logged", () => {
  test("is given once, after markLogged no more, and again when the log refused it", () => {
    const registry = newRegistry();
    expect(registry.takeUnlogged()).toBe(undefined);
    fill(registry, { measurement: "cpu", tags: [["host", "a"]], fields: ["x"] });
    const first = registry.takeUnlogged();
    expect(registry.takeUnlogged()).toEqual(first);
    registry.markLogged();
    expect(registry.takeUnlogged()).toBe(undefined);
    registry.slotOf(registry.findSource("cpu", [["host", "a"]]), "y", "f64");
    const second = registry.takeUnlogged()!;
    fill(registry, { measurement: "cpu", tags: [["host", "b"]], fields: ["y"] });
    registry.markLogged();
    const third = registry.takeUnlogged()!;
    registry.markLogged();
    const other = newRegistry();
    for (const block of [first!, second, third]) other.apply(block);
    expect(contents(other)).toEqual(contents(registry));
  });

  test("the blocks of any sequence of steps add up to the registry", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(addition, fc.constant("take" as const)), { maxLength: 50 }), (
        steps,
      ) => {
        const registry = newRegistry();
        const log: Uint8Array[] = [];
        const seen: Addition[] = [];
        for (const step of [...steps, "take" as const]) {
          if (step !== "take") {
            fill(registry, step);
            seen.push(step);
            continue;
          }
          const block = registry.takeUnlogged();
          if (block !== undefined) log.push(block);
          registry.markLogged();
        }
        const other = newRegistry();
        for (const block of log) other.apply(block);
        // Slots seen after a definition was logged come back by replaying the rows.
        for (const each of seen) fill(other, each);
        expect(contents(other)).toEqual(contents(registry));
        expect(other.takeUnlogged()).toBe(undefined);
      }),
    );
  });
});

describe("changes since the last checkpoint", () => {
  const changesOf = (registry: Registry) => [...registry.definitions.changes()];

  test("are new sources, new slots of old ones, and new fields", () => {
    const registry = newRegistry();
    const a = fill(registry, { measurement: "cpu", tags: [["host", "a"]], fields: ["x"] });
    fill(registry, { measurement: "cpu", tags: [["host", "b"]], fields: ["x"] });
    const other = newRegistry();
    for (const block of changesOf(registry)) other.apply(block);
    expect(changesOf(registry)).toEqual([]);
    registry.slotOf(a, "y", "f64");
    const fields = changesOf(registry);
    expect(fields).toHaveLength(1);
    for (const block of fields) other.apply(block);
    registry.kernels.exports.markSeen(a, 1);
    const seen = changesOf(registry);
    expect(seen).toHaveLength(1);
    for (const block of seen) other.apply(block);
    expect(contents(other)).toEqual(contents(registry));
    registry.definitions.forgetCheckpoint();
    const whole = newRegistry();
    for (const block of changesOf(registry)) whole.apply(block);
    expect(contents(whole)).toEqual(contents(registry));
    registry.definitions.forgetCheckpoint();
    registry.definitions.trustCheckpoint();
    expect(changesOf(registry)).toEqual([]);
  });
});

describe("damage", () => {
  const sample = () => {
    const registry = newRegistry();
    fill(registry, { measurement: "cpu", tags: [["db", "x"], ["host", "a"]], fields: ["usage"] });
    fill(registry, { measurement: "cpu", tags: [["db", "x"], ["host", "ab"]], fields: ["value"] });
    fill(registry, { measurement: "disk", tags: [["host", "é"]], fields: ["note", "c"] });
    return registry.encode(Uint32Array.of(1, 2, 3));
  };

  test("every shortened block is refused", () => {
    const block = sample();
    for (let bytes = 0; bytes < block.length; bytes++) {
      expect(corruption(() => newRegistry().apply(block.subarray(0, bytes)))).toContain(
        "Cannot apply definitions",
      );
    }
  });

  test("every changed byte is refused or means something else that is sound", () => {
    const block = sample();
    for (let at = 0; at < block.length; at++) {
      for (const flip of [1, 0x80]) {
        const changed = block.slice();
        changed[at]! ^= flip;
        const registry = newRegistry();
        const message = corruption(() => registry.apply(changed));
        if (message === "nothing thrown") expect(registry.sourceCount).toBe(3);
        else expect(message).toContain("Cannot apply definitions");
        expect(registry.select([]).length).toBeLessThan(10);
      }
    }
  });

  test("random bytes never do more than throw corrupt", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const block = Uint8Array.from([1, ...bytes]);
        const message = corruption(() => newRegistry().apply(block));
        expect(message).not.toContain("not corrupt");
      }),
      { numRuns: 300 },
    );
  });

  const cpu = (host: string, fields: string[]): Addition => ({
    measurement: "cpu",
    tags: [["host", host]],
    fields,
  });

  test.each([
    { name: "another family", known: [cpu("a", ["value"])], change: "family" },
    { name: "another name in a slot", known: [cpu("a", ["usage"])], change: "" },
    { name: "another source with the id", known: [cpu("z", ["value"])], change: "" },
    { name: "another id of the source", known: [cpu("z", []), cpu("a", ["value"])], change: "" },
  ])("contradictions are refused: $name", ({ known, change }) => {
    const registry = newRegistry();
    fill(registry, cpu("a", ["value"]));
    const block = registry.encode(Uint32Array.of(1));
    const other = newRegistry();
    for (const each of known) fill(other, each);
    const expected = contents(other);
    if (change === "family") block[block.indexOf(118) - 2] = 2;
    expect(corruption(() => other.apply(block))).toMatch(
      /^Cannot apply definitions: a (field|source) contradicts .* at byte \d+$/,
    );
    expect(contents(other)).toEqual(expected);
  });

  test("fields after a gap and ids out of reach are refused", () => {
    const registry = newRegistry();
    fill(registry, cpu("a", ["value"]));
    registry.takeUnlogged();
    registry.markLogged();
    registry.slotOf(registry.findSource("cpu", [["host", "a"]]), "later", "f64");
    expect(corruption(() => newRegistry().apply(registry.takeUnlogged()!))).toContain("a field");
    const block = Uint8Array.of(1, 1, 0, 1, 109, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 15, 0, 0, 0);
    expect(corruption(() => newRegistry().apply(block))).toContain("a source");
  });
});
