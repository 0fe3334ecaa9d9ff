import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { SegmentId, Sequence } from "../../../engine/base/types.ts";
import {
  type CompactionPlan,
  isContiguous,
  type PickableSegment,
  type PickableTombstone,
  pickCompaction,
  windowTicks,
} from "../../../engine/compaction/picker.ts";
import { PICKER_SCRIPT } from "./picker.script.ts";

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1 << 10, M: 1 << 20 };

/** The segments of a case; applies plans to them as the compactor would. */
class Model {
  segments: PickableSegment[] = [];
  tombstones: PickableTombstone[] = [];
  busy: Set<SegmentId> = new Set();
  settings = { partitionTicks: 10n, retentionTicks: 0n, segmentBytesMax: 100 << 20 };
  time = { now: 0n, cutoff: -(2n ** 63n), full: false };
  bytesWritten = 0;

  pick(): CompactionPlan | undefined {
    return pickCompaction(this, this.settings, this.time, this.busy);
  }

  apply(plan: CompactionPlan): void {
    const inputs = this.segments.filter((segment) => plan.inputs.includes(segment.id));
    expect(inputs.length).toBe(plan.inputs.length);
    const others = this.segments.filter((segment) => !inputs.includes(segment));
    if (plan.kind === "move") {
      this.segments = [...others, ...inputs.map((each) => ({ ...each, level: plan.level }))];
      return;
    }
    expect(isContiguous(inputs, this.segments)).toBe(true);
    const times = inputs.flatMap((each) => [each.minTime, each.maxTime]).sort((a, b) =>
      a < b ? -1 : 1
    );
    const bytes = inputs.reduce((sum, each) => sum + each.bytes, 0);
    this.bytesWritten += bytes;
    this.segments = [...others, {
      id: (Math.max(...this.segments.map((each) => each.id)) + 1) as SegmentId,
      level: plan.level,
      bytes,
      minTime: times[0]!,
      maxTime: times[times.length - 1]!,
      sequence: Math.max(...inputs.map((each) => each.sequence)) as Sequence,
      purged: Math.max(0, ...this.tombstones.map((each) => each.sequence)) as Sequence,
    }];
  }
}

function describePlan(plan: CompactionPlan | undefined): string {
  if (plan === undefined) return "nothing";
  const inputs = plan.inputs.join(" ");
  return plan.kind === "move"
    ? `move ${inputs} -> L${plan.level}`
    : `merge ${inputs} -> L${plan.level} (${plan.reason})`;
}

function runLine(model: Model, line: string): void {
  const words = line.split(" ");
  switch (words[0]) {
    case "settings":
      for (const word of words.slice(1)) setOne(model, word);
      return;
    case "segment":
      addSegment(model, line);
      return;
    case "tombstone": {
      const [, start, end, sequence] = /^tombstone (-?\d+)\.\.(-?\d+) @(\d+)$/.exec(line)!;
      model.tombstones.push({
        start: BigInt(start!),
        end: BigInt(end!),
        sequence: Number(sequence) as Sequence,
      });
      return;
    }
    default: {
      const plan = model.pick();
      expect(describePlan(plan)).toBe(line);
      if (plan !== undefined) model.apply(plan);
    }
  }
}

function setOne(model: Model, word: string): void {
  const [name, value] = word.split("=") as [string, string];
  if (name === "partition") model.settings.partitionTicks = BigInt(value);
  else if (name === "retention") model.settings.retentionTicks = BigInt(value);
  else if (name === "max") model.settings.segmentBytesMax = bytesOf(value);
  else if (name === "now") model.time.now = BigInt(value);
  else if (name === "full") model.time.full = value === "yes";
  else if (name === "cutoff") model.time.cutoff = BigInt(value);
  else throw new Error(`No setting ${name}`);
}

function bytesOf(text: string): number {
  const [, digits, unit] = /^(\d+)([KM]?)$/.exec(text)!;
  return Number(digits) * UNITS[unit!]!;
}

