/** SELECT INTO: what frames become when they are written back. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Database, type Family, isEngineError, type Labels } from "../../../engine/mod.ts";
import type { Target } from "../../../src/influxql/language/ast.ts";
import { columnOf } from "../../../src/influxql/values/columns.ts";
import { writeFrames } from "../../../src/influxql/select/into.ts";
import type { Column, Frame } from "../../../src/influxql/values/result.ts";
import { InfluxqlWorld } from "../../support/influxql_world.ts";

let world: InfluxqlWorld;

beforeEach(async () => {
  world = await InfluxqlWorld.open({ databases: { db0: ["week"], other: [] } });
});
afterEach(async () => await world[Symbol.asyncDispose]());

const HERE: Target = { database: "", policy: "", name: "copy" };

function frame(
  columns: Readonly<Record<string, Column>>,
  { tags, times, name = "m" }: { tags?: Labels; times?: readonly number[]; name?: string } = {},
): Frame {
  const data = Object.values(columns);
  const count = times?.length ?? data[0]!.values.length;
  return {
    name,
    tags,
    columns: ["time", ...Object.keys(columns)],
    count,
    times: { origin: 1_000n, offsets: Float64Array.from(times ?? data[0]!.values, Number) },
    data,
    continues: false,
  };
}

const floats = (...values: (number | undefined)[]) => columnOf("float", values);
const strings = (...values: (string | undefined)[]): Column => ({ kind: "string", values });
const counted = (count: number) => Array.from({ length: count }, (_, i) => i);

async function into(frames: readonly Frame[], target: Target = HERE): Promise<number> {
  return await writeFrames(world.database, frames, { target, context: world.context() });
}

/** All points as texts: label, series, field, family, times and values. */
function stored({ database }: { readonly database: Database }): string[] {
  using view = database.view({ start: -(2n ** 62n), end: 2n ** 62n });
  return view.select([]).flatMap(({ measurement, field, slot, family, sources }) =>
    [...sources].flatMap((id) => {
      const source = id as Parameters<typeof view.tagsOf>[0];
      const tags = view.tagsOf(source).map((tag) => tag.join("=")).join(",");
      return view.readBlocks({ source, slot, family }, view.range).flatMap((block) =>
        counted(block.count).map((i) => {
          const time = block.origin + BigInt(block.offsets[i]!);
          return `${measurement},${tags} ${field}=${cell(block, family, i)} ${time}`;
        })
      );
    })
  ).sort();
}

type Block = ReturnType<ReturnType<Database["view"]>["readBlocks"]>[number];

function cell(block: Block, family: Family, i: number): string {
  if (family === "blob") return `"${new TextDecoder().decode(block.blobs![i]!.subarray(1))}"`;
  if (family === "i64") return `${block.integers![i]}i`;
  return family === "u64" ? `${block.integers![i]}u` : String(block.numbers[i]);
}

describe("rows", () => {
  test("tags stay tags, all other columns become fields of their types", async () => {
    const data = {
      f: floats(1.5),
      i: columnOf("integer", [-(2n ** 63n)]),
      u: columnOf("unsigned", [2n ** 64n - 1n]),
      b: columnOf("boolean", [true]),
      host: strings("a"),
    };
    expect(await into([frame(data, { tags: [["t", "x"], ["none", ""]], times: [5] })])).toBe(1);
    expect(stored(world)).toEqual([
      "copy,db=db0,t=x b=1 1005",
      "copy,db=db0,t=x f=1.5 1005",
      'copy,db=db0,t=x host="a" 1005',
      "copy,db=db0,t=x i=-9223372036854775808i 1005",
      "copy,db=db0,t=x u=18446744073709551615u 1005",
    ]);
  });

  test("whole numbers that doubles hold", async () => {
    const large = Number.MAX_SAFE_INTEGER;
    const values = [0, 1, -1, 2 ** 32, -(2 ** 32) - 1, large, -large];
    const column: Column = { kind: "integer", values: Float64Array.from(values) };
    await into([frame({ v: column }, { times: counted(values.length) })]);
    expect(stored(world)).toEqual(
      values.map((value, i) => `copy,db=db0 v=${value}i ${1_000 + i}`).sort(),
    );
  });

  test("empty values and numbers that are none write nothing; rows without any do not count", async () => {
    const a = floats(1, undefined, NaN, 4);
    const b = floats(undefined, undefined, Infinity, 5);
    const none = floats(undefined, undefined, undefined, undefined);
    expect(await into([frame({ a, b, none }, { times: [0, 1, 2, 3] })])).toBe(2);
    expect(stored(world)).toEqual([
      "copy,db=db0 a=1 1000",
      "copy,db=db0 a=4 1003",
      "copy,db=db0 b=5 1003",
    ]);
    expect(await into([frame({ none }, { times: [0, 1, 2, 3] })])).toBe(0);
  });

  test("labels are sorted by the bytes of UTF-8", async () => {
    const tags: Labels = [["cz", "1"], ["\u{ff5e}", "2"], ["\u{1f600}", "3"]];
    await into([frame({ v: floats(1) }, { tags })]);
    world.write(["copy,cz=1,\u{ff5e}=2,\u{1f600}=3 v=2 1001"]);
    expect(await world.rows("SHOW SERIES EXACT CARDINALITY FROM copy")).toEqual(["copy 1"]);
  });

  test("more rows than a batch takes, and texts longer than it", async () => {
    const count = 30_000;
    const times = counted(count);
    expect(await into([frame({ v: floats(...times) }, { times })])).toBe(count);
    const long = "é".repeat(200_000);
    const texts = strings(long, long, long, "short");
    expect(await into([frame({ text: texts }, { times: [0, 1, 2, 3] })])).toBe(4);
    expect(stored(world).length).toBe(count + 4);
    const tooLong = frame({ text: strings("x".repeat(1 << 20)) }, { times: [0] });
    await expect(into([tooLong])).rejects.toThrow('a row of "copy" is too long');
  });

  test.each(["us", "ms", "s"] as const)("times in ticks of %s", async (timeUnit) => {
    await using coarse = await InfluxqlWorld.open({ timeUnit });
    const times = [999_999_999_000];
    const options = { target: HERE, context: coarse.context() };
    await writeFrames(coarse.database, [frame({ v: floats(1) }, { times })], options);
    const perTick = { us: 1e3, ms: 1e6, s: 1e9 }[timeUnit];
    expect(stored(coarse)).toEqual([`copy,db=db0 v=1 ${1e12 / perTick}`]);
  });
});

