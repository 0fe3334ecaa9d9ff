/** Columns of integers, read in plain TypeScript: numbers.ts, runs.ts, bits.ts, entropy.ts and huffman.ts of the kernels. */
import { MalformedError } from "../base/bytes.ts";
import { type Note, PlainBytes } from "./plain_bytes.ts";

const RUN_ROWS = 128;
const BLOCK_ROWS = 2_048;
const LENGTH_MAX = 10;

/** Number `i` of a packed run: lane i & 3, bit (i >> 2) * width of the lane's stream. */
function packedAt(bytes: Uint8Array, i: number, width: number): bigint {
  let value = 0n;
  for (let b = 0; b < width; b++) {
    const bit = (i >> 2) * width + b;
    const byte = (bit >> 5) * 16 + (i & 3) * 4 + ((bit & 31) >> 3);
    value |= BigInt((bytes[byte]! >> (bit & 7)) & 1) << BigInt(b);
  }
  return value;
}

function bitsAt(bytes: Uint8Array, start: number, width: number): bigint {
  let value = 0n;
  for (let b = 0; b < width; b++) {
    const bit = start + b;
    value |= BigInt((bytes[bit >> 3]! >> (bit & 7)) & 1) << BigInt(b);
  }
  return value;
}

function unpack(reader: PlainBytes, count: number, width: number): bigint[] {
  if (count < RUN_ROWS) {
    const bytes = reader.take((count * width + 7) >> 3);
    return Array.from({ length: count }, (_, i) => bitsAt(bytes, i * width, width));
  }
  const bytes = reader.take(width * 16);
  if (width <= 32) return Array.from({ length: count }, (_, i) => packedAt(bytes, i, width));
  const high = bytes.subarray(RUN_ROWS * 4);
  return Array.from(
    { length: count },
    (_, i) => bitsAt(bytes, i * 32, 32) | (packedAt(high, i, width - 32) << 32n),
  );
}

/** Sums up differences; the first number is given, what stands for its difference is ignored. */
function summed(first: bigint, steps: readonly bigint[]): bigint[] {
  let sum = first;
  return steps.map((step, i) => i === 0 ? sum : sum = BigInt.asUintN(64, sum + step));
}

function readRun(reader: PlainBytes, count: number, note: Note): bigint[] {
  const { at } = reader;
  const head = reader.byte();
  const code = head & 63;
  if (code > 61 && code !== 63) throw new MalformedError(`width ${code}`);
  const width = code === 63 ? 64 : code;
  const isDelta = (head & 64) !== 0;
  const base = reader.varint();
  const step = isDelta ? reader.signed() : 0n;
  const packed = unpack(reader, count < RUN_ROWS && isDelta ? count - 1 : count, width);
  if (count < RUN_ROWS && isDelta) packed.unshift(0n);
  let patches = 0;
  if ((head & 128) !== 0) {
    if (count < RUN_ROWS) throw new MalformedError("patches of a short run");
    patches = reader.byte();
    for (const place of reader.take(patches)) {
      packed[place & 127]! += reader.signed() << BigInt(width);
    }
  }
  note(
    at,
    `    run of ${count}: width ${width}, ${
      isDelta ? `differences from ${step}, first` : "base"
    } ${base}` +
      (patches > 0 ? `, ${patches} patches` : ""),
  );
  if (isDelta) return summed(base, packed.map((number) => number + step));
  return packed.map((number) => BigInt.asUintN(64, base + number));
}

function readRuns(reader: PlainBytes, count: number, note: Note): bigint[] {
  const numbers: bigint[] = [];
  while (numbers.length < count) {
    const left = count - numbers.length;
    if (reader.peek() !== 62) {
      for (const number of readRun(reader, Math.min(RUN_ROWS, left), note)) numbers.push(number);
      continue;
    }
    const { at } = reader;
    reader.byte();
    const number = reader.varint();
    const rows = reader.count(left);
    if (rows === 0 || (rows % RUN_ROWS !== 0 && rows < left)) {
      throw new MalformedError(`a stretch of ${rows}`);
    }
    note(at, `    stretch of ${rows}: ${number}`);
    for (let i = 0; i < rows; i++) numbers.push(number);
  }
  return numbers;
}

/** Symbols by length and word; words are canonical, their first bit comes first. */
function codeOf(lengths: readonly number[]): Map<string, number> {
  const code = new Map<string, number>();
  let word = 0;
  let room = 1 << LENGTH_MAX;
  for (let length = 1; length <= LENGTH_MAX; length++) {
    for (const [symbol, own] of lengths.entries()) {
      if (own !== length) continue;
      code.set(word.toString(2).padStart(length, "0"), symbol);
      word++;
      room -= 1 << (LENGTH_MAX - length);
    }
    word <<= 1;
  }
  if (room !== 0 || lengths.some((length) => length > LENGTH_MAX)) {
    throw new MalformedError("an incomplete code");
  }
  return code;
}

