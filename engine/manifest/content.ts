/**
 * What a manifest's bytes say: the whole version that they begin with, the edits behind it, and where they end. A pure function.
 */
import { AssertionError } from "../base/assert.ts";
import { MalformedError } from "../base/bytes.ts";
import { EngineError } from "../errors.ts";
import { applyEdit, emptyVersion } from "./edit.ts";
import {
  decodePayload,
  hasRecordBehind,
  HEADER_BYTES,
  headerVersion,
  MANIFEST_VERSION,
  payloadAt,
  RECORD_HEADER_BYTES,
} from "./format.ts";
import type { KeptEdit } from "./history.ts";
import type { Version, VersionEdit } from "./version.ts";

/** What reading a manifest's bytes gave. */
export interface ManifestContent {
  readonly version: Version;
  /** Number of the last whole record. */
  readonly number: number;
  /** The version that the file begins with, its record's number, and what followed. */
  readonly whole: { readonly version: Version; readonly number: number };
  readonly edits: readonly KeptEdit[];
  /** Offsets of it and behind it. */
  readonly start: number;
  readonly end: number;
  /** Offset behind the record of the whole version. */
  readonly wholeEnd: number;
  /** Bytes of a torn record behind it. */
  readonly tornBytes: number;
}

/** Reads a manifest's bytes. `path` is for messages. Throws "corrupt", "unsupported". */
export function parseManifest(bytes: Uint8Array, path: string): ManifestContent {
  const format = headerVersion(bytes);
  if (format === undefined || format === 0) throw corrupt(path, 0, "its header is damaged");
  if (format > MANIFEST_VERSION) {
    throw new EngineError(
      "unsupported",
      `Cannot read manifest "${path}": its version ${format} is newer than ${MANIFEST_VERSION}; update this program`,
    );
  }
  let content: ManifestContent | undefined;
  const edits: KeptEdit[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const payload = payloadAt(bytes, offset);
    if (payload === undefined) break;
    const end = offset + RECORD_HEADER_BYTES + payload.length;
    const record = bytes.slice(offset, end);
    const { version, number, edit } = applyRecord(content, payload, { path, offset });
    if (edit !== undefined) edits.push({ number, edit, record });
    content = {
      version,
      number,
      whole: content?.whole ?? { version, number },
      edits,
      start: offset,
      end,
      wholeEnd: content?.wholeEnd ?? end,
      tornBytes: 0,
    };
    offset = end;
  }
  if (content === undefined) throw corrupt(path, offset, "its first record is damaged");
  if (hasRecordBehind(bytes, { offset, number: content.number })) {
    throw corrupt(path, offset, "a record is damaged");
  }
  return { ...content, tornBytes: bytes.length - offset };
}

function applyRecord(
  before: ManifestContent | undefined,
  payload: Uint8Array,
  place: { readonly path: string; readonly offset: number },
): { readonly version: Version; readonly number: number; readonly edit: VersionEdit | undefined } {
  try {
    const { kind, number, identity, edit } = decodePayload(payload);
    if (before === undefined) {
      if (kind !== "whole" || identity === undefined) {
        throw new MalformedError("its first record does not hold the whole version");
      }
      const version = applyEdit(emptyVersion(identity), edit);
      return { version, number, edit: undefined };
    }
    if (kind !== "edit" || number !== before.number + 1) {
      throw new MalformedError(`record ${number} follows record ${before.number}`);
    }
    return { version: applyEdit(before.version, edit), number, edit };
  } catch (error) {
    if (!(error instanceof MalformedError) && !(error instanceof AssertionError)) throw error;
    throw corrupt(place.path, place.offset, error.message);
  }
}

function corrupt(path: string, offset: number, what: string): EngineError {
  return new EngineError("corrupt", `Cannot read manifest "${path}" at offset ${offset}: ${what}`);
}
