/**
 * Reads chunks in plain TypeScript, field by field and slowly: for `describe`, and as the reference that the kernels are
 * checked against. The layout stands in docs/format/chunk.md and in the files of engine/kernels/assembly.
 */
import { MalformedError } from "../base/bytes.ts";
import { FAMILY, FAMILY_NAMES, type FamilyCode } from "../base/types.ts";
import { CHUNK_ROWS_MAX } from "./chunk.ts";
import { type Note, PlainBytes } from "./plain_bytes.ts";
import { readNumbers } from "./plain_numbers.ts";

/** Values of the rows that have one: bits of the numeric families, bytes of blobs and histograms. */
export type PlainValue = bigint | Uint8Array;

export interface PlainColumn {
  readonly slot: number;
  readonly family: FamilyCode;
  /** For each row its value, undefined where it has none. */
  readonly cells: readonly (PlainValue | undefined)[];
}

export interface PlainChunk {
  readonly times: readonly bigint[];
  readonly columns: readonly PlainColumn[];
}

interface Entry {
  readonly slot: number;
  readonly family: FamilyCode;
  readonly isSparse: boolean;
  readonly bytes: number | undefined;
}

const SPARSE = 8;
const SAME_PRESENCE = 5;
const BITS_EXPONENT = 15;
const SPECIALS: readonly bigint[] = [
  0n,
  0x8000_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0x7ff0_0000_0000_0002n,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
];

/** Reads a whole chunk; `note` hears of each field. Throws MalformedError. */
export function readChunkPlainly(bytes: Uint8Array, note: Note = () => {}): PlainChunk {
  const reader = new PlainBytes(bytes);
  const layout = reader.byte();
  if ((layout & ~16) !== 1) throw new MalformedError(`layout ${layout}`);
  note(0, `chunk, layout 1, effort ${layout === 1 ? "fast" : "small"}`);
  const rows = reader.noted(note, "rows", () => reader.count(CHUNK_ROWS_MAX));
  if (rows === 0) throw new MalformedError("no rows");
  const columns = reader.noted(note, "columns", () => reader.count(65_535));
  const timesBytes = reader.noted(note, "bytes of the times", () => reader.count(bytes.length));
  const entries = readDirectory(reader, columns, note);
  const times = readTimes(reader.part(timesBytes), rows, note);
  const presences: (boolean[] | undefined)[] = [];
  const read = entries.map((entry): PlainColumn => {
    const part = reader.part(entry.bytes ?? reader.left);
    note(part.at, `column ${entry.slot}, ${FAMILY_NAMES[entry.family]}`);
    const presence = readPresence(part, { rows, isSparse: entry.isSparse, presences, note });
    const present = presence.filter((isThere) => isThere).length;
    const values = readValues(part, entry.family, present, note);
    part.finish();
    let next = 0;
    const cells = presence.map((isThere) => isThere ? values[next++] : undefined);
    return { slot: entry.slot, family: entry.family, cells };
  });
  reader.finish();
  return { times, columns: read };
}

function readDirectory(reader: PlainBytes, columns: number, note: Note): Entry[] {
  const entries: Entry[] = [];
  let slot = -1;
  for (let i = 0; i < columns; i++) {
    const { at } = reader;
    slot += reader.count(65_535) + 1;
    const byte = reader.byte();
    const family = byte & 7;
    if (family === 0 || family > FAMILY.histogram || byte > 15) {
      throw new MalformedError(`family ${byte}`);
    }
    const bytes = i + 1 < columns ? reader.count(0xffff_ffff) : undefined;
    const isSparse = (byte & SPARSE) !== 0;
    entries.push({ slot, family: family as FamilyCode, isSparse, bytes });
    note(
      at,
      `slot ${slot}, ${FAMILY_NAMES[family]}${isSparse ? ", sparse" : ""}, ${
        bytes === undefined ? "the rest" : `${bytes} bytes`
      }`,
    );
  }
  return entries;
}

function readTimes(reader: PlainBytes, rows: number, note: Note): bigint[] {
  const { at } = reader;
  const kind = reader.byte();
  const unit = 10n ** BigInt(kind & 15);
  const isIrregular = (kind & 16) !== 0;
  if (!isIrregular && kind > 15) throw new MalformedError(`times ${kind}`);
  const first = BigInt.asIntN(64, reader.signed() * unit);
  const step = rows > 1 ? BigInt.asUintN(64, reader.varint() * unit) : 0n;
  const text = `unit ${unit}, first ${first}, step ${step}`;
  if (!isIrregular) {
    note(at, `times, regular, ${text}`);
    reader.finish();
    return Array.from({ length: rows }, (_, i) => BigInt.asIntN(64, first + step * BigInt(i)));
  }
  const slope = reader.varint();
  note(at, `times, irregular, ${text}, slope ${slope}`);
  const residuals = readNumbers(reader, kind, rows, note);
  reader.finish();
  return residuals.map((residual, i) =>
    BigInt.asIntN(64, first + (residual + slope * BigInt(i)) * step)
  );
}

