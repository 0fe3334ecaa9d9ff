/**
 * Makes records of the kernels' batch: decides when a record restarts, and puts header, columns and text together in linear
 * memory, so that one write takes the whole.
 *
 * Invariants
 * - A record that was encoded and not written is followed by one that restarts: encoding has advanced what rows count from.
 */
import { assert } from "../base/assert.ts";
import { EngineError } from "../errors.ts";
import type { Kernels } from "../kernels/kernels.ts";
import {
  compressText,
  PAYLOAD_HEAD_MAX,
  putPayloadHead,
  RECORD_FLAG,
  RECORD_HEADER_BYTES,
  RECORD_PAYLOAD_MAX,
  type RecordPlace,
  sealRecord,
} from "./format.ts";
import type { LogRecord } from "./log.ts";

/**
 * Bytes of records after which one restarts, so that damage costs no more than what lies up to the next restart. A restart
 * costs about a third of the bases' memory in the log; the second rule keeps that below four percent.
 */
const RESTART_BYTES = 1 << 20;
const RESTART_PER_BASE_BYTE = 8;
/** Bytes of linear memory that shapes may take before a record restarts. */
const SHAPE_BYTES_MAX = 1 << 20;

export class RecordEncoder {
  readonly #kernels: Kernels;
  #restartDue = true;
  #sinceRestart = 0;
  #flags = 0;

  constructor(kernels: Kernels) {
    assert(kernels.exports.RECORD_HEADROOM.value >= RECORD_HEADER_BYTES + PAYLOAD_HEAD_MAX);
    this.#kernels = kernels;
  }

  /** Makes the next record restart: it is the first of a file, or the one before was not written. */
  restart(): void {
    this.#restartDue = true;
  }

  /**
   * Encodes a record, header still empty; undefined when there is nothing to write. The bytes lie in linear memory until
   * the next call of a kernel. Throws "limit" for a record that is too long.
   */
  encode(record: LogRecord): Uint8Array | undefined {
    const { exports } = this.#kernels;
    const restarts = this.#mustRestart();
    const definitions = record.definitions;
    const definitionBytes = definitions?.length ?? 0;
    if (definitionBytes > RECORD_PAYLOAD_MAX >> 1) throw tooLong(definitionBytes);
    if (restarts) exports.recordRestart();
    // From here on what rows count from has changed; `written` takes this back.
    this.#restartDue = true;
    const rowBytes = record.hasRows ? exports.encodeRecord(definitionBytes) >>> 0 : 0;
    if (rowBytes + definitionBytes === 0) {
      this.#restartDue = restarts;
      return undefined;
    }
    const start = exports.recordReserve(rowBytes === 0 ? definitionBytes : 0) >>> 0;
    this.#kernels.refresh();
    const bytes = this.#kernels.u8;
    if (definitions !== undefined) bytes.set(definitions, start + rowBytes);
    const blobBytes = rowBytes === 0 ? 0 : exports.recordBlobBytes.value;
    const columnBytes = rowBytes - blobBytes;
    const textAt = start + columnBytes;
    const text = bytes.subarray(textAt, textAt + blobBytes + definitionBytes);
    const compressed = compressText(text);
    if (compressed !== undefined) bytes.set(compressed, textAt);
    const end = textAt + (compressed ?? text).length;
    const head = putPayloadHead(bytes, start, [columnBytes, blobBytes, definitionBytes]);
    if (end - head > RECORD_PAYLOAD_MAX) throw tooLong(end - head);
    this.#flags = (restarts ? RECORD_FLAG.restart : 0) |
      (compressed === undefined ? 0 : RECORD_FLAG.compressed);
    return bytes.subarray(head - RECORD_HEADER_BYTES, end);
  }

  /** Fills in the header of the record encoded last. */
  seal(record: Uint8Array, given: { readonly place: RecordPlace; readonly synced: number }): void {
    sealRecord(record, { ...given, flags: this.#flags });
  }

  /** The record encoded last is in the log. */
  written(bytes: number): void {
    this.#sinceRestart = bytes +
      ((this.#flags & RECORD_FLAG.restart) === 0 ? this.#sinceRestart : 0);
    this.#restartDue = false;
  }

  #mustRestart(): boolean {
    const { exports } = this.#kernels;
    const after = Math.max(RESTART_BYTES, RESTART_PER_BASE_BYTE * exports.recordBaseBytes());
    return this.#restartDue || this.#sinceRestart >= after ||
      exports.recordShapeBytes() > SHAPE_BYTES_MAX;
  }
}

function tooLong(bytes: number): EngineError {
  return new EngineError(
    "limit",
    `Cannot append to the log: a record of ${bytes} bytes is above ${RECORD_PAYLOAD_MAX}`,
  );
}
