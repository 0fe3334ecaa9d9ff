/** A write that is refused or fails leaves nothing: no point, no series, no name, no bytes, now and after a restart. */
import { describe, expect, test } from "bun:test";
import type { Value } from "../../engine/query/block.ts";
import { type EngineErrorCode, isEngineError } from "../../engine/errors.ts";
import type { Row } from "../../engine/storage.ts";
import { Machine, rowAt, SECOND } from "../support/machine.ts";

const f64 = (value: number): Value => ({ kind: "f64", value });
const i64 = (value: bigint): Value => ({ kind: "i64", value });

function row(metric: string, tag: string, value: Value, second = 1): Row {
  return { metric, labels: [["tag", tag]], point: { timestamp: BigInt(second) * SECOND, value } };
}

/** Everything that a write could leave traces in. */
function footprint(machine: Machine) {
  const { storage } = machine;
  const { cardinality, log, memory, head } = storage.stats();
  return {
    series: storage.listMetrics(),
    cardinality,
    logBytes: log!.appendedBytes,
    headBytes: memory.headBytes,
    registryBytes: memory.registryBytes,
    rows: head.rows,
    names: storage.database.registry.labelNames([]),
    points: storage.selectAll("m", -(2n ** 60n), 2n ** 60n),
  };
}

const SERIES_MAX = 4;
interface Case {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly code: EngineErrorCode;
}

/** There is the metric `m` of doubles with the series a and b. */
const REFUSED: readonly Case[] = [
  {
    name: "the last row is of another family than its metric",
    rows: [row("new", "a", f64(1)), row("m", "c", f64(1)), row("m", "a", i64(1n))],
    code: "invalid",
  },
  {
    name: "two rows of one new series are of two families",
    rows: [row("new", "a", f64(1)), row("new", "a", i64(2n), 2)],
    code: "invalid",
  },
  {
    name: "two series of one new metric are of two families",
    rows: [row("new", "a", f64(1)), row("new", "b", { kind: "string", value: "x" })],
    code: "invalid",
  },
  {
    name: "the last row has a bad label",
    rows: [row("new", "a", f64(1)), { ...row("new", "b", f64(1)), labels: [["", "x"]] }],
    code: "invalid",
  },
  {
    name: "a label occurs twice",
    rows: [row("new", "a", f64(1)), { ...row("m", "a", f64(1)), labels: [["t", "1"], ["t", "1"]] }],
    code: "invalid",
  },
  {
    name: "there would be more series than allowed",
    rows: ["c", "d", "e"].map((tag) => row("m", tag, f64(1))),
    code: "limit",
  },
  {
    name: "there would be more metrics than allowed",
    rows: ["n1", "n2", "n3"].map((metric) => row(metric, "a", f64(1))),
    code: "limit",
  },
  {
    name: "the rows are more than a batch holds",
    rows: Array.from({ length: 32_769 }, (_, i) => row("new", "a", f64(1), i)),
    code: "limit",
  },
  {
    name: "the blobs are more than a batch holds",
    rows: [row("new", "a", { kind: "bytes", value: new Uint8Array(2 << 20) })],
    code: "limit",
  },
];

describe("a refused batch leaves nothing", () => {
  test.each(REFUSED)("where $name", async ({ rows, code }) => {
    const machine = await Machine.start({ seriesMax: SERIES_MAX });
    await machine.write(row("m", "a", f64(1)), row("m", "b", f64(1)));
    // The first question of some kind makes the index that answers it.
    footprint(machine);
    const before = footprint(machine);
    const error = await machine.write(...rows).catch((error: unknown) => error);
    expect(isEngineError(error, code)).toBe(true);
    expect(footprint(machine)).toEqual(before);
    // What it did not take is still to be had, and its names are free for another family.
    await machine.write(row("m", "c", f64(1)), row("new", "a", i64(1n)));
    await machine.reopen();
    expect(machine.storage.listMetrics().map(({ name }) => name)).toEqual(["m", "m", "m", "new"]);
    await machine.storage.close();
  });
});

describe("a write that the log refuses", () => {
  test.each([{ code: "ENOSPC" }, { code: "EIO" }])(
    "with $code shows nothing, now and later",
    async ({ code }) => {
      const machine = await Machine.start();
      await machine.write(rowAt(1));
      machine.disk.inject({ at: machine.disk.operations + 1, kind: "error", when: "during", code });
      const error = await machine.write(rowAt(2), rowAt(2, 1, "new")).catch((error: unknown) =>
        error
      );
      expect(isEngineError(error, "io")).toBe(true);
      expect(machine.storage.listMetrics().length).toBe(1);
      expect(machine.seconds()).toEqual([1]);
      await machine.write(rowAt(3));
      await machine.reopen();
      expect(machine.seconds()).toEqual([1, 3]);
      expect(machine.seconds("new")).toEqual([]);
      expect(machine.storage.listMetrics().length).toBe(1);
      await machine.storage.close();
    },
  );
});

describe("the family of a series stays", () => {
  test.each([
    { name: "before it is sealed", then: async () => {} },
    { name: "after a flush", then: (machine: Machine) => machine.flush() },
    { name: "after compaction", then: (machine: Machine) => machine.compact() },
    { name: "after a restart", then: (machine: Machine) => machine.reopen() },
    {
      name: "after flush and restart",
      then: async (machine: Machine) => {
        await machine.flush();
        await machine.reopen();
      },
    },
    {
      name: "after its points were deleted and purged",
      then: async (machine: Machine) => {
        await machine.storage.deleteSeries({ metric: "m" });
        await machine.compact();
      },
    },
  ])("$name", async ({ then }) => {
    const machine = await Machine.start();
    await machine.write(rowAt(1));
    await then(machine);
    const error = await machine.write(row("m", "a", i64(1n))).catch((error: unknown) => error);
    expect(isEngineError(error, "invalid")).toBe(true);
    await machine.storage.close();
  });
});
