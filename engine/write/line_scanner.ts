/**
 * Line protocol from bytes to batches: feeds the kernels' input window, hands over each filled batch and collects errors.
 *
 * Invariants
 * - However the bytes are split, rows, errors and their line numbers are the same.
 * - Nothing awaits between filling a batch and the call of `write`, which must consume it before it returns.
 * - A line of up to LINE_BYTES_MAX bytes, line feed included, is parsed; a longer one is refused up to the first line
 *   feed past the limit.
 */
import { assert } from "../base/assert.ts";
import type { TimeUnit } from "../base/types.ts";
import { EngineError } from "../errors.ts";
import type { Kernels } from "../kernels/kernels.ts";
import type { LineError, LineReport } from "./line_errors.ts";
import { type LineOptions, LineRun, type LineSettings } from "./line_run.ts";

/** Longest line, its line feed included. */
export const LINE_BYTES_MAX: number = 1 << 20;

/** Bytes of an unfinished line from which on a stream waits for twice as many before it tries again. */
const RETRY_BYTES_MIN = 64 << 10;
const LINE_FEED = 10;

const CONTEXT_RESERVED_TAGS = 1;
const CONTEXT_DROP_EMPTY_TAGS = 2;

export interface ScanOptions extends LineOptions {
  /** Receive time, for lines without a timestamp: nanoseconds since the epoch. */
  readonly nowNs: bigint;
  /** Writes nothing, and creates nothing, when a line is malformed. Rejected lines do not keep others from being written. */
  readonly allOrNothing?: boolean;
}

/** Which lines are taken: all; none, so that only malformed ones are reported; or all before the first that is refused or creates something. */
type LinesTaken = "all" | "none" | "known";

const encoder = new TextEncoder();

/** Parses whole bodies. */
export class LineScanner {
  readonly #kernels: Kernels;
  readonly #unit: TimeUnit;
  readonly #contexts = new Map<string, number>();
  readonly #inputBytes: number;

  /** `unit` is the database's. */
  constructor(kernels: Kernels, unit: TimeUnit) {
    this.#kernels = kernels;
    this.#unit = unit;
    this.#inputBytes = kernels.exports.INPUT_BYTES_MAX.value;
    assert(this.#inputBytes === LINE_BYTES_MAX, "A line must fit into the input window");
  }

  /** Parses a body and has its rows written. Throws EngineError "limit" for one database too many. */
  scan(bytes: Uint8Array, options: ScanOptions): LineReport {
    if (options.allOrNothing !== true) return this.#scanAll(bytes, options, "all");
    const known = bytes.length <= this.#inputBytes ? this.#scanKnown(bytes, options) : undefined;
    if (known !== undefined) return known;
    const check = this.#scanAll(bytes, options, "none");
    return check.malformed > 0 ? check : this.#scanAll(bytes, options, "all");
  }

  /** Begins a stream of lines, as a connection or a long body is; one that takes "none" writes and creates nothing. */
  stream(options: LineOptions, take: "all" | "none" = "all"): LineStream {
    return new LineStream(this.#begin(options, take), options.write);
  }

  /** Has a body of one window written if none of its lines creates anything or is refused; else nothing is done. */
  #scanKnown(bytes: Uint8Array, options: ScanOptions): LineReport | undefined {
    const run = this.#begin(options, "known");
    run.setTime(options.nowNs);
    run.load(bytes, 0);
    if (run.step(0, bytes.length, true).end < bytes.length) return undefined;
    if (run.report.rows > 0) options.write();
    return run.report;
  }

  #begin(settings: LineSettings, take: LinesTaken): LineRun {
    const { exports } = this.#kernels;
    const flags = {
      all: 0,
      none: exports.PARSE_CHECK_ONLY.value as number,
      known: exports.PARSE_KNOWN_ONLY.value as number,
    };
    return new LineRun(this.#kernels, {
      context: this.#contextOf(settings),
      unit: this.#unit,
      flags: flags[take],
      settings,
    });
  }

  #scanAll(bytes: Uint8Array, options: ScanOptions, take: LinesTaken): LineReport {
    const run = this.#begin(options, take);
    run.setTime(options.nowNs);
    let offset = 0;
    while (offset < bytes.length) {
      const end = Math.min(offset + this.#inputBytes, bytes.length);
      const slice = bytes.subarray(offset, end);
      run.load(slice, 0);
      const taken = run.parse(slice.length, end === bytes.length, options.write);
      offset += taken;
      if (taken > 0) continue;
      const feed = bytes.indexOf(LINE_FEED, end);
      offset = feed < 0 ? bytes.length : feed + 1;
      run.refuseTooLong(slice);
      run.skip(bytes.subarray(end, offset));
    }
    return run.report;
  }

  #contextOf(options: LineSettings): number {
    const flags = (options.refuseReservedTags === true ? CONTEXT_RESERVED_TAGS : 0) |
      (options.dropEmptyTags === true ? CONTEXT_DROP_EMPTY_TAGS : 0);
    const name = `${flags} ${options.database ?? ""}`;
    const known = this.#contexts.get(name);
    if (known !== undefined) return known;
    const kernels = this.#kernels;
    const database = encoder.encode(options.database ?? "");
    const block = kernels.alloc(database.length, "scratch");
    kernels.u8.set(database, block);
    const context = kernels.exports.lineContext(block, database.length, flags);
    kernels.free(block, "scratch");
    if (context < 0) {
      throw new EngineError("limit", "Cannot take lines: there are 65535 databases already");
    }
    this.#contexts.set(name, context);
    return context;
  }
}

