/** Labels the fields of a log file's bytes, for people: `tsinkd inspect`, the golden file and docs/format/wal.md. */
import { ByteReader, MalformedError } from "../base/bytes.ts";
import { FAMILY_NAMES } from "../base/types.ts";
import {
  decodeFileHeader,
  decodePayload,
  decodeRecordHeader,
  FILE_HEADER_BYTES,
  isRecordSound,
  RECORD_HEADER_BYTES,
} from "./format.ts";

/** Shapes that are written out. */
const SHAPES_SHOWN = 4;
const SCALES = ["1", "10^3", "10^6", "10^9"];

type Line = (offset: number, text: string) => void;

/** One line a field: offset, name, value. What follows the first record that is not sound is not read. */
export function describeLogFile(bytes: Uint8Array): string {
  const lines: string[] = [];
  const line: Line = (offset, text) => lines.push(`${String(offset).padStart(8)}  ${text}`);
  const header = decodeFileHeader(bytes);
  if (header === undefined || header === "unused") {
    line(0, header === undefined ? "not a log file" : "a log file that has not been begun");
    return lines.join("\n") + "\n";
  }
  const { file, previousFile, previousEnd, previousSynced } = header;
  line(0, `log file ${file}`);
  line(10, header.mark === 0 ? "  without a mark" : `  mark ${header.mark.toString(16)}`);
  line(16, `  goes on from file ${previousFile}, which ended at ${previousEnd}`);
  line(24, `  of which ${previousSynced} bytes were known to be on the device`);
  let offset = FILE_HEADER_BYTES;
  for (;;) {
    const end = describeRecord(bytes, { file, offset }, line);
    if (end === undefined) break;
    offset = end;
  }
  line(offset, `end: ${bytes.length - offset} bytes of no record`);
  return lines.join("\n") + "\n";
}

/** Describes the record at a place; its end, or undefined when there is none. */
function describeRecord(
  bytes: Uint8Array,
  place: { readonly file: number; readonly offset: number },
  line: Line,
): number | undefined {
  const { offset } = place;
  const header = decodeRecordHeader(bytes.subarray(offset), place);
  if (header === undefined) return undefined;
  const end = offset + RECORD_HEADER_BYTES + header.payloadBytes;
  const record = bytes.subarray(offset, end);
  if (end > bytes.length || !isRecordSound(record, place)) return undefined;
  const flags = [
    ...(header.restarts ? ["restarts"] : []),
    ...(header.isCompressed ? ["text compressed"] : []),
  ];
  line(offset, `record of ${record.length} bytes${flags.map((flag) => `, ${flag}`).join("")}`);
  line(offset + 8, `  ${header.synced} bytes of the file were known to be on the device`);
  const payload = record.subarray(RECORD_HEADER_BYTES);
  try {
    const { columns, blobs, definitions } = decodePayload(payload, header.isCompressed);
    const columnsAt = offset + RECORD_HEADER_BYTES + (columns.byteOffset - payload.byteOffset);
    if (columns.length > 0) describeColumns(columns, columnsAt, line);
    const textAt = columnsAt + columns.length;
    if (blobs.length > 0) line(textAt, `  blobs, ${blobs.length} bytes`);
    if (definitions.length > 0) {
      const at = header.isCompressed ? textAt : textAt + blobs.length;
      line(at, `  definitions, ${definitions.length} bytes`);
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    line(offset + RECORD_HEADER_BYTES, `  malformed: ${error.message}`);
  }
  return end;
}

/** What stands before the columns of numbers. */
function describeColumns(columns: Uint8Array, offset: number, line: Line): void {
  const reader = new ByteReader(columns);
  const flags = reader.u8();
  const rows = reader.varint();
  const origin = (flags & 1) === 0 ? "their bases" : "the row before";
  line(offset, `  rows ${rows}, times from ${origin} in steps of ${SCALES[flags >> 1] ?? "?"}`);
  const shapesAt = reader.offset;
  const shapes = reader.varint();
  if (shapes > 0) line(offset + shapesAt, `  new shapes ${shapes}`);
  for (let number = 0; number < shapes; number++) {
    const at = reader.offset;
    const fields = describeShape(reader);
    if (number < SHAPES_SHOWN) line(offset + at, `    ${fields}`);
  }
  line(offset + reader.offset, `  columns of numbers, ${reader.left} bytes`);
}

function describeShape(reader: ByteReader): string {
  const columns = reader.varint();
  const slots: number[] = [];
  let next = 0;
  for (let c = 0; c < columns; c++) {
    const number = reader.varint();
    const slot = next + (number % 2 === 0 ? number / 2 : -(number + 1) / 2);
    slots.push(slot);
    next = slot + 1;
  }
  return slots.map((slot) => `${slot} ${FAMILY_NAMES[reader.u8()] ?? "?"}`).join(", ") ||
    "no columns";
}
