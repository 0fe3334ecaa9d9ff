import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { SegmentId, Sequence } from "../../../engine/base/types.ts";
import {
  type DatedSegment,
  decideDiskLimit,
  pickExpired,
} from "../../../engine/retention/retention.ts";

/** A segment from `1@5 0..9 100`: id, sequence, bounds, bytes. */
function parse(text: string): DatedSegment {
  const [, id, sequence, min, max, bytes] = /^(\d+)@(\d+) (-?\d+)\.\.(-?\d+) (\d+)$/.exec(text)!;
  return {
    id: Number(id) as SegmentId,
    sequence: Number(sequence) as Sequence,
    minTime: BigInt(min!),
    maxTime: BigInt(max!),
    bytes: Number(bytes),
  };
}

describe("pickExpired", () => {
  test.each<
    {
      name: string;
      segments: string[];
      cutoff: bigint;
      drop: number[];
      waiting?: number;
      share?: number;
    }
  >(
    [
      { name: "nothing is there", segments: [], cutoff: 10n, drop: [] },
      {
        name: "the last time counts",
        segments: ["1@1 0..9 1", "2@2 0..10 9"],
        cutoff: 10n,
        drop: [1],
      },
      {
        name: "the oldest go first, all of them",
        segments: ["1@1 30..39 20", "2@2 0..9 20", "3@3 90..99 1"],
        share: 1,
        cutoff: 50n,
        drop: [2, 1],
      },
      {
        name: "after a jump the oldest go first, a quarter of the bytes an hour",
        segments: [
          "1@1 30..39 20",
          "2@2 0..9 20",
          "3@3 10..19 5",
          "4@4 20..29 20",
          "5@5 90..99 35",
        ],
        cutoff: 50n,
        drop: [2, 3],
        waiting: 2,
      },
      {
        name: "one goes in any case",
        segments: ["1@1 0..9 90", "2@2 10..19 10"],
        cutoff: 50n,
        drop: [1],
        waiting: 1,
      },
      {
        name: "one that overwrites a living one waits",
        segments: ["1@1 0..100 900", "2@2 0..9 10"],
        cutoff: 50n,
        drop: [],
        waiting: 1,
      },
      {
        name: "one that a living one overwrites goes",
        segments: ["1@2 0..100 900", "2@1 0..9 10"],
        cutoff: 50n,
        drop: [2],
      },
      {
        name: "one that overwrites an expired one takes it along",
        segments: ["1@1 0..30 10", "2@2 0..9 10", "3@3 90..99 900"],
        cutoff: 50n,
        drop: [2, 1],
      },
    ],
  )("$name", ({ segments, cutoff, drop, waiting = 0, share = 0.25 }) => {
    const decision = pickExpired(segments.map(parse), {
      cutoff,
      monotonicMs: 0,
      budget: undefined,
      share,
    });
    expect(decision.drop.map(Number)).toEqual(drop);
    expect(decision.waiting).toBe(waiting);
  });

  test("without a bound more goes in an hour than was stored when it began", () => {
    let budget;
    for (let minute = 0; minute < 10; minute++) {
      const segments = [parse(`${minute + 1}@${minute + 1} 0..900 100`)];
      const given = { cutoff: 1_000n, monotonicMs: minute * 60_000, budget, share: 1 };
      const decision = pickExpired(segments, given);
      expect(decision.drop.map(Number)).toEqual([minute + 1]);
      budget = decision.budget;
    }
  });

  test("the share is that of an hour, not of a call", () => {
    let segments = Array.from({ length: 100 }, (_, i) => parse(`${i + 1}@${i + 1} ${i}..${i} 10`));
    let budget;
    const left: number[] = [];
    for (let minute = 0; minute < 240; minute += 10) {
      const given = { cutoff: 1_000n, monotonicMs: minute * 60_000, budget, share: 0.25 };
      const decision = pickExpired(segments, given);
      budget = decision.budget;
      segments = segments.filter(({ id }) => !decision.drop.includes(id));
      if (minute % 60 === 0) left.push(segments.length);
    }
    expect(left).toEqual([75, 57, 43, 33]);
  });
});

describe("decideDiskLimit", () => {
  const evict = "evict-oldest" as const;
  const readOnly = "read-only" as const;
  const segments = ["1@1 0..9 100", "2@2 10..19 100", "3@3 20..29 100"];
  test.each<{
    name: string;
    used: number;
    limit: number;
    action: typeof evict | typeof readOnly;
    isReadOnly?: boolean;
    wanted: string;
    of?: string[];
  }>([
    { name: "no limit", used: 1e9, limit: 0, action: evict, wanted: "fits" },
    { name: "at the limit", used: 400, limit: 400, action: evict, wanted: "fits" },
    { name: "above: the oldest goes", used: 401, limit: 400, action: evict, wanted: "evict 1" },
    { name: "down to the low mark", used: 550, limit: 400, action: evict, wanted: "evict 1 2" },
    {
      name: "all and still too much",
      used: 999,
      limit: 400,
      action: evict,
      wanted: "evict 1 2 3 read-only",
    },
    { name: "nothing to evict", used: 999, limit: 400, action: evict, wanted: "read-only", of: [] },
    {
      name: "above, read-only asked for",
      used: 401,
      limit: 400,
      action: readOnly,
      wanted: "read-only",
    },
    {
      name: "read-only until the low mark",
      used: 390,
      limit: 400,
      action: readOnly,
      isReadOnly: true,
      wanted: "read-only",
    },
    {
      name: "writing again below it",
      used: 380,
      limit: 400,
      action: readOnly,
      isReadOnly: true,
      wanted: "fits",
    },
    {
      name: "what it overwrites goes along",
      used: 401,
      limit: 400,
      action: evict,
      wanted: "evict 2 1",
      of: ["1@1 0..50 20", "2@2 0..9 20", "3@3 0..60 100"],
    },
  ])("$name", ({ used, limit, action, isReadOnly = false, wanted, of = segments }) => {
    const decision = decideDiskLimit(of.map(parse), {
      usedBytes: used,
      limitBytes: limit,
      action,
      isReadOnly,
    });
    const text = decision.kind === "evict"
      ? `evict ${decision.drop.join(" ")}${decision.readOnly ? " read-only" : ""}`
      : decision.kind;
    expect(text).toBe(wanted);
  });
});

test("what stays never lost a newer version of itself", () => {
  const part = fc.tuple(fc.nat(50), fc.nat(20), fc.integer({ min: 1, max: 100 }));
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 20 }),
      fc.nat(80),
      fc.nat(2_000),
      (parts, cutoff, limit) => {
        const segments = parts.map(([min, width, bytes], i) =>
          parse(`${i + 1}@${i + 1} ${min}..${min + width} ${bytes}`)
        );
        const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
        const expiry = pickExpired(segments, {
          cutoff: BigInt(cutoff),
          monotonicMs: 0,
          budget: undefined,
          share: 1,
        });
        const disk = decideDiskLimit(segments, {
          usedBytes: total,
          limitBytes: limit,
          action: "evict-oldest",
          isReadOnly: false,
        });
        for (const drop of [expiry.drop, disk.kind === "evict" ? disk.drop : []]) {
          expect(new Set(drop).size).toBe(drop.length);
          const gone = segments.filter(({ id }) => drop.includes(id));
          for (const stays of segments.filter(({ id }) => !drop.includes(id))) {
            for (const newer of gone) {
              const meets = stays.minTime <= newer.maxTime && stays.maxTime >= newer.minTime;
              expect(meets && newer.sequence > stays.sequence).toBe(false);
            }
          }
        }
      },
    ),
  );
});