function addSegment(model: Model, line: string): void {
  const pattern =
    /^segment (\d+) L(\d) (-?\d+)\.\.(-?\d+) (\w+) @(\d+)(?: purged (\d+))?(?: (busy))?$/;
  const [, id, level, min, max, bytes, sequence, purged, busy] = pattern.exec(line)!;
  model.segments.push({
    id: Number(id) as SegmentId,
    level: Number(level),
    minTime: BigInt(min!),
    maxTime: BigInt(max!),
    bytes: bytesOf(bytes!),
    sequence: Number(sequence) as Sequence,
    purged: Number(purged ?? 0) as Sequence,
  });
  if (busy !== undefined) model.busy.add(Number(id) as SegmentId);
}

const CASES = PICKER_SCRIPT.split("\n# ").slice(1).map((text) => {
  const [name, ...lines] = text.trim().split("\n");
  return { name: name!, lines };
});

describe("pickCompaction", () => {
  test.each(CASES)("$name", ({ lines }) => {
    const model = new Model();
    for (const line of lines) runLine(model, line);
  });

  test("windows of every level nest and follow the retention", () => {
    const settings = { partitionTicks: 10n, retentionTicks: 0n, segmentBytesMax: 1 };
    expect([0, 1, 2].map((level) => windowTicks(level, settings))).toEqual([10n, 40n, 160n]);
    const short = { ...settings, retentionTicks: 300n };
    expect([0, 1, 2].map((level) => windowTicks(level, short))).toEqual([10n, 40n, 40n]);
  });

  test("steady ingest keeps files few and every byte is written few times", () => {
    const model = new Model();
    model.settings.partitionTicks = 1_000n;
    model.settings.segmentBytesMax = 1 << 30;
    let flushed = 0;
    let most = 0;
    const perPartition = 50;
    const partitions = 200;
    for (let i = 0; i < perPartition * partitions; i++) {
      const start = BigInt(i * 1_000 / perPartition);
      model.segments.push({
        id: (i === 0 ? 1 : Math.max(...model.segments.map((each) => each.id)) + 1) as SegmentId,
        level: 0,
        bytes: 100_000,
        minTime: start,
        maxTime: start + BigInt(1_000 / perPartition) - 1n,
        sequence: (i + 1) as Sequence,
        purged: 0 as Sequence,
      });
      flushed += 100_000;
      model.time.now = start;
      for (let plan = model.pick(); plan !== undefined; plan = model.pick()) model.apply(plan);
      most = Math.max(most, model.segments.length);
    }
    const windows = partitions / 16;
    expect(most).toBeLessThan(windows + 48);
    expect(model.bytesWritten / flushed).toBeLessThan(5);
  });

  test("random segments: plans are contiguous, reduce files or purge, and come to an end", () => {
    const segment = fc.record({
      start: fc.integer({ min: -200, max: 400 }),
      width: fc.integer({ min: 0, max: 30 }),
      bytes: fc.integer({ min: 1, max: 20_000_000 }),
      level: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(
        fc.array(segment, { maxLength: 60 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: -200, max: 400 })), {
          maxLength: 3,
        }),
        (segments, tombstones) => {
          const model = new Model();
          model.time.now = 300n;
          model.segments = segments.map((each, i) => ({
            id: (i + 1) as SegmentId,
            level: each.level,
            bytes: each.bytes,
            minTime: BigInt(each.start),
            maxTime: BigInt(each.start + each.width),
            sequence: (i + 1) as Sequence,
            purged: 0 as Sequence,
          }));
          model.tombstones = tombstones.map(([sequence, start]) => ({
            sequence: sequence as Sequence,
            start: BigInt(start),
            end: BigInt(start + 20),
          }));
          let steps = 0;
          for (let plan = model.pick(); plan !== undefined; plan = model.pick()) {
            const before = model.segments.length;
            model.apply(plan);
            if (
              plan.kind === "merge" && plan.reason !== "tombstones" && plan.reason !== "final form"
            ) {
              expect(model.segments.length).toBeLessThan(before);
            }
            steps++;
            expect(steps).toBeLessThan(300);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
