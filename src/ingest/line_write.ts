/**
 * One body, connection or datagram of line protocol on its way into the database: cuts the bytes into windows, scans
 * each into the batch and writes the batch.
 *
 * Invariants
 * - Scanning a window and writing its batch happen in one synchronous step; only the wait for admission comes before.
 * - A line may be as long as a window. What is kept between two pushes is at most one unfinished line; a longer line is
 *   skipped to its end and counted, and the lines around it stand.
 */
import type { Acknowledgement, Database, LinesTaken } from "../../engine/mod.ts";

/** Units a request may state; `auto` guesses for each timestamp. */
export type Precision = "ns" | "us" | "ms" | "s" | "m" | "h" | "auto";

/** Why a line was not stored. Only a malformed one is the parser's business; the others could be stored elsewhere. */
export type RefusalKind = "malformed" | "conflict" | "limit" | "reserved" | "too_long";

/** A line that was not stored. */
export interface RefusedLine {
  readonly kind: RefusalKind;
  /** Counted from 1. */
  readonly line: number;
  /** The first bytes of the line as it stood. */
  readonly text: string;
  readonly reason: string;
}

/** What one scan did. */
export interface LineScan {
  /** Bytes of whole lines taken. */
  readonly consumed: number;
  /** Lines taken, empty ones and comments included. */
  readonly lines: number;
  /** The batch took no more rows; what is left comes in the next scan. */
  readonly full: boolean;
  readonly refused: readonly RefusedLine[];
}

export interface LineScanOptions {
  readonly precision: Precision;
  /** `db` label of every series; undefined: none. */
  readonly database: string | undefined;
  /** Names that this endpoint reserves beside `time`. */
  readonly reserved: "v1" | "v2";
  /** Nanoseconds since the epoch, for lines without a timestamp. */
  readonly nowNs: bigint;
  readonly take: LinesTaken;
}

/** Fills the database's batch from line protocol. */
export interface LineScanner {
  /** Bytes that one scan takes, and so of the longest line. */
  readonly windowBytes: number;
  /** Scans `head` followed by `tail`; at the `end` the last line needs no line feed. */
  scan(head: Uint8Array, tail: Uint8Array, end: boolean, options: LineScanOptions): LineScan;
}

/** How many refused lines are kept with their text. */
export const REFUSED_KEPT_MAX = 20;

/** What became of all lines so far. */
export interface LineOutcome {
  rows: number;
  points: number;
  tooOld: number;
  readonly refused: Record<RefusalKind, number>;
  /** The first refused lines of any kind. */
  readonly first: RefusedLine[];
}

export interface LineWriteParts {
  readonly database: Database;
  readonly scanner: LineScanner;
  readonly nowNs: () => bigint;
  /** Sees every outcome of a batch, for the counters. */
  readonly count: (rows: number, points: number, tooOld: number) => void;
  readonly countRefused: (line: RefusedLine) => void;
}

export interface LineWriteOptions {
  readonly precision: Precision;
  readonly database?: string | undefined;
  readonly reserved?: "v1" | "v2";
  readonly acknowledgement?: Acknowledgement;
  /** Scans and writes nothing: to learn whether all lines are good. */
  readonly dry?: boolean;
}

const NOTHING = new Uint8Array(0);
const LINE_FEED = 10;
/** What `#step` returns for a line beyond the limit: it is skipped to its first line feed, even one within quotes. */
const LINE_TOO_LONG = -1;

export class LineWrite {
  readonly outcome: LineOutcome = {
    rows: 0,
    points: 0,
    tooOld: 0,
    refused: { malformed: 0, conflict: 0, limit: 0, reserved: 0, too_long: 0 },
    first: [],
  };
  readonly #parts: LineWriteParts;
  readonly #options: LineWriteOptions;
  readonly #scan: LineScanOptions;
  /** The unfinished line at the end of what was pushed. */
  #carry: Uint8Array = NOTHING;
  /** Within a line that is too long: skip to the next line feed. */
  #skipping = false;
  #lines = 0;
  #done: Promise<void> | undefined;

