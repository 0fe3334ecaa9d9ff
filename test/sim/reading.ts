/** Reads everything that a view shows, as texts that tell every bit apart. */
import type { TimeRange } from "../../engine/base/types.ts";
import type { Database } from "../../engine/database.ts";
import type { ColumnBlock } from "../../engine/query/block.ts";
import { timeAt } from "../../engine/query/block.ts";
import type { View } from "../../engine/query/view.ts";
import type { SeriesGroup } from "../../engine/series/registry.ts";
import type { State } from "./model.ts";

export const ALL_TIME: TimeRange = { start: -(2n ** 63n), end: 2n ** 63n - 1n };
export const EVERYTHING = [{ name: "__name__", operator: "=~", value: ".+" }] as const;

const scratch = new DataView(new ArrayBuffer(8));

/** A double as its bits. Not for NaN, whose payload does not survive as a number. */
export function textOfDouble(value: number): string {
  scratch.setFloat64(0, value);
  return `f64:${scratch.getBigUint64(0).toString(16)}`;
}

/** Doubles as their bits, payloads of NaN included. */
function textsOfDoubles(values: Float64Array): string[] {
  const { buffer, byteOffset, length } = values;
  const bits = new BigUint64Array(buffer, byteOffset, length);
  return Array.from(bits, (each) => `f64:${each.toString(16)}`);
}

export function textOfBytes(family: string, bytes: Uint8Array): string {
  return `${family}:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export function seriesText(metric: string, tags: readonly (readonly [string, string])[]): string {
  return `${metric}{${tags.map(([name, value]) => `${name}=${value}`).join(",")}}`;
}

function valueText(block: ColumnBlock, index: number): string {
  const { family } = block;
  switch (family) {
    case "i64":
    case "u64":
      return `${family}:${block.integers![index]}`;
    case "bool":
      return `bool:${block.numbers[index]}`;
    default:
      return textOfBytes(family, block.blobs![index]!);
  }
}

/** Everything in the view. Throws what reading throws, and where times do not ascend or the ways to read disagree. */
export function readAll(
  view: View,
  groups: readonly SeriesGroup[] = view.select(EVERYTHING),
): State {
  const { range } = view;
  const state: State = new Map();
  for (const group of groups) {
    for (const source of group.sources) {
      const reference = { source, slot: group.slot, family: group.family } as Parameters<
        View["readBlocks"]
      >[0];
      const blocks = view.readBlocks(reference, range);
      const series = seriesText(group.metric, view.tagsOf(reference.source));
      if (view.hasPoints(reference, range) !== blocks.length > 0) {
        throw new Error(`${series}: hasPoints says otherwise than reading`);
      }
      if (blocks.length === 0) continue;
      state.set(series, valuesOf(series, blocks));
      if (group.family === "f64") checkNumbers(view, reference, { series, blocks });
    }
  }
  return state;
}

function valuesOf(series: string, blocks: readonly ColumnBlock[]): Map<bigint, string> {
  const values = new Map<bigint, string>();
  let last: bigint | undefined;
  for (const block of blocks) {
    const doubles = block.family === "f64" ? textsOfDoubles(block.numbers) : undefined;
    for (let i = 0; i < block.count; i++) {
      const time = timeAt(block, i);
      if (last !== undefined && time <= last) throw new Error(`${series}: ${time} after ${last}`);
      last = time;
      values.set(time, doubles?.[i] ?? valueText(block, i));
    }
  }
  return values;
}

function checkNumbers(
  view: View,
  reference: Parameters<View["readNumbers"]>[0],
  expected: { readonly series: string; readonly blocks: readonly ColumnBlock[] },
): void {
  const { count, values } = view.readNumbers(reference, -Infinity, Infinity);
  const right = expected.blocks.flatMap(({ numbers }) => textsOfDoubles(numbers));
  const found = textsOfDoubles(values.subarray(0, count));
  if (right.length === found.length && right.every((text, i) => text === found[i])) return;
  throw new Error(`${expected.series}: columns of numbers differ from blocks`);
}

/** Everything that the database shows now. */
export function readDatabase(database: Database): State {
  using view = database.view(ALL_TIME);
  return readAll(view);
}

export function countPoints(state: State): number {
  let points = 0;
  for (const values of state.values()) points += values.size;
  return points;
}
