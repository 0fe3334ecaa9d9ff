/** Blocks of the engine as columns: ticks become exact times in nanoseconds, stored bytes become text. */
import type { ColumnBlock } from "../../engine/mod.ts";
import { concatColumns, type Kind } from "./columns.ts";
import { ERA_NS, instantOf, type Instants, makeInstants } from "./instants.ts";
import type { Column } from "./result.ts";
import type { Points } from "./table.ts";

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

function putTimes(times: Instants, start: number, block: ColumnBlock, nsPerTick: number): void {
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
        values: isNarrow(block.numbers) ? block.numbers : block.integers as BigInt64Array,
      };
    case "unsigned":
      return {
        kind,
        values: isNarrow(block.numbers) ? block.numbers : block.integers as BigUint64Array,
      };
    case "string":
      return { kind, values: block.blobs!.map((bytes) => decoder.decode(bytes.subarray(1))) };
  }
}

function isNarrow(numbers: Float64Array): boolean {
  let largest = 0;
  for (let i = 0; i < numbers.length; i++) largest = Math.max(largest, Math.abs(numbers[i]!));
  return largest <= Number.MAX_SAFE_INTEGER;
}