  constructor(parts: LineWriteParts, options: LineWriteOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#scan = {
      precision: options.precision,
      database: options.database,
      reserved: options.reserved ?? "v1",
      nowNs: parts.nowNs(),
      take: options.dry === true ? "none" : "all",
    };
  }

  /** Resolves when all that was written so far has its acknowledgement; undefined when it has. */
  get done(): Promise<void> | undefined {
    return this.#done;
  }

  /** Bytes of the unfinished line that waits for its end. */
  get pendingBytes(): number {
    return this.#carry.length;
  }

  /**
   * Takes the next bytes; at the `end` the last line needs no line feed. Returns undefined when all is written, a promise
   * when the database is behind. One push at a time. Throws what `Database.write` throws.
   */
  push(bytes: Uint8Array, end = false): Promise<void> | undefined {
    let at = 0;
    for (;;) {
      if (this.#skipping) at = this.#skip(bytes, at);
      if (at >= bytes.length && !(end && this.#carry.length > 0)) return undefined;
      const wait = this.#options.dry === true ? undefined : this.#parts.database.admit();
      if (wait !== undefined) return this.#resume(wait, bytes.subarray(at), end);
      const next = this.#step(bytes, at, end);
      if (next === LINE_TOO_LONG) {
        bytes = join(this.#carry, bytes.subarray(at));
        at = 0;
        this.#carry = NOTHING;
        this.#skipping = true;
      } else {
        at = next;
      }
    }
  }

  /**
   * Takes a whole body in one scan, all of it or nothing: with a malformed line nothing is written. Returns false, having
   * done nothing, when one scan does not take it all, as with the first line of a new series.
   */
  async pushWhole(bytes: Uint8Array): Promise<boolean> {
    const { scanner, database } = this.#parts;
    if (bytes.length > scanner.windowBytes) return false;
    await database.admit();
    const scan = scanner.scan(NOTHING, bytes, true, { ...this.#scan, take: "known" });
    if (scan.consumed < bytes.length) {
      database.batch.begin();
      return false;
    }
    for (const line of scan.refused) this.#refuse(line);
    if (this.outcome.refused.malformed > 0) database.batch.begin();
    else this.#write();
    return true;
  }

  async #resume(wait: Promise<void>, bytes: Uint8Array, end: boolean): Promise<void> {
    await wait;
    // The wait is over for this writer; another may have filled the room, so it is asked for once more.
    await this.push(bytes, end);
  }

  /** Scans one window from `at` and writes it. Returns where the next begins, or LINE_TOO_LONG. */
  #step(bytes: Uint8Array, at: number, end: boolean): number {
    const { scanner } = this.#parts;
    const head = this.#carry;
    const tail = bytes.subarray(at, at + scanner.windowBytes - head.length);
    const last = at + tail.length === bytes.length;
    if (last && !end && tail.indexOf(LINE_FEED) < 0) return this.#keep(bytes, at);
    const scan = scanner.scan(head, tail, end && last, this.#scan);
    for (const line of scan.refused) this.#refuse({ ...line, line: line.line + this.#lines });
    this.#lines += scan.lines;
    this.#write();
    if (scan.consumed > 0) {
      this.#carry = NOTHING;
      at += scan.consumed - head.length;
    }
    if (scan.full || at === bytes.length || (scan.consumed > 0 && !last)) return at;
    return this.#keep(bytes, at);
  }

  /** Keeps the unfinished line from `at` on for the next push. */
  #keep(bytes: Uint8Array, at: number): number {
    const length = this.#carry.length + bytes.length - at;
    const { windowBytes } = this.#parts.scanner;
    if (length > windowBytes) {
      this.#refuse({
        kind: "too_long",
        line: this.#lines + 1,
        text: excerpt(this.#carry.length > 0 ? this.#carry : bytes.subarray(at)),
        reason: `line is longer than ${windowBytes} bytes`,
      });
      return LINE_TOO_LONG;
    }
    // A copy: the caller's buffer is its own again after the push.
    this.#carry = join(this.#carry, bytes.slice(at));
    return bytes.length;
  }

  /** Passes over the rest of a line that is too long. */
  #skip(bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(LINE_FEED, at);
    if (end < 0) return bytes.length;
    this.#skipping = false;
    this.#lines++;
    return end + 1;
  }

  #write(): void {
    const { database } = this.#parts;
    if (this.#options.dry === true) return database.batch.begin();
    if (database.batch.rows === 0) return;
    const result = database.write(this.#options.acknowledgement);
    this.outcome.rows += result.rows;
    this.outcome.points += result.points;
    this.outcome.tooOld += result.tooOld;
    this.#parts.count(result.rows, result.points, result.tooOld);
    if (result.done === undefined) return;
    // Sync groups end in order, so the newest stands for all; an earlier one that fails makes it fail too.
    this.#done?.catch(() => {});
    this.#done = result.done;
    result.done.catch(() => {});
  }

  #refuse(line: RefusedLine): void {
    this.outcome.refused[line.kind]++;
    if (this.outcome.first.length < REFUSED_KEPT_MAX) this.outcome.first.push(line);
    if (this.#options.dry !== true) this.#parts.countRefused(line);
  }
}

/** Longest piece of a line that an error quotes. */
const EXCERPT_BYTES_MAX = 256;
const decoder = new TextDecoder();

function excerpt(line: Uint8Array): string {
  return decoder.decode(line.subarray(0, EXCERPT_BYTES_MAX));
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array {
  if (head.length === 0) return tail;
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head, 0);
  whole.set(tail, head.length);
  return whole;
}
