import { describe, expect, test } from "bun:test";
import { FAMILY, type FamilyCode } from "../../../engine/base/types.ts";
import { CHUNK_ROWS_MAX, EFFORT } from "../../../engine/chunk/chunk.ts";
import {
  fixedTimes,
  I64_MAX,
  I64_MIN,
  mixed,
  random,
  SPECIAL_DOUBLES,
  walk,
} from "../../support/chunk_data.ts";
import { bitsOf, type Cell, ChunkBench, type TestRows } from "../../support/chunks.ts";

const GUARD = 64;
const bench = new ChunkBench();
const { kernels } = bench;
const { exports } = kernels;

function sample(rows: number): TestRows {
  const next = random(rows);
  const jittered = fixedTimes(rows).map((time) => time + BigInt(Math.floor(next() * 1e6)) * 1000n);
  const column = (slot: number, family: FamilyCode, cells: readonly Cell[]) => ({
    slot,
    family,
    cells,
  });
  const flat = Array.from({ length: rows }, (_, i) => BigInt(i >> 9));
  const gappy = walk(rows, { step: 1, decimals: 2, seed: 1 })
    .map((bits, i) => i % 5 === 3 ? undefined : bits);
  return {
    times: jittered,
    columns: [
      column(0, FAMILY.f64, gappy),
      column(1, FAMILY.u64, flat),
      column(2, FAMILY.i64, walk(rows, { step: 3, decimals: 0, seed: 2 })),
      column(3, FAMILY.f64, walk(rows, { step: 1, decimals: 1, seed: 3 })),
      column(4, FAMILY.f64, mixed(rows, 4, SPECIAL_DOUBLES)),
      column(5, FAMILY.f64, Array.from({ length: rows }, () => bitsOf(next()))),
      column(6, FAMILY.bool, Array.from({ length: rows }, (_, i) => BigInt((i >> 4) & 1))),
      column(
        7,
        FAMILY.blob,
        gappy.map((cell, i) => cell === undefined ? undefined : Uint8Array.of(2, i % 7)),
      ),
      column(
        8,
        FAMILY.histogram,
        Array.from({ length: rows }, (_, i) => new Uint8Array(i % 9).fill(i)),
      ),
      column(
        9,
        FAMILY.i64,
        Array.from(
          { length: rows },
          (_, i) => BigInt(i) * 7_000_000_000n + BigInt(Math.floor(next() * 1e9)),
        ),
      ),
    ],
  };
}

interface Targets {
  readonly times: number;
  readonly bits: number;
  readonly presence: number;
}

function allocGuarded(bytes: number): number {
  const block = bench.alloc(bytes + 2 * GUARD);
  kernels.u8.fill(0x5a, block, block + bytes + 2 * GUARD);
  return block + GUARD;
}

/** Guard bytes around a target that are no longer what they were. */
function brokenGuards(target: number, bytes: number): number {
  let broken = 0;
  for (let i = 1; i <= GUARD; i++) {
    if (kernels.u8[target - i] !== 0x5a || kernels.u8[target + bytes + i - 1] !== 0x5a) broken++;
  }
  return broken;
}

/** Everything that the decoders say of a chunk that ends where linear memory ends. */
function readAll(bytes: Uint8Array, rows: number, targets: Targets): number[] {
  const pointer = exports.memory.buffer.byteLength - bytes.length;
  kernels.u8.set(bytes, pointer);
  const { times, bits, presence } = targets;
  const answers = [
    exports.chunkRows(pointer, bytes.length),
    exports.chunkColumns(pointer, bytes.length),
  ];
  // Targets have room for the rows of the intact chunk only; a reader asks chunkRows first.
  if (answers[0]! > rows) return answers;
  answers.push(exports.decodeTimes(pointer, bytes.length, times));
  const middle = kernels.i64[(times >> 3) + (rows >> 1)]!;
  for (let i = 0; i < 10; i++) {
    answers.push(
      exports.chunkColumn(pointer, bytes.length, i),
      exports.chunkHolds(pointer, bytes.length, i),
      exports.decodeColumn(pointer, bytes.length, i, bits, presence),
      exports.readColumn(pointer, bytes.length, i, I64_MIN, I64_MAX, times, bits),
      exports.readColumn(pointer, bytes.length, i, middle, I64_MAX, times, bits),
    );
  }
  return answers;
}

describe.each([1, 3, 130, 700, 2500])("%i rows", (rows) => {
  const intact = bench.bytesOf(bench.encode(sample(rows), EFFORT.small));
  const targets = {
    times: allocGuarded(rows * 8),
    bits: allocGuarded(rows * 8),
    presence: allocGuarded((rows + 7) >> 3),
  };
  // The last page of linear memory is not the allocator's: a read behind a chunk there traps.
  exports.memory.grow(1);
  kernels.refresh();

  function expectSafe(bytes: Uint8Array): number[] {
    const answers = readAll(bytes, rows, targets);
    expect(Math.min(...answers)).toBeGreaterThanOrEqual(-1);
    const broken = brokenGuards(targets.times, rows * 8) + brokenGuards(targets.bits, rows * 8) +
      brokenGuards(targets.presence, (rows + 7) >> 3);
    expect(broken).toBe(0);
    return answers;
  }

  test("an intact chunk at the end of memory is read", () => {
    const answers = expectSafe(intact);
    expect(answers.slice(0, 3)).toEqual([rows, 10, rows]);
    expect(answers.filter((answer) => answer === -1).length).toBe(0);
  });

  test("a chunk cut short is refused or read within its bytes", () => {
    const step = Math.max(1, intact.length >> 8);
    for (let length = 0; length < intact.length; length += step) {
      expectSafe(intact.slice(0, length));
    }
  });

  test("flipped bits never lead outside chunk and targets", () => {
    const next = random(7);
    for (let run = 0; run < 400; run++) {
      const bytes = intact.slice();
      for (let flips = 1 + Math.floor(next() * 3); flips > 0; flips--) {
        // Most flips hit heads: that is where lengths and counts are.
        const reach = next() < 0.5 ? Math.min(80, bytes.length) : bytes.length;
        const at = Math.floor(next() * reach);
        bytes[at] = bytes[at]! ^ (1 << Math.floor(next() * 8));
      }
      expectSafe(bytes);
    }
  });

  test("random bytes behind a sound head are safe", () => {
    const next = random(8);
    for (let run = 0; run < 200; run++) {
      const bytes = intact.slice();
      const from = 45 + Math.floor(next() * 40);
      for (let i = from; i < bytes.length; i++) bytes[i] = Math.floor(next() * 256);
      expectSafe(bytes);
    }
  });
});

test("a head that names more rows than a chunk may hold is refused", () => {
  const bytes = Uint8Array.of(1, 0x81, 0x40, 0, 0);
  const { pointer } = bench.place(bytes);
  expect(CHUNK_ROWS_MAX).toBe(8192);
  expect(exports.chunkRows(pointer, bytes.length)).toBe(-1);
});
