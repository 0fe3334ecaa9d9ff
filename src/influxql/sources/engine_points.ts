/** What the engine reads as columns: ticks become exact times in nanoseconds, stored bytes become text. */
import type { ColumnBlock, NumberColumn } from "../../../engine/mod.ts";
import { areWhole, concatColumns, type Kind } from "../values/columns.ts";
import { ERA_NS, instantOf, type Instants, makeInstants } from "../values/instants.ts";
import type { Column } from "../values/result.ts";
import type { Points } from "../values/table.ts";

export interface BlockSettings {
  readonly kind: Kind;
  readonly nsPerTick: number;
}

const decoder = new TextDecoder();

export function pointsOf(blocks: readonly ColumnBlock[], settings: BlockSettings): Points {
  const count = blocks.reduce((sum, block) => sum + block.count, 0);
  const times = makeInstants(count);
  let at = 0;
  for (const block of blocks) {
    putTimes(times, at, block, settings.nsPerTick);
    at += block.count;
  }
  const columns = blocks.map((block) => columnOfBlock(block, settings.kind));
  return { times, column: concatColumns(columns) };
}

export interface NumberSettings extends BlockSettings {
  /** Ticks that the column's times are after. */
  readonly origin: bigint;
  /** Times that these may be the same as: then they are taken. */
  readonly other: Instants | undefined;
}

/** Points that were read as doubles, copied; undefined where doubles do not hold them. */
export function pointsOfNumbers(
  { count, times: offsets, values, areSmallIntegers }: NumberColumn,
  { kind, nsPerTick, origin, other }: NumberSettings,
): Points | undefined {
  if (kind === "string") return undefined;
  const isWhole = kind === "integer" || kind === "unsigned";
  if (isWhole && !areSmallIntegers && !areWhole(values)) return undefined;
  const column: Column = kind === "boolean"
    ? { kind, values: Uint8Array.from(values) }
    : { kind, values: values.slice() };
  const { era, offset } = instantOf(origin * BigInt(nsPerTick));
  const isOneEra = offsets[count - 1]! * nsPerTick < ERA_NS - offset;
  if (isOneEra && other !== undefined && areSame(other, { era, offset, nsPerTick, offsets })) {
    return { times: other, column };
  }
  const times = makeInstants(count);
  if (isOneEra) {
    times.eras.fill(era);
    for (let i = 0; i < count; i++) times.offsets[i] = offsets[i]! * nsPerTick + offset;
  } else {
    putTimes(times, 0, { count, offsets, origin }, nsPerTick);
  }
  return { times, column };
}

interface OneEra {
  readonly era: number;
  readonly offset: number;
  readonly nsPerTick: number;
  readonly offsets: Float64Array;
}

function areSame({ eras, offsets: others }: Instants, own: OneEra): boolean {
  const { era, offset, nsPerTick, offsets } = own;
  const count = offsets.length;
  if (eras.length !== count || eras[0] !== era || eras[count - 1] !== era) return false;
  for (let i = 0; i < count; i++) {
    if (others[i]! !== offsets[i]! * nsPerTick + offset) return false;
  }
  return true;
}

function putTimes(
  times: Instants,
  start: number,
  block: Pick<ColumnBlock, "count" | "offsets" | "origin">,
  nsPerTick: number,
): void {
  const { count, offsets } = block;
  const { eras, offsets: target } = times;
  const factor = BigInt(nsPerTick);
  for (let i = 0; i < count;) {
    // One run in each era: what lies before it is taken off first, so that all sums are exact.
    const skipped = offsets[i]!;
    const { era, offset } = instantOf((block.origin + BigInt(skipped)) * factor);
    const room = (ERA_NS - offset) / nsPerTick;
    for (; i < count && offsets[i]! - skipped < room; i++) {
      eras[start + i] = era;
      target[start + i] = (offsets[i]! - skipped) * nsPerTick + offset;
    }
  }
}

function columnOfBlock(block: ColumnBlock, kind: Kind): Column {
  switch (kind) {
    case "float":
      return { kind, values: block.numbers };
    case "boolean":
      return { kind, values: Uint8Array.from(block.numbers) };
    case "integer":
      return {
        kind,
        values: areWhole(block.numbers) ? block.numbers : block.integers as BigInt64Array,
      };
    case "unsigned":
      return {
        kind,
        values: areWhole(block.numbers) ? block.numbers : block.integers as BigUint64Array,
      };
    case "string":
      return { kind, values: block.blobs!.map((bytes) => decoder.decode(bytes.subarray(1))) };
  }
}