function readStream(bytes: Uint8Array, count: number, code: Map<string, number>): number[] {
  const symbols: number[] = [];
  let bit = 0;
  while (symbols.length < count) {
    let word = "";
    let symbol: number | undefined;
    while (symbol === undefined) {
      if (bit >= bytes.length * 8) throw new MalformedError("a stream too short");
      word += String((bytes[bit >> 3]! >> (bit & 7)) & 1);
      bit++;
      symbol = code.get(word);
    }
    symbols.push(symbol);
  }
  if ((bit + 7) >> 3 !== bytes.length) throw new MalformedError("a stream too long");
  return symbols;
}

interface Body {
  readonly lowBits: number;
  readonly isDelta: boolean;
  readonly hasEscapes: boolean;
  readonly low: bigint;
  readonly symbols: number;
  readonly code: Map<string, number>;
}

function readBody(reader: PlainBytes, note: Note): Body {
  const { at } = reader;
  const head = reader.byte();
  const lowBits = head & 63;
  const isDelta = (head & 64) !== 0;
  const hasEscapes = (head & 128) !== 0;
  const low = reader.signed();
  const symbols = reader.byte();
  if (lowBits > 57 || symbols === 0 || symbols > 64) {
    throw new MalformedError(`entropy ${head}, ${symbols} symbols`);
  }
  const all = symbols + (hasEscapes ? 1 : 0);
  const packed = reader.take((all + 1) >> 1);
  const lengths = Array.from(
    { length: all },
    (_, s) => s % 2 === 0 ? packed[s >> 1]! & 15 : packed[s >> 1]! >> 4,
  );
  note(
    at,
    `    entropy of ${isDelta ? "differences" : "numbers"} from ${low}: ${symbols} symbols` +
      `${hasEscapes ? " and an escape" : ""}, ${lowBits} low bits, word lengths ${
        lengths.join(" ")
      }`,
  );
  return { lowBits, isDelta, hasEscapes, low, symbols, code: codeOf(lengths) };
}

function readBlock(reader: PlainBytes, body: Body, count: number, note: Note): bigint[] {
  const { at } = reader;
  const first = body.isDelta ? reader.varint() : 0n;
  const escapeCount = body.hasEscapes ? reader.count(count) : 0;
  const escapes = Array.from({ length: escapeCount }, () => reader.signed());
  const streamBytes = Array.from({ length: 4 }, () => reader.count(656));
  const lows: bigint[] = [];
  while (lows.length < count) {
    lows.push(...unpack(reader, Math.min(RUN_ROWS, count - lows.length), body.lowBits));
  }
  const perStream = (count + 3) >> 2;
  const streams = streamBytes.map((bytes) => readStream(reader.take(bytes), perStream, body.code));
  note(
    at,
    `    block of ${count}: first ${first}, ${escapeCount} escapes, streams of ${
      streamBytes.join(" ")
    } bytes`,
  );
  let escape = 0;
  const numbers = lows.map((low, i) => {
    const symbol = streams[i & 3]![i >> 2]!;
    if (symbol < body.symbols) return body.low + ((BigInt(symbol) << BigInt(body.lowBits)) | low);
    const distance = escapes[escape++];
    if (distance === undefined) throw new MalformedError("an escape too many");
    return body.low + distance;
  });
  if (body.isDelta) return summed(first, numbers);
  return numbers.map((number) => BigInt.asUintN(64, number));
}

/** Reads a column of `count` integers behind its kind byte and the owner's bytes. Throws MalformedError. */
export function readNumbers(
  reader: PlainBytes,
  kind: number,
  count: number,
  note: Note,
): bigint[] {
  const { at } = reader;
  const bodyKind = (kind >> 5) & 3;
  const base = reader.signed();
  const scale = (kind & 128) !== 0 ? reader.varint() : 1n;
  note(
    at,
    `    base ${base}${scale === 1n ? "" : `, scale ${scale}`}${
      bodyKind === 0 ? ", constant" : ""
    }`,
  );
  if (bodyKind === 3) throw new MalformedError("body 3");
  if (bodyKind === 0) return Array.from({ length: count }, () => base);
  const numbers: bigint[] = [];
  if (bodyKind === 1) numbers.push(...readRuns(reader, count, note));
  else {
    const body = readBody(reader, note);
    while (numbers.length < count) {
      const rows = Math.min(BLOCK_ROWS, count - numbers.length);
      numbers.push(...readBlock(reader, body, rows, note));
    }
  }
  return numbers.map((number) => BigInt.asIntN(64, base + number * scale));
}