describe("targets", () => {
  test.each([
    [{ database: "", policy: "", name: "x" }, "x,db=db0"],
    [{ database: "", policy: "week", name: "x" }, "x,db=db0/week"],
    [{ database: "other", policy: "", name: "x" }, "x,db=other"],
    [{ database: "db0", policy: "week", name: undefined }, "m,db=db0/week"],
  ])("to %j", async (target, series) => {
    await into([frame({ v: floats(1) })], target);
    expect(stored(world)).toEqual([`${series} v=1 1001`]);
  });

  test(":MEASUREMENT keeps each source's name", async () => {
    const frames = ["a", "b"].map((name) => frame({ v: floats(1) }, { name }));
    expect(await into(frames, { ...HERE, name: undefined })).toBe(2);
    expect(stored(world)).toEqual(["a,db=db0 v=1 1001", "b,db=db0 v=1 1001"]);
  });

  test.each([
    [{ ...HERE, database: "nope" }, "database not found: nope"],
    [{ ...HERE, policy: "nope" }, "retention policy not found: nope"],
  ])("%j does not exist", async (target, message) => {
    await expect(into([frame({ v: floats(1) })], target)).rejects.toThrow(message);
  });
});

describe("failures", () => {
  test("a field of another type", async () => {
    world.write(["copy v=1i 5"]);
    await expect(into([frame({ v: floats(1) })])).rejects.toThrow(
      'partial write: field type conflict: input field "v" on measurement "copy" is type float',
    );
  });

  test("the client has gone", async () => {
    world.abort.abort(new Error("gone"));
    await expect(into([frame({ v: floats(1) })])).rejects.toThrow("gone");
    expect(stored(world)).toEqual([]);
  });

  test("a sync that fails is an error, and is waited for when reading fails first", async () => {
    const failing = Promise.reject<void>(new Error("no disk"));
    failing.catch(() => {});
    const { database } = world;
    const slow: Database = Object.assign(Object.create(database) as Database, {
      batch: database.batch,
      registry: database.registry,
      settings: database.settings,
      admit: () => undefined,
      write: () => ({ ...database.write("volatile"), done: failing }),
    });
    const options = { target: HERE, context: world.context() };
    const frames = [frame({ v: floats(1) }), frame({ v: floats(2) })];
    await expect(writeFrames(slow, frames, options)).rejects.toThrow("no disk");
  });

  test("a target that is dropped meanwhile is not made anew", async () => {
    const rows = frame({ v: floats(1, 2) });
    function* frames() {
      yield rows;
      world.catalog.remove("other");
      yield rows;
    }
    const target = { database: "other", policy: "", name: "copy" };
    const writing = writeFrames(world.database, frames(), { target, context: world.context() });
    await expect(writing).rejects.toThrow("database not found: other");
    expect(world.catalog.databases()).toEqual(["db0"]);
  });

  test("points older than the target's policy", async () => {
    const hourNs = 3_600_000_000_000;
    const nowNs = world.nowNs = BigInt(Date.now()) * 1_000_000n;
    world.expired.set("db0/week", nowNs - BigInt(2 * hourNs));
    const ages = [0, 1, 3].map((hours) => Number(nowNs) - hours * hourNs);
    const rows = frame({ v: floats(1, 2, 3) }, { times: ages });
    await expect(into([rows], { ...HERE, policy: "week" })).rejects.toThrow(
      "partial write: points beyond retention policy dropped=1",
    );
    expect(stored(world)).toHaveLength(2);
  });

  test("answers without times are not written", async () => {
    const timeless = { ...frame({ v: floats(1) }), times: undefined };
    await expect(into([timeless])).rejects.toThrow("only rows with a time can be written");
  });

  test("names that the engine refuses", async () => {
    const error = await into([frame({ v: floats(1) }, { name: "n".repeat(70_000) })], {
      ...HERE,
      name: undefined,
    }).catch((thrown: unknown) => thrown);
    expect(isEngineError(error, "invalid")).toBe(true);
  });
});
