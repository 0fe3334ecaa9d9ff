/**
 * The labels of one series in a remote write message: read as bytes, looked up as bytes, and spelled out only for a
 * series that is not known.
 */
import type { ProtobufReader } from "./protobuf.ts";
import { ProtobufError, WIRE } from "./protobuf.ts";
import type { RemoteSeriesCache } from "./remote_series_cache.ts";
import type { LabelPairs } from "./sample_series.ts";

/** Labels in either version's form; holds those of the series read last. */
export interface RemoteLabels {
  /** Takes the labels at the beginning of a series' message. Returns what is wrong with them. */
  read(): string | undefined;
  /** Entry of the cache, -1 when the series is not known. */
  find(cache: RemoteSeriesCache): number;
  /** Adds the series that `find` has missed. */
  add(cache: RemoteSeriesCache, source: number): number;
  /** The labels as strings; a text when they are no UTF-8. */
  pairs(): LabelPairs | string;
  /** A number that is the same for the same metadata; -1 when there is none. */
  metadataMark(type: number, help: number, unit: number): number;
  /** A symbol of the message; the empty string when there is no such symbol. */
  text(reference: number): string;
}

const LABELS = 8 + WIRE.bytes;
/** Bytes of all labels of one series. */
const LABEL_BYTES_MAX = 65_536;
/** Label references of one series. */
const REFERENCES_MAX = 1_024;
/** First byte of a key: labels as 1.0 has them begin with their own tag, 10. */
const KEY_VERSION_1 = 1;
const KEY_VERSION_2 = 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NOT_UTF8 = "series has a label that is not valid UTF-8";

/** Version, name of the database, and a byte that ends the name. */
function keyPrefix(version: number, db: string): Uint8Array {
  const name = encoder.encode(db);
  const prefix = new Uint8Array(name.length + 2);
  prefix[0] = version;
  prefix.set(name, 1);
  prefix[name.length + 1] = 0xff;
  return prefix;
}

/** `labels=1`, each a message `{name=1, value=2}`. */
export class LabelsVersion1 implements RemoteLabels {
  readonly #reader: ProtobufReader;
  /** Stands before the labels in a key; empty where the labels themselves are the key. */
  readonly #prefix: Uint8Array;
  #start = 0;
  #end = 0;
  #key: Uint8Array;
  #keyStart = 0;
  #keyEnd = 0;

  constructor(reader: ProtobufReader, db: string) {
    this.#reader = reader;
    this.#prefix = db === "" ? new Uint8Array(0) : keyPrefix(KEY_VERSION_1, db);
    this.#key = reader.bytes;
  }

  read(): string | undefined {
    const reader = this.#reader;
    this.#start = reader.at;
    // The tag is one byte: no need to read it as a number.
    while (reader.at < reader.end && reader.bytes[reader.at] === LABELS) {
      reader.at++;
      reader.take(reader.length());
    }
    this.#end = reader.at;
    const bytes = this.#end - this.#start;
    if (bytes > LABEL_BYTES_MAX) return `series has ${bytes} bytes of labels`;
    this.#keyStart = this.#start;
    this.#keyEnd = this.#end;
    if (this.#prefix.length > 0) this.#joinKey();
    return undefined;
  }

  #joinKey(): void {
    const prefix = this.#prefix;
    const bytes = prefix.length + this.#end - this.#start;
    if (this.#key === this.#reader.bytes || this.#key.length < bytes) {
      this.#key = new Uint8Array(bytes * 2);
      this.#key.set(prefix);
    }
    this.#key.set(this.#reader.bytes.subarray(this.#start, this.#end), prefix.length);
    this.#keyStart = 0;
    this.#keyEnd = bytes;
  }

  find(cache: RemoteSeriesCache): number {
    return cache.find(this.#key, this.#keyStart, this.#keyEnd);
  }

  add(cache: RemoteSeriesCache, source: number): number {
    return cache.add(this.#key, this.#keyStart, this.#keyEnd, source);
  }

  pairs(): LabelPairs | string {
    const reader = this.#reader;
    const { at, end } = reader;
    const pairs: [string, string][] = [];
    reader.at = this.#start;
    reader.end = this.#end;
    try {
      while (reader.tag() !== 0) {
        const outer = reader.enter();
        let name = "";
        let value = "";
        for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
          if (tag === 8 + WIRE.bytes) name = decode(reader);
          else if (tag === 16 + WIRE.bytes) value = decode(reader);
          else reader.skip(tag);
        }
        reader.leave(outer);
        pairs.push([name, value]);
      }
      return pairs;
    } catch (error) {
      if (error instanceof TypeError) return NOT_UTF8;
      throw error;
    } finally {
      reader.at = at;
      reader.end = end;
    }
  }

  metadataMark(): number {
    return -1;
  }

  text(): string {
    return "";
  }
}

/** Throws a TypeError for what is not UTF-8. */
function decode(reader: ProtobufReader): string {
  const length = reader.length();
  const start = reader.take(length);
  return decoder.decode(reader.bytes.subarray(start, start + length));
}

/** Symbols that one message may have. */
const SYMBOLS_MAX = 1_000_000;

/** `labels_refs=1`: numbers of the message's symbols, name and value in turn. */
export class LabelsVersion2 implements RemoteLabels {
  readonly #reader: ProtobufReader;
  readonly #cache: RemoteSeriesCache;
  /** The prefix, then the numbers of the symbols, big-endian. */
  #key: Uint8Array;
  readonly #prefixBytes: number;
  #keyEnd = 0;
  /** Where the symbols lie in the message, and their numbers across messages, -1 while not asked for. */
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #numbers: Int32Array;
  readonly #references: number[] = [];
  #generation: number;

