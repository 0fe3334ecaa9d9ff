/**
 * One body or stream of lines on its way through the kernels: window, batch, errors, line numbers.
 *
 * Invariants
 * - `write` is called with a filled batch right after it was filled; the window stays as it is until it returns.
 */
import { assert } from "../base/assert.ts";
import { floorDiv, NS_PER_TICK } from "../base/time.ts";
import type { TimeUnit } from "../base/types.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { type LineError, LineErrors, type LineReport } from "./line_errors.ts";

/** Unit of timestamps in lines; `auto` tells it for each line from the timestamp's magnitude. */
export type LineUnit = TimeUnit | "m" | "h" | "auto";

export interface LineOptions {
  /** Becomes the tag `db`; a line's own tag of that name is kept as `exported_db`. */
  readonly database?: string;
  readonly unit: LineUnit;
  /** Refuses the tags `_field` and `_measurement`. */
  readonly refuseReservedTags?: boolean;
  /** Drops a tag without a value instead of refusing its line. */
  readonly dropEmptyTags?: boolean;
  /** Writes the rows in the batch, synchronously. What it throws ends the scan. */
  readonly write: () => void;
}

/** What the kernels call why they stopped (assembly/line_protocol.ts). */
const STOP = { none: 0, incomplete: 1, batchFull: 2, errorsFull: 3, unknown: 4 } as const;
const LINE_FEED = 10;

const NS_PER_UNIT: Readonly<Record<LineUnit, bigint>> = {
  ...NS_PER_TICK,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  auto: 0n,
};

/** What a run needs to know. */
export interface LineRunSetup {
  /** Context of the kernels. */
  readonly context: number;
  /** The database's unit. */
  readonly unit: TimeUnit;
  /** PARSE_ flags of the kernels beside PARSE_FINAL. */
  readonly flags: number;
  readonly options: LineOptions;
}

export class LineRun {
  readonly #kernels: Kernels;
  readonly #setup: LineRunSetup;
  readonly #errors = new LineErrors();
  /** Number of the next line. */
  #line = 1;

  constructor(kernels: Kernels, setup: LineRunSetup) {
    this.#kernels = kernels;
    this.#setup = setup;
  }

  get report(): LineReport {
    return this.#errors;
  }

  takeErrors(): readonly LineError[] {
    const errors = this.#errors.errors;
    this.#errors.errors = [];
    return errors;
  }

  /** Sets unit and receive time; again whenever others may have parsed in between. */
  setTime(nowNs: bigint): void {
    const { unit, options } = this.#setup;
    const written = NS_PER_UNIT[options.unit];
    const now = written === 0n ? nowNs : floorDiv(nowNs, written) * written;
    const tick = NS_PER_TICK[unit];
    this.#kernels.exports.lineScale(written, tick, floorDiv(now, tick));
  }

  /** Puts bytes into the input window at an offset. */
  load(bytes: Uint8Array, offset: number): void {
    this.#kernels.refresh();
    this.#kernels.u8.set(bytes, (this.#kernels.exports.inputPtr.value >>> 0) + offset);
  }

  /** Parses the first `size` bytes of the window and has their rows written; returns how many bytes were taken. */
  parse(size: number, final: boolean): number {
    const exports = this.#kernels.exports;
    const flags = this.#setup.flags | (final ? exports.PARSE_FINAL.value as number : 0);
    const errors = this.#errors;
    let taken = 0;
    while (true) {
      const ancient = exports.ancientRows.value as number;
      exports.setBatch(0, 0);
      const next = exports.parseLines(this.#setup.context, taken, size, flags);
      const stop = exports.lineStop.value as number;
      errors.collect(this.#kernels, this.#line);
      errors.ancientRows += (exports.ancientRows.value - ancient) >>> 0;
      this.#line += exports.lineCount.value as number;
      const moved = next > taken;
      taken = next;
      this.#write();
      if (stop !== STOP.batchFull && stop !== STOP.errorsFull) return taken;
      assert(moved, "The batch or the list of errors is full before the first line");
    }
  }

  /** Writes a body that fits into the window if none of its lines is new, refused or malformed; false: nothing is done. */
  writeKnown(bytes: Uint8Array): boolean {
    const exports = this.#kernels.exports;
    const ancient = exports.ancientRows.value as number;
    this.load(bytes, 0);
    exports.setBatch(0, 0);
    const flags = exports.PARSE_FINAL.value | exports.PARSE_KNOWN_ONLY.value;
    exports.parseLines(this.#setup.context, 0, bytes.length, flags);
    if (exports.lineStop.value !== STOP.none) return false;
    this.#errors.ancientRows += (exports.ancientRows.value - ancient) >>> 0;
    this.#write();
    return true;
  }

  /** Refuses the line at hand, of which `start` is the beginning, as too long. */
  refuseTooLong(start: Uint8Array): void {
    this.#errors.addTooLong(start, this.#line);
    this.skip(start);
  }

  /** Passes over bytes. */
  skip(bytes: Uint8Array): void {
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) {
      this.#line++;
    }
  }

  #write(): void {
    const rows = this.#kernels.exports.rowCount.value as number;
    if (rows === 0) return;
    this.#errors.rows += rows;
    this.#setup.options.write();
  }
}
