/**
 * Definitions of measurements, fields and sources as bytes (kernels/assembly/definitions.ts): what the log, checkpoints
 * and segments need to know the registry again.
 *
 * Invariants
 * - Everything is in the log, in a checkpoint, or comes out of the next `takeUnlogged`.
 * - `changes` gives every source that is new or has new slots since it was given last, and all new fields.
 */
import type { KernelExports } from "../kernels/exports.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { EngineError } from "../errors.ts";
import { Scratch } from "./scratch.ts";

/** Sources of one block of a checkpoint, and bytes of their keys after which a block ends. */
const BLOCK_SOURCES = 8_192;
const BLOCK_KEY_BYTES = 8 << 20;

/** How much of the registry something knows. */
interface Mark {
  readonly measurements: number;
  readonly fields: number;
  /** Highest source id. */
  readonly source: number;
}

const NOTHING: Mark = { measurements: 0, fields: 0, source: 0 };

export class Definitions {
  readonly #kernels: Kernels;
  readonly #exports: KernelExports;
  #logged: Mark = NOTHING;
  #taken: Mark = NOTHING;
  #checkpointed: Mark = NOTHING;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#exports = kernels.exports;
  }

  /** What is not yet in the log; undefined when there is nothing. Costs nothing then. */
  takeUnlogged(): Uint8Array | undefined {
    const { measurements, fields, source } = this.#logged;
    const exports = this.#exports;
    if (
      exports.fieldDefinitionCount() === fields && exports.sourceCount() >>> 0 === source &&
      exports.measurementCount() === measurements
    ) return undefined;
    this.#taken = this.#now();
    using scratch = new Scratch(this.#kernels, "scratch");
    const ids = scratch.take((this.#taken.source - source) * 4);
    const count = exports.sourceIds(source + 1, this.#taken.source + 1, ids);
    return this.#write(ids, count, this.#logged);
  }

  /** What `takeUnlogged` gave last is in the log. */
  markLogged(): void {
    this.#logged = this.#taken;
  }

  /** Definitions of these ascending ids and their measurements with all fields. */
  encode(ids: Uint32Array): Uint8Array {
    using scratch = new Scratch(this.#kernels, "scratch");
    return this.#write(scratch.takeNumbers(ids), ids.length, undefined);
  }

  /** Applies a block. Throws "corrupt" when it is malformed or contradicts what is known; what stood before that is applied. */
  apply(block: Uint8Array): void {
    const unlogged = this.#isUnlogged();
    using scratch = new Scratch(this.#kernels, "scratch");
    const at = scratch.take(block.length);
    this.#kernels.u8.set(block, at);
    const result = this.#exports.applyDefinitions(at, block.length);
    this.#kernels.refresh();
    // What came from disk need not go to the log again. Should something else be waiting for it, all goes: twice is harmless.
    if (!unlogged) this.#logged = this.#now();
    if (result !== 0) {
      throw new EngineError(
        "corrupt",
        `Cannot apply definitions: ${
          this.#describe(result)
        } at byte ${this.#exports.definitionsOffset()}`,
      );
    }
  }

  /**
   * Blocks of what changed since the last checkpoint; what is given counts as checkpointed. The registry may go on changing
   * between two blocks: what changes is in a later block or in the next checkpoint.
   */
  *changes(): Generator<Uint8Array> {
    let after = 0;
    while (true) {
      using scratch = new Scratch(this.#kernels, "scratch");
      const ids = scratch.take(BLOCK_SOURCES * 4);
      const count = this.#exports.takeChanged(after, ids, BLOCK_SOURCES, BLOCK_KEY_BYTES);
      const known = this.#checkpointed;
      const now = this.#now();
      if (count === 0 && now.fields === known.fields && now.measurements === known.measurements) {
        return;
      }
      if (count > 0) after = this.#kernels.u32[(ids >> 2) + count - 1]!;
      const block = this.#write(ids, count, known);
      this.#checkpointed = now;
      yield block;
    }
  }

  /** The next `changes` give everything: a checkpoint failed, is damaged, or is to be written anew. */
  forgetCheckpoint(): void {
    this.#exports.setCheckpointed(false);
    this.#checkpointed = NOTHING;
  }

  /** Everything there is now counts as checkpointed: it was loaded from one. */
  trustCheckpoint(): void {
    this.#exports.setCheckpointed(true);
    this.#checkpointed = this.#now();
  }

  #isUnlogged(): boolean {
    const now = this.#now();
    const { measurements, fields, source } = this.#logged;
    return now.measurements !== measurements || now.fields !== fields || now.source !== source;
  }

  #now(): Mark {
    return {
      measurements: this.#exports.measurementCount(),
      fields: this.#exports.fieldDefinitionCount(),
      source: this.#exports.sourceCount() >>> 0,
    };
  }

  /** A block of the ids at `ids`, complete or with what is new since `known`. */
  #write(ids: number, count: number, known: Mark | undefined): Uint8Array {
    const { measurements, fields } = known ?? NOTHING;
    const most = this.#exports.prepareDefinitions(
      ids,
      count,
      known === undefined,
      measurements,
      fields,
    ) >>> 0;
    using scratch = new Scratch(this.#kernels, "scratch");
    const target = scratch.take(most);
    const bytes = this.#exports.writeDefinitions(ids, count, target) >>> 0;
    return this.#kernels.u8.slice(target, target + bytes);
  }

  #describe(result: number): string {
    switch (result) {
      case this.#exports.DEFINITIONS_FIELD_CONFLICT.value:
        return "a field contradicts the fields that are known";
      case this.#exports.DEFINITIONS_SOURCE_CONFLICT.value:
        return "a source contradicts the sources that are known";
      default:
        return "they are malformed";
    }
  }
}