/** Parses lines that arrive in pieces. */
export class LineStream {
  readonly #run: LineRun;
  readonly #write: () => void;
  /** The beginning of a line that has not ended yet. */
  #pending: Uint8Array = new Uint8Array(0);
  #pendingBytes = 0;
  #retryBytes = 0;
  /** Within a line that is too long. */
  #skipping = false;

  constructor(run: LineRun, write: () => void) {
    this.#run = run;
    this.#write = write;
  }

  get report(): LineReport {
    return this.#run.report;
  }

  /** Takes the errors kept so far out of the report, so that later ones are kept again. */
  takeErrors(): readonly LineError[] {
    return this.#run.takeErrors();
  }

  /** Parses what is complete and has its rows written. */
  push(chunk: Uint8Array, nowNs: bigint): void {
    this.#run.setTime(nowNs);
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#skipping) offset = this.#skip(chunk, offset);
      else if (this.#pendingBytes === LINE_BYTES_MAX) this.#giveUp();
      else offset = this.#take(chunk, offset);
    }
  }

  /** Parses the rest: the last line needs no line feed. */
  end(nowNs: bigint): LineReport {
    const run = this.#run;
    run.setTime(nowNs);
    if (this.#pendingBytes > 0) {
      run.load(this.#pending.subarray(0, this.#pendingBytes), 0);
      run.parse(this.#pendingBytes, true, this.#write);
      this.#pendingBytes = 0;
    }
    return run.report;
  }

  /** Parses the pending bytes and as much of the chunk as the window holds; returns how far the chunk is used up. */
  #take(chunk: Uint8Array, offset: number): number {
    const run = this.#run;
    const before = this.#pendingBytes;
    const end = Math.min(chunk.length, offset + LINE_BYTES_MAX - before);
    const piece = chunk.subarray(offset, end);
    const size = before + piece.length;
    const full = size === LINE_BYTES_MAX;
    if (!full && (size < this.#retryBytes || piece.indexOf(LINE_FEED) < 0)) {
      this.#keep(piece, before);
      return end;
    }
    run.load(this.#pending.subarray(0, before), 0);
    run.load(piece, before);
    const taken = run.parse(size, false, this.#write);
    if (taken === 0) {
      this.#keep(piece, before);
      this.#retryBytes = size < RETRY_BYTES_MIN ? 0 : Math.min(size * 2, LINE_BYTES_MAX);
      return end;
    }
    this.#retryBytes = 0;
    this.#pendingBytes = 0;
    if (taken < before) {
      this.#keep(this.#pending.slice(taken, before), 0);
      this.#keep(piece, before - taken);
    } else {
      // Of a chunk that goes on, what is left begins the next window; the last tail waits.
      if (end < chunk.length) return offset + taken - before;
      this.#keep(piece.subarray(taken - before), 0);
    }
    return end;
  }

  #keep(piece: Uint8Array, at: number): void {
    const bytes = at + piece.length;
    if (bytes > this.#pending.length) {
      const more = new Uint8Array(Math.min(Math.max(bytes * 2, 256), LINE_BYTES_MAX));
      more.set(this.#pending.subarray(0, at));
      this.#pending = more;
    } else if (at === 0 && this.#pending.length > RETRY_BYTES_MIN && bytes < RETRY_BYTES_MIN / 4) {
      this.#pending = new Uint8Array(bytes);
    }
    this.#pending.set(piece, at);
    this.#pendingBytes = bytes;
  }

  #giveUp(): void {
    this.#run.refuseTooLong(this.#pending.subarray(0, this.#pendingBytes));
    this.#pendingBytes = 0;
    this.#retryBytes = 0;
    this.#skipping = true;
  }

  #skip(chunk: Uint8Array, offset: number): number {
    const feed = chunk.indexOf(LINE_FEED, offset);
    const end = feed < 0 ? chunk.length : feed + 1;
    this.#run.skip(chunk.subarray(offset, end));
    this.#skipping = feed < 0;
    return end;
  }
}
