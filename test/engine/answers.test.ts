/** The same questions get the same answers, wherever the data lies: in the head, in segments, merged, after a restart. */
import { describe, expect, test } from "bun:test";
import type { Value } from "../../engine/query/block.ts";
import type { Row } from "../../engine/storage.ts";
import { Machine, SECOND } from "../support/machine.ts";
import { ManualClock } from "../support/manual_clock.ts";

type State = { readonly name: string; readonly reach: (machine: Machine) => Promise<unknown> };

/** The ways that data takes, one behind the other. */
const STATES: readonly State[] = [
  { name: "as written", reach: () => Promise.resolve() },
  { name: "after a restart", reach: (machine) => machine.reopen() },
  { name: "after a power cut", reach: (machine) => machine.powerCut() },
  { name: "after a flush", reach: (machine) => machine.flush() },
  { name: "after a restart of that", reach: (machine) => machine.reopen() },
  { name: "after compaction", reach: (machine) => machine.compact() },
  { name: "after a restart of that", reach: (machine) => machine.reopen() },
];

const DAY = 86_400n * SECOND;
const f64 = (value: number): Value => ({ kind: "f64", value });

function row(timestamp: bigint, value: Value, metric = "m"): Row {
  return { metric, point: { timestamp, value } };
}

/** Batches of rows, each of which may overwrite what earlier ones wrote, and what is to be read. */
interface Case {
  readonly name: string;
  readonly batches: readonly (readonly Row[])[];
  readonly expected: readonly (readonly [bigint, unknown])[];
}

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
const i64 = (value: bigint): Value => ({ kind: "i64", value });
const u64 = (value: bigint): Value => ({ kind: "u64", value });

const CASES: readonly Case[] = [
  {
    name: "the least i64, then the greatest, in batches of their own",
    batches: [[row(1n, i64(MIN))], [row(2n, i64(MAX))], [row(3n, i64(0n))], [row(4n, i64(MIN))]],
    expected: [[1n, MIN], [2n, MAX], [3n, 0n], [4n, MIN]],
  },
  {
    name: "the greatest u64 beside 0",
    batches: [[row(1n, u64(2n ** 64n - 1n)), row(2n, u64(0n))], [row(3n, u64(2n ** 63n))]],
    expected: [[1n, 2n ** 64n - 1n], [2n, 0n], [3n, 2n ** 63n]],
  },
  {
    name: "times at both ends of what there is",
    batches: [[row(MIN, f64(1)), row(MAX - 1n, f64(2))], [row(0n, f64(3))]],
    expected: [[MIN, 1], [0n, 3], [MAX - 1n, 2]],
  },
  {
    name: "late data between and on earlier points: the last write of a time wins",
    batches: [
      [row(10n, f64(1)), row(20n, f64(2)), row(30n, f64(3))],
      [row(20n, f64(22)), row(15n, f64(1.5))],
      [row(30n, f64(33)), row(20n, f64(222))],
    ],
    expected: [[10n, 1], [15n, 1.5], [20n, 222], [30n, 33]],
  },
  {
    name: "the same points written again",
    batches: [[row(1n, f64(1)), row(2n, f64(2))], [row(1n, f64(1)), row(2n, f64(2))]],
    expected: [[1n, 1], [2n, 2]],
  },
  {
    name: "NaN written again, and over a number, and a number over NaN",
    batches: [[row(1n, f64(NaN)), row(2n, f64(5)), row(3n, f64(NaN))], [
      row(1n, f64(NaN)),
      row(2n, f64(NaN)),
      row(3n, f64(7)),
    ]],
    expected: [[1n, NaN], [2n, NaN], [3n, 7]],
  },
  {
    name: "zeros of both signs",
    batches: [[row(1n, f64(0)), row(2n, f64(-0))], [row(3n, f64(-0))]],
    expected: [[1n, 0], [2n, -0], [3n, -0]],
  },
  {
    name: "an empty text, empty bytes and what looks like the end of either",
    batches: [[row(1n, { kind: "string", value: "" }), row(2n, { kind: "string", value: "a\0b" })]],
    expected: [[1n, ""], [2n, "a\0b"]],
  },
  {
    name: "rows over many partitions, the newest first",
    batches: [
      Array.from({ length: 40 }, (_, i) => row(BigInt(40 - i) * DAY, f64(i))),
      [row(DAY, f64(100))],
    ],
    expected: Array.from({ length: 40 }, (_, i) => [BigInt(i + 1) * DAY, i === 0 ? 100 : 39 - i]),
  },
];