  /** Walks the whole message for its symbols, which may stand anywhere. Throws a ProtobufError. */
  constructor(reader: ProtobufReader, db: string, cache: RemoteSeriesCache) {
    this.#reader = reader;
    this.#cache = cache;
    const prefix = keyPrefix(KEY_VERSION_2, db);
    this.#key = new Uint8Array(prefix.length + REFERENCES_MAX * 4);
    this.#key.set(prefix);
    this.#prefixBytes = prefix.length;
    const starts: number[] = [];
    const ends: number[] = [];
    const { at } = reader;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== 32 + WIRE.bytes) {
        reader.skip(tag);
        continue;
      }
      if (starts.length >= SYMBOLS_MAX) throw new ProtobufError("there are too many symbols");
      const length = reader.length();
      const start = reader.take(length);
      starts.push(start);
      ends.push(start + length);
    }
    reader.at = at;
    this.#starts = Uint32Array.from(starts);
    this.#ends = Uint32Array.from(ends);
    this.#numbers = new Int32Array(starts.length).fill(-1);
    this.#generation = cache.generation;
  }

  read(): string | undefined {
    const reader = this.#reader;
    const references = this.#references;
    references.length = 0;
    while (reader.at < reader.end) {
      const form = reader.bytes[reader.at];
      if (form === LABELS) {
        reader.at++;
        const outer = reader.enter();
        while (reader.at < reader.end) references.push(reader.varint());
        reader.leave(outer);
      } else if (form === 8 + WIRE.varint) {
        reader.at++;
        references.push(reader.varint());
      } else {
        break;
      }
    }
    if (references.length > REFERENCES_MAX) {
      return `series has ${references.length} label references, above ${REFERENCES_MAX}`;
    }
    if (references.length % 2 !== 0) return "series has an odd number of label references";
    let bytes = 0;
    for (const reference of references) {
      if (reference >= this.#starts.length) {
        return `series refers to symbol ${reference} of ${this.#starts.length}`;
      }
      bytes += this.#ends[reference]! - this.#starts[reference]!;
    }
    if (bytes > LABEL_BYTES_MAX) return `series has ${bytes} bytes of labels`;
    // When the cache forgets everything, it forgets the numbers at the beginning of the key.
    return this.#makeKey() || this.#makeKey() ? undefined : "series has too many labels to know";
  }

  /** The numbers of the symbols as a key; false when the cache forgot everything meanwhile. */
  #makeKey(): boolean {
    const key = this.#key;
    let at = this.#prefixBytes;
    for (const reference of this.#references) {
      const number = this.#number(reference);
      if (number === -1) return false;
      key[at] = number >>> 24;
      key[at + 1] = number >>> 16;
      key[at + 2] = number >>> 8;
      key[at + 3] = number;
      at += 4;
    }
    this.#keyEnd = at;
    return true;
  }

  #number(reference: number): number {
    if (this.#generation !== this.#cache.generation) {
      this.#generation = this.#cache.generation;
      this.#numbers.fill(-1);
    }
    const known = this.#numbers[reference]!;
    if (known !== -1) return known;
    const { bytes } = this.#reader;
    const number = this.#cache.symbol(bytes, this.#starts[reference]!, this.#ends[reference]!);
    if (number !== -1) this.#numbers[reference] = number;
    return number;
  }

  find(cache: RemoteSeriesCache): number {
    return cache.find(this.#key, 0, this.#keyEnd);
  }

  add(cache: RemoteSeriesCache, source: number): number {
    return cache.add(this.#key, 0, this.#keyEnd, source);
  }

  pairs(): LabelPairs | string {
    const pairs: [string, string][] = [];
    try {
      for (let index = 0; index < this.#references.length; index += 2) {
        pairs.push([
          this.#decode(this.#references[index]!),
          this.#decode(this.#references[index + 1]!),
        ]);
      }
      return pairs;
    } catch (error) {
      if (error instanceof TypeError) return NOT_UTF8;
      throw error;
    }
  }

  metadataMark(type: number, help: number, unit: number): number {
    if (help >= this.#starts.length || unit >= this.#starts.length) return -1;
    const helpNumber = this.#number(help);
    const unitNumber = this.#number(unit);
    if (helpNumber === -1 || unitNumber === -1 || type > 15) return -1;
    return (helpNumber * 2 ** 24 + unitNumber) * 16 + type;
  }

  text(reference: number): string {
    if (reference >= this.#starts.length) return "";
    try {
      return this.#decode(reference);
    } catch {
      return "";
    }
  }

  #decode(reference: number): string {
    const { bytes } = this.#reader;
    return decoder.decode(bytes.subarray(this.#starts[reference]!, this.#ends[reference]!));
  }
}
