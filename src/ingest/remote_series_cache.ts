/**
 * Series that senders have written before, found by the bytes of their labels, so that a known series costs neither a
 * string nor a look into the registry.
 *
 * Remote write 1.0 names labels in full: the key is that run of bytes. 2.0 names them by references to the symbols of
 * the request: symbols are known by their bytes under numbers that hold across requests, and the key is the row of
 * numbers. Both kinds of key begin with a byte of their own, and with the number of the database that labels them.
 *
 * Bounded: when it is full, everything is forgotten and learnt anew.
 */
import { ByteTable } from "./byte_table.ts";
import type { SampleFamily } from "./sample_series.ts";

/** What a source has slots for: samples of the two families, and start timestamps. */
export type SlotKind = SampleFamily | "starts";

export interface SeriesCacheLimits {
  readonly seriesMax: number;
  /** Bytes of all keys. */
  readonly keyBytesMax: number;
  readonly symbolsMax: number;
  readonly symbolBytesMax: number;
}

export const DEFAULT_SERIES_CACHE_LIMITS: SeriesCacheLimits = {
  seriesMax: 131_072,
  keyBytesMax: 24 << 20,
  symbolsMax: 131_072,
  symbolBytesMax: 8 << 20,
};

/** Slots have not been asked for, or there is none. */
export const SLOT_UNKNOWN = -1;
export const SLOT_REFUSED = -2;

const GROWTH_MIN = 256;
const KINDS: readonly SlotKind[] = ["f64", "histogram", "starts"];

export class RemoteSeriesCache {
  readonly #series: ByteTable;
  readonly #symbols: ByteTable;
  /** By entry: record of the source, slots by kind, and what was last said about the metric. */
  #sources = new Uint32Array(GROWTH_MIN);
  readonly #slots: Record<SlotKind, Int32Array> = {
    f64: new Int32Array(GROWTH_MIN),
    histogram: new Int32Array(GROWTH_MIN),
    starts: new Int32Array(GROWTH_MIN),
  };
  #metadata = new Float64Array(GROWTH_MIN);
  /** Counts how often everything was forgotten: entries and symbols of another generation mean nothing. */
  generation = 0;

  constructor(limits: SeriesCacheLimits = DEFAULT_SERIES_CACHE_LIMITS) {
    this.#series = new ByteTable({ keysMax: limits.seriesMax, arenaBytesMax: limits.keyBytesMax });
    this.#symbols = new ByteTable({
      keysMax: limits.symbolsMax,
      arenaBytesMax: limits.symbolBytesMax,
    });
  }

  get size(): number {
    return this.#series.size;
  }

  get memoryBytes(): number {
    return this.#series.memoryBytes + this.#symbols.memoryBytes + this.#sources.byteLength +
      this.#slots.f64.byteLength * KINDS.length + this.#metadata.byteLength;
  }

  /** Entry of a key, -1 when it is not known. */
  find(key: Uint8Array, start: number, end: number): number {
    return this.#series.find(key, start, end);
  }

  /** Remembers the key that `find` has just missed; -1 after everything was forgotten for want of room. */
  add(key: Uint8Array, start: number, end: number, source: number): number {
    const entry = this.#series.add(key, start, end);
    if (entry === -1) {
      this.#forget();
      return -1;
    }
    if (entry >= this.#sources.length) this.#grow();
    this.#sources[entry] = source;
    for (const kind of KINDS) this.#slots[kind][entry] = SLOT_UNKNOWN;
    this.#metadata[entry] = -1;
    return entry;
  }

  /** Number of a symbol that holds across requests of one generation; -1 after everything was forgotten. */
  symbol(bytes: Uint8Array, start: number, end: number): number {
    const known = this.#symbols.find(bytes, start, end);
    if (known !== -1) return known;
    const number = this.#symbols.add(bytes, start, end);
    if (number === -1) this.#forget();
    return number;
  }

  source(entry: number): number {
    return this.#sources[entry]!;
  }

  slot(entry: number, kind: SlotKind): number {
    return this.#slots[kind][entry]!;
  }

  setSlot(entry: number, kind: SlotKind, slot: number): void {
    this.#slots[kind][entry] = slot;
  }

  /** Whether the metadata of an entry's metric is other than last time; remembers it. */
  metadataChanged(entry: number, mark: number): boolean {
    if (this.#metadata[entry] === mark) return false;
    this.#metadata[entry] = mark;
    return true;
  }

  #forget(): void {
    this.#series.clear();
    this.#symbols.clear();
    this.generation++;
  }

  #grow(): void {
    const length = this.#sources.length * 2;
    const sources = new Uint32Array(length);
    sources.set(this.#sources);
    this.#sources = sources;
    for (const kind of KINDS) {
      const slots = new Int32Array(length);
      slots.set(this.#slots[kind]);
      this.#slots[kind] = slots;
    }
    const metadata = new Float64Array(length);
    metadata.set(this.#metadata);
    this.#metadata = metadata;
  }
}
