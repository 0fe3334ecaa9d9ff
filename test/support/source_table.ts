/** Kernels with sources and fields by name, for tests that fill the batch below the registry. */
import { FAMILY, type Family } from "../../engine/base/types.ts";
import { Kernels } from "../../engine/kernels/kernels.ts";
import { sourceKey } from "./source_key.ts";

const ARGUMENT_BYTES = 1 << 17;
const encoder = new TextEncoder();

export class SourceTable {
  readonly kernels: Kernels = new Kernels();
  readonly #arguments: number = this.kernels.alloc(ARGUMENT_BYTES, "scratch");

  /** Record of a source, made when missing. */
  source(measurement: string, tags: Readonly<Record<string, string>> = {}): number {
    const key = sourceKey(measurement, tags);
    const at = this.#put(key);
    return this.kernels.exports.findSource(at, key.length, true) >>> 0;
  }

  /** The same with a given id, as definitions from disk make it. */
  define(id: number, measurement: string, tags: Readonly<Record<string, string>> = {}): number {
    const key = sourceKey(measurement, tags);
    const at = this.#put(key);
    return this.kernels.exports.defineSource(id, at, key.length) >>> 0;
  }

  /** Slot of a field of the source's measurement, made when missing. */
  slot(source: number, name: string, family: Family): number {
    const bytes = encoder.encode(name);
    const measurement = this.word(source + this.kernels.exports.SOURCE_MEASUREMENT.value);
    const at = this.#put(bytes);
    return this.kernels.exports.findField(measurement, at, bytes.length, FAMILY[family]);
  }

  idOf(source: number): number {
    return this.word(source + this.kernels.exports.SOURCE_ID.value);
  }

  word(at: number): number {
    this.kernels.refresh();
    return this.kernels.u32[at >>> 2]!;
  }

  #put(bytes: Uint8Array): number {
    this.kernels.refresh();
    this.kernels.u8.set(bytes, this.#arguments);
    return this.#arguments;
  }
}