describe("the answer is the same", () => {
  test.each(CASES)("for $name", async ({ batches, expected }) => {
    // With a flush behind every batch, and with none: overlap in segments, and in the head.
    for (const flushes of [false, true]) {
      const machine = await Machine.start();
      for (const batch of batches) {
        await machine.write(...batch);
        if (flushes) await machine.flush();
      }
      for (const { name, reach } of STATES) {
        await reach(machine);
        const points = machine.storage.select("m", [], MIN, MAX);
        const found = points.map(({ timestamp, value }) => [timestamp, value.value]);
        expect([name, found]).toEqual([name, expected.map((pair) => [...pair])] as never);
      }
      await machine.storage.close();
    }
  });

  test("bit for bit for NaN payloads, the mark of staleness and -0", async () => {
    const bits = [0x7ff8000000000001n, 0x7ff0000000000002n, 0xfff8123456789abcn, 1n << 63n, 0n];
    const machine = await Machine.start();
    const { database } = machine.storage;
    const source = database.registry.sourceOf("m", []);
    const slot = database.registry.slotOf(source, "value", "f64");
    database.batch.begin();
    bits.forEach((each, i) => {
      database.batch.row(source, BigInt(i));
      const bytes = new DataView(BigUint64Array.of(each).buffer);
      database.batch.float64Bytes(slot, bytes, 0);
    });
    await database.write("durable").done;
    for (const { reach } of STATES) {
      await reach(machine);
      using view = machine.storage.database.view({ start: 0n, end: 100n });
      const [group] = view.select([{ name: "__name__", operator: "=", value: "m" }]);
      const reference = {
        source: group!.sources[0] as never,
        slot: group!.slot,
        family: group!.family,
      };
      const found = view.readBlocks(reference, view.range).flatMap((
        { numbers, count },
      ) => [...new BigUint64Array(numbers!.slice().buffer).subarray(0, count)]);
      expect(found).toEqual(bits);
      view[Symbol.dispose]();
    }
    await machine.storage.close();
  });
});

test("a buffer of the caller's is emptied and filled, and left alone where the question is refused", async () => {
  const machine = await Machine.start();
  await machine.write(row(1n, f64(1)), row(2n, f64(2)));
  const into = [{ timestamp: 99n, value: f64(99) }];
  machine.storage.selectInto("m", [], { start: 0n, end: 9n }, into);
  expect(into.map(({ timestamp }) => timestamp)).toEqual([1n, 2n]);
  expect(() => machine.storage.selectInto("m", [], { start: 9n, end: 0n }, into)).toThrow();
  expect(into.length).toBe(2);
  machine.storage.selectInto("unknown", [], { start: 0n, end: 9n }, into);
  expect(into).toEqual([]);
  await machine.storage.close();
});

test("opening reads no segment: what is damaged there is found when it is asked for", async () => {
  const machine = await Machine.start();
  await machine.write(...Array.from({ length: 500 }, (_, i) => row(BigInt(i), f64(i))));
  await machine.compact();
  await machine.storage.close();
  for (const path of machine.files("segments")) {
    const file = machine.disk.memory.open(path, "write");
    file.write(new Uint8Array(file.size()).fill(0x5a), 0);
    file.close();
  }
  await machine.open();
  expect(machine.complaints).toEqual([]);
  expect(machine.storage.stats().segments.files).toBeGreaterThan(0);
  expect(machine.storage.database.registry.seriesCount).toBe(1);
  expect(() => machine.storage.select("m", [], 0n, 9n)).toThrow();
  expect(machine.complaints.join()).toContain("set aside");
  await machine.storage.close();
});

describe("periodic syncs", () => {
  test("answer appended at once; a power cut may take the end, never the middle", async () => {
    for (const outcome of ["lost", "kept"] as const) {
      const clock = new ManualClock();
      const settings = { logSyncMode: "periodic", logSyncIntervalMs: 1_000 } as const;
      const machine = await Machine.start(settings, undefined, "/data", clock);
      const first = machine.write(row(0n, f64(0)));
      clock.advance(1_000);
      await first;
      for (let i = 1; i < 20; i++) {
        const { acknowledgement } = await machine.storage.insertRows(
          [row(BigInt(i), f64(i))],
          "appended",
        );
        expect(acknowledgement).toBe("appended");
      }
      await machine.powerCut(outcome);
      const found = machine.storage.select("m", [], 0n, 99n).map(({ timestamp }) =>
        Number(timestamp)
      );
      expect(found).toEqual(Array.from({ length: found.length }, (_, i) => i));
      expect(found.length).toBeGreaterThanOrEqual(1);
      if (outcome === "kept") expect(found.length).toBe(20);
      await machine.storage.close();
    }
  });
});
