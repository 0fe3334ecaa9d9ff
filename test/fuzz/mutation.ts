/**
 * Mutations of good inputs, and the loop that feeds them to a test. Every round has a random source of its own, made of
 * the seed and the round's number, so that a failing round can be repeated: its error says how.
 *
 * Without FUZZ_SECONDS in the environment the rounds are the same at each run; with it every test goes on for that long,
 * from a seed of the clock, or from FUZZ_SEED. With FUZZ_ROUND the round of that number of FUZZ_SEED goes before them.
 */
import { SeededRandom } from "../support/seeded_random.ts";

const SECONDS = Number(process.env["FUZZ_SECONDS"] ?? 0);
const ROUND = process.env["FUZZ_ROUND"];
const SEED = Number(process.env["FUZZ_SEED"] ?? (SECONDS > 0 ? Date.now() % 0xffff_ffff : 1));

/** What a test with these rounds may take, in milliseconds. */
export const FUZZ_TIMEOUT_MS: number = 60_000 + SECONDS * 1_000;

/** Runs rounds: so many of them, or as many as fit into FUZZ_SECONDS. A failure names the seed and the round. */
export async function fuzz(
  rounds: number,
  step: (random: SeededRandom, round: number) => unknown,
): Promise<void> {
  const run = async (round: number) => {
    const random = new SeededRandom(Math.imul(SEED, 0x9e3779b1) ^ Math.imul(round, 0x85ebca6b));
    try {
      await step(random, round);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const repeat = `FUZZ_SEED=${SEED} FUZZ_ROUND=${round} bun test test/fuzz`;
      throw new Error(`${why}\nrepeat with: ${repeat}`, { cause: error });
    }
  };
  if (ROUND !== undefined) await run(Number(ROUND));
  const end = performance.now() + SECONDS * 1_000;
  for (let round = 0; SECONDS > 0 ? performance.now() < end : round < rounds; round++) {
    await run(round);
  }
}

/** Bytes that decoders tend to mistake: ends of ranges, continuation bits, separators. */
const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x22, 0x2c, 0x3d, 0x5c, 0x0a, 0x20];
const SPAN_MAX = 64;

type Mutation = (bytes: Uint8Array, random: SeededRandom, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  truncate,
  insert,
  cut,
  repeat,
  splice,
];

/** One to four mutations of bytes; spliced with `other`. Never changes its argument. */
export function mutate(
  bytes: Uint8Array,
  random: SeededRandom,
  other: Uint8Array = bytes,
): Uint8Array {
  let result = bytes;
  for (let left = 1 + random.below(4); left > 0; left--) {
    result = random.pick(MUTATIONS)(result, random, other);
  }
  return result;
}

function flipBit(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const result = bytes.slice();
  if (result.length > 0) result[random.below(result.length)]! ^= 1 << random.below(8);
  return result;
}

function setByte(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const result = bytes.slice();
  if (result.length > 0) result[random.below(result.length)] = random.pick(INTERESTING);
  return result;
}

function truncate(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  return bytes.slice(0, random.below(bytes.length + 1));
}

function insert(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const at = random.below(bytes.length + 1);
  const added = Uint8Array.from(
    { length: 1 + random.below(8) },
    () => random.below(2) === 0 ? random.pick(INTERESTING) : random.below(256),
  );
  return join(bytes.subarray(0, at), added, bytes.subarray(at));
}

function cut(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const [start, end] = span(bytes, random);
  return join(bytes.subarray(0, start), bytes.subarray(end));
}

function repeat(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const [start, end] = span(bytes, random);
  return join(bytes.subarray(0, end), bytes.subarray(start));
}

function splice(bytes: Uint8Array, random: SeededRandom, other: Uint8Array): Uint8Array {
  const [start, end] = span(other, random);
  const at = random.below(bytes.length + 1);
  // Half of the time over what stood there, so that lengths stay plausible.
  const next = random.below(2) === 0 ? at : Math.min(bytes.length, at + end - start);
  return join(bytes.subarray(0, at), other.subarray(start, end), bytes.subarray(next));
}

function span(bytes: Uint8Array, random: SeededRandom): [start: number, end: number] {
  const start = random.below(bytes.length + 1);
  return [start, start + random.below(Math.min(SPAN_MAX, bytes.length - start) + 1)];
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** Mutations of a text, of its characters and of its words. */
export function mutateText(text: string, random: SeededRandom, other: string): string {
  if (random.below(2) === 0) {
    const encoder = new TextEncoder();
    return new TextDecoder().decode(mutate(encoder.encode(text), random, encoder.encode(other)));
  }
  const words = wordsOf(text);
  const others = wordsOf(other);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const at = random.below(words.length + 1);
    words.splice(
      at,
      random.below(3),
      ...others.slice(random.below(others.length + 1)).slice(0, 1 + random.below(3)),
    );
  }
  return words.join("");
}

function wordsOf(text: string): string[] {
  return text.match(/\w+|\s+|[^\w\s]/g) ?? [];
}

/** A machine with more to do than processors may stop a call for as long. */
const MS_FLOOR = 4_000;
const MS_PER_BYTE = 0.5;

/** Fails where a call on an input of this size takes longer than a slow machine may need. */
export function checkTime(startMs: number, bytes: number): void {
  const took = performance.now() - startMs;
  if (took > MS_FLOOR + bytes * MS_PER_BYTE) {
    throw new Error(`${bytes} bytes took ${Math.round(took)} ms`);
  }
}
