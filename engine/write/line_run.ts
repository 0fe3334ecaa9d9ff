/**
 * One body or stream of lines on its way through the kernels: window, batch, errors, line numbers.
 *
 * Invariants
 * - Strings of the batch lie in the window, which stays as it is until the batch is written.
 */
import { assert } from "../base/assert.ts";
import { floorDiv, NS_PER_TICK } from "../base/time.ts";
import type { TimeUnit } from "../base/types.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { type LineError, LineErrors, type LineReport } from "./line_errors.ts";

/** Unit of timestamps in lines; `auto` tells it for each line from the timestamp's magnitude. */
export type LineUnit = TimeUnit | "m" | "h" | "auto";

/** How lines are read. */
export interface LineSettings {
  /** Becomes the tag `db`; a line's own tag of that name is kept as `exported_db`. */
  readonly database?: string;
  readonly unit: LineUnit;
  /** Refuses the tags `_field` and `_measurement`. */
  readonly refuseReservedTags?: boolean;
  /** Drops a tag without a value instead of refusing its line. */
  readonly dropEmptyTags?: boolean;
}

export interface LineOptions extends LineSettings {
  /** Writes the rows in the batch, synchronously. What it throws ends the scan. */
  readonly write: () => void;
}

/** What the kernels call why they stopped (assembly/line_protocol.ts). */
const STOP_BATCH_FULL = 2;
const STOP_ERRORS_FULL = 3;
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
  readonly settings: LineSettings;
}

/** Where a step ended. */
export interface LineStep {
  /** Offset of the first byte not taken. */
  readonly end: number;
  /** Whether there was no room for the next line's row or error: the next step goes on. */
  readonly isFull: boolean;
}

export class LineRun {
  readonly #kernels: Kernels;
  readonly #setup: LineRunSetup;
  readonly #errors: LineErrors;
  /** Number of the next line. */
  #line = 1;

  constructor(kernels: Kernels, setup: LineRunSetup) {
    this.#kernels = kernels;
    this.#setup = setup;
    this.#errors = new LineErrors();
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
    const { unit, settings } = this.#setup;
    const written = NS_PER_UNIT[settings.unit];
    const now = written === 0n ? nowNs : floorDiv(nowNs, written) * written;
    const tick = NS_PER_TICK[unit];
    this.#kernels.exports.lineScale(written, tick, floorDiv(now, tick));
  }

  /** Puts bytes into the input window at an offset. */
  load(bytes: Uint8Array, offset: number): void {
    this.#kernels.refresh();
    this.#kernels.u8.set(bytes, (this.#kernels.exports.inputPtr.value >>> 0) + offset);
  }

  /** Fills the batch with the rows of lines between two offsets of the window; the data end at `to`. */
  step(from: number, to: number, final: boolean): LineStep {
    const exports = this.#kernels.exports;
    const ancient = exports.ancientRows.value as number;
    const flags = this.#setup.flags | (final ? exports.PARSE_FINAL.value as number : 0);
    exports.setBatch(0, 0);
    const end = exports.parseLines(this.#setup.context, from, to, flags);
    const stop = exports.lineStop.value as number;
    const errors = this.#errors;
    errors.collect(this.#kernels, this.#line);
    errors.ancientRows += (exports.ancientRows.value - ancient) >>> 0;
    errors.rows += exports.rowCount.value as number;
    this.#line += exports.lineCount.value as number;
    const isFull = stop === STOP_BATCH_FULL || stop === STOP_ERRORS_FULL;
    assert(!isFull || end > from, "The batch or the list of errors is full before the first line");
    return { end, isFull };
  }

  /** Parses the first `size` bytes of the window and calls `write` for each batch; returns how many bytes were taken. */
  parse(size: number, final: boolean, write: () => void): number {
    let from = 0;
    while (true) {
      const { end, isFull } = this.step(from, size, final);
      if (this.#kernels.exports.rowCount.value > 0) write();
      if (!isFull) return end;
      from = end;
    }
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
}