function readBitmap(reader: PlainBytes, rows: number, note: Note, what: string): boolean[] {
  const { at } = reader;
  const form = reader.byte();
  if (form <= 1) {
    note(at, `${what}: all ${form === 1 ? "set" : "clear"}`);
    return Array.from({ length: rows }, () => form === 1);
  }
  if (form === 4) {
    note(at, `${what}: bitmap`);
    const bits = reader.take((rows + 7) >> 3);
    const all = Array.from(
      { length: bits.length * 8 },
      (_, r) => ((bits[r >> 3]! >> (r & 7)) & 1) === 1,
    );
    if (all.slice(rows).includes(true)) throw new MalformedError("bits behind the last row");
    return all.slice(0, rows);
  }
  if (form > 4) throw new MalformedError(`bitmap ${form}`);
  const runs = reader.count(rows - 1) + 1;
  note(at, `${what}: ${runs} runs, the first ${form === 3 ? "set" : "clear"}`);
  const bits: boolean[] = [];
  for (let run = 0; run < runs; run++) {
    const length = run + 1 < runs ? reader.count(rows - bits.length) : rows - bits.length;
    for (let i = 0; i < length; i++) bits.push((form === 3) !== (run % 2 === 1));
  }
  return bits;
}

function readPresence(
  reader: PlainBytes,
  context: {
    readonly rows: number;
    readonly isSparse: boolean;
    readonly presences: (boolean[] | undefined)[];
    readonly note: Note;
  },
): boolean[] {
  const { rows, isSparse, presences, note } = context;
  if (!isSparse) {
    presences.push(undefined);
    return Array.from({ length: rows }, () => true);
  }
  if (reader.peek() !== SAME_PRESENCE) {
    const presence = readBitmap(reader, rows, note, "  presence");
    presences.push(presence);
    return presence;
  }
  const { at } = reader;
  reader.byte();
  const index = reader.count(65_535);
  const presence = presences[index];
  note(at, `  presence: that of entry ${index}`);
  if (presence === undefined) throw new MalformedError(`presence of entry ${index}`);
  presences.push(undefined);
  return presence;
}

function readValues(
  reader: PlainBytes,
  family: FamilyCode,
  count: number,
  note: Note,
): PlainValue[] {
  if (count === 0) throw new MalformedError("no values");
  if (family === FAMILY.f64) return readFloats(reader, count, note);
  if (family === FAMILY.bool) {
    return readBitmap(reader, count, note, "  values").map((bit) => bit ? 1n : 0n);
  }
  if (family === FAMILY.blob || family === FAMILY.histogram) return readBlobs(reader, count, note);
  return readPlainNumbers(reader, count, note).map((number) => BigInt.asUintN(64, number));
}

/** Numbers whose kind byte belongs to nobody else. */
function readPlainNumbers(reader: PlainBytes, count: number, note: Note): bigint[] {
  const kind = reader.byte();
  if ((kind & 31) !== 0) throw new MalformedError(`numbers ${kind}`);
  return readNumbers(reader, kind, count, note);
}

function readFloats(reader: PlainBytes, count: number, note: Note): bigint[] {
  const { at } = reader;
  const kind = reader.byte();
  const exponent = kind & 15;
  const hasExceptions = (kind & 16) !== 0;
  if (exponent === BITS_EXPONENT) {
    if (hasExceptions) throw new MalformedError("exceptions of bits");
    note(at, "  doubles by their bits");
    return readNumbers(reader, kind, count, note).map((number) => BigInt.asUintN(64, number));
  }
  note(at, `  decimals, divided by 1e${exponent}`);
  const exceptions = hasExceptions ? readExceptions(reader, count, note) : [];
  const divisor = Number(`1e${exponent}`);
  const bits = readNumbers(reader, kind, count, note)
    .map((number) => doubleBits(Number(number) / divisor));
  for (const { place, value } of exceptions) bits[place] = value;
  return bits;
}

function readExceptions(
  reader: PlainBytes,
  count: number,
  note: Note,
): { place: number; value: bigint }[] {
  const listed = reader.noted(note, "  exceptions", () => reader.count(count));
  let place = -1;
  return Array.from({ length: listed }, () => {
    place += reader.count(count) + 1;
    if (place >= count) throw new MalformedError(`exception at ${place}`);
    const code = reader.byte();
    const special = code === 0 ? reader.u64() : SPECIALS[code];
    if (special === undefined) throw new MalformedError(`exception ${code}`);
    return { place, value: special };
  });
}

const doubleView = new DataView(new ArrayBuffer(8));

function doubleBits(value: number): bigint {
  doubleView.setFloat64(0, value);
  return doubleView.getBigUint64(0);
}

function readBlobs(reader: PlainBytes, count: number, note: Note): Uint8Array[] {
  const { at } = reader;
  const form = reader.byte();
  if (form === 1) {
    note(at, "  strings, plain");
    return readStrings(reader, count, note);
  }
  if (form !== 2) throw new MalformedError(`strings ${form}`);
  const entries = reader.count(4_096);
  if (entries === 0) throw new MalformedError("an empty dictionary");
  note(at, `  strings, dictionary of ${entries}`);
  const dictionary = readStrings(reader, entries, note);
  return readPlainNumbers(reader, count, note).map((entry) => {
    const value = dictionary[Number(entry)];
    if (value === undefined) throw new MalformedError(`entry ${entry} of the dictionary`);
    return value;
  });
}

function readStrings(reader: PlainBytes, count: number, note: Note): Uint8Array[] {
  const lengths = readPlainNumbers(reader, count, note);
  const { at } = reader;
  const strings = lengths.map((length) => reader.take(Number(BigInt.asUintN(64, length))));
  note(at, `  ${reader.at - at} bytes of strings`);
  return strings;
}
