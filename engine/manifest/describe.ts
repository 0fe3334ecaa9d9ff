/** Labels every field of a manifest's bytes, for people: `tsinkd inspect`, the golden file and docs/format/manifest.md. */
import { MalformedError } from "../base/bytes.ts";
import {
  HEADER_BYTES,
  headerVersion,
  payloadAt,
  readFields,
  RECORD_HEADER_BYTES,
} from "./format.ts";

/** Series of a tombstone that are written out. */
const SERIES_SHOWN = 8;

/** One line a field: offset, name, value. Damage is a line, too; what follows it is not read. */
export function describeManifest(bytes: Uint8Array): string {
  const lines: string[] = [];
  const line = (offset: number, text: string) =>
    lines.push(`${String(offset).padStart(8)}  ${text}`);
  const version = headerVersion(bytes);
  line(0, version === undefined ? "not a manifest" : `manifest, version ${version}`);
  let offset = HEADER_BYTES;
  while (version !== undefined && offset < bytes.length) {
    const payload = payloadAt(bytes, offset);
    if (payload === undefined) {
      line(offset, `torn or damaged: ${bytes.length - offset} bytes`);
      break;
    }
    describeRecord(payload, offset, line);
    offset += RECORD_HEADER_BYTES + payload.length;
  }
  return lines.join("\n") + "\n";
}

function describeRecord(
  payload: Uint8Array,
  offset: number,
  line: (offset: number, text: string) => void,
): void {
  const fields: [number, string][] = [];
  try {
    const { kind, number } = readFields(payload, (name, value, at) => {
      fields.push([offset + RECORD_HEADER_BYTES + at, `  ${name} ${describeValue(value)}`]);
    });
    line(offset, `record ${number}, ${kind}, ${payload.length} bytes`);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    line(offset, `malformed record of ${payload.length} bytes: ${error.message}`);
  }
  for (const [at, text] of fields) line(at, text);
}

function describeValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(describeValue).join(", ")}]`;
  if (value instanceof Float64Array) {
    const shown = [...value.subarray(0, SERIES_SHOWN)].map(
      (series) => `${Math.floor(series / 65_536)}/${series % 65_536}`,
    );
    if (value.length > SERIES_SHOWN) shown.push(`and ${value.length - SERIES_SHOWN} more`);
    return `[${shown.join(" ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).map(([name, part]) =>
      `${name}=${
        typeof part === "object" && !(part instanceof Float64Array)
          ? `(${describeValue(part)})`
          : describeValue(part)
      }`
    ).join(" ");
  }
  return value === undefined ? "all" : String(value);
}
