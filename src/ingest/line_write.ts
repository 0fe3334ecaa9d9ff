/**
 * One body, connection or datagram of line protocol on its way into the database: hands the bytes to the scanner, a
 * window at a time, and writes each batch that it fills.
 *
 * Invariants
 * - Scanning a window and writing its batches is one synchronous step; the wait for admission comes before it.
 * - What is kept between two pushes is at most one unfinished line.
 */
import {
  type Acknowledgement,
  LINE_BYTES_MAX,
  type LineError,
  type LineOptions,
  type LineReport,
  type LineUnit,
  type ScanOptions,
} from "../../engine/mod.ts";
import { Destination, type DestinationParts } from "./destination.ts";

/** Lines that arrive in pieces: the engine's LineStream. */
export interface LinePieces {
  readonly report: LineReport;
  takeErrors(): readonly LineError[];
  push(chunk: Uint8Array, nowNs: bigint): void;
  end(nowNs: bigint): LineReport;
}

/** What fills the database's batch: the engine's LineScanner. */
export interface LineParser {
  scan(bytes: Uint8Array, options: ScanOptions): LineReport;
  /** With "none", lines are checked, and nothing is written or created. */
  stream(options: LineOptions, take: "all" | "none"): LinePieces;
}

export interface LineWriteParts extends DestinationParts {
  readonly parser: LineParser;
  readonly nowNs: () => bigint;
  /** What is waited for where the options do not say it. */
  readonly acknowledgement?: Acknowledgement;
  /** Sees the bytes of each piece once it is parsed. */
  readonly passed: (bytes: number) => void;
  /** Sees what each batch became. */
  readonly count: (rows: number, points: number, tooOld: number) => void;
}

export interface LineWriteOptions {
  readonly unit: LineUnit;
  /** `db` label of every series; undefined: none. */
  readonly database?: string | undefined;
  /** Refuses the names that InfluxDB 2 reserves. */
  readonly reserved?: boolean;
  readonly acknowledgement?: Acknowledgement;
  /** One receive time for all lines without a timestamp, as a request has; else each push has its own. */
  readonly oneTime?: boolean;
  /** Learns which lines are malformed and writes nothing. */
  readonly checkOnly?: boolean;
}

/** Bytes that are scanned and written without giving way: about a millisecond each. */
const STEP_BYTES = LINE_BYTES_MAX;
/** Longest body that `pushWhole` takes. */
export const WHOLE_BYTES_MAX: number = 4 << 20;

export class LineWrite {
  rows = 0;
  points = 0;
  tooOld = 0;
  readonly #parts: LineWriteParts;
  readonly #options: LineWriteOptions;
  readonly #scan: LineOptions;
  readonly #nowNs: bigint | undefined;
  readonly #destination: Destination;
  #pieces: LinePieces | undefined;
  #whole: LineReport | undefined;
  #done: Promise<void> | undefined;

  constructor(parts: LineWriteParts, options: LineWriteOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#nowNs = options.oneTime === true ? parts.nowNs() : undefined;
    this.#destination = new Destination(parts, options.database);
    this.#scan = {
      unit: options.unit,
      refuseReservedTags: options.reserved === true,
      write: () => this.#write(),
      ...(options.database === undefined ? {} : { database: options.database }),
    };
  }

  /** What the parser made of all lines so far. */
  get report(): LineReport {
    return this.#whole ?? this.#stream.report;
  }

  /** Resolves when all that was written so far has its acknowledgement; undefined when it has. */
  get done(): Promise<void> | undefined {
    return this.#done;
  }

  /** Takes the errors out of the report, so that later ones are kept again. */
  takeErrors(): readonly LineError[] {
    return this.#stream.takeErrors();
  }

  /**
   * Takes the next bytes; at the `end` the last line needs no line feed. Returns undefined when all is written, a promise
   * when the database is behind. One push at a time. Throws what `Database.write` throws.
   */
  push(bytes: Uint8Array, end = false): Promise<void> | undefined {
    for (let at = 0; at < bytes.length; at += STEP_BYTES) {
      const wait = this.#admit();
      if (wait !== undefined) return this.#resume(wait, bytes.subarray(at), end);
      this.#stream.push(bytes.subarray(at, at + STEP_BYTES), this.#now());
    }
    this.#parts.passed(bytes.length);
    if (!end) return undefined;
    const wait = this.#admit();
    if (wait !== undefined) return this.#resume(wait, bytes.subarray(bytes.length), true);
    this.#stream.end(this.#now());
    return undefined;
  }

  /**
   * Takes a whole body of at most WHOLE_BYTES_MAX in one step. With `allOrNothing`, nothing is written when a line is
   * malformed. Returns undefined when that is done, a promise when the database is behind.
   */
  pushWhole(bytes: Uint8Array, allOrNothing: boolean): Promise<void> | undefined {
    const wait = this.#admit();
    if (wait !== undefined) return wait.then(() => this.pushWhole(bytes, allOrNothing));
    this.#parts.passed(bytes.length);
    this.#whole = this.#parts.parser.scan(bytes, {
      ...this.#scan,
      nowNs: this.#now(),
      allOrNothing,
    });
    return undefined;
  }

  get #stream(): LinePieces {
    this.#pieces ??= this.#parts.parser.stream(
      this.#scan,
      this.#options.checkOnly === true ? "none" : "all",
    );
    return this.#pieces;
  }

  #admit(): Promise<void> | undefined {
    return this.#options.checkOnly === true ? undefined : this.#destination.admit();
  }

  #now(): bigint {
    return this.#nowNs ?? this.#parts.nowNs();
  }

  async #resume(wait: Promise<void>, bytes: Uint8Array, end: boolean): Promise<void> {
    await wait;
    // The wait is over for this writer; another may have filled the room, so it is asked for once more.
    await this.push(bytes, end);
  }

  #write(): void {
    const { database, acknowledgement } = this.#parts;
    const result = database.write(
      this.#options.acknowledgement ?? acknowledgement,
      this.#destination.keep,
    );
    this.rows += result.rows;
    this.points += result.points;
    this.tooOld += result.tooOld;
    this.#parts.count(result.rows, result.points, result.tooOld);
    if (result.done === undefined) return;
    // Sync groups end in order, so the newest stands for all; an earlier one that fails makes it fail too.
    this.#done?.catch(() => {});
    this.#done = result.done;
  }
}
