/** Labels every field of a chunk's bytes, for people: `tsinkd inspect`, the golden file and docs/format/chunk.md. */
import { MalformedError } from "../base/bytes.ts";
import { readChunkPlainly } from "./plain_reader.ts";

/** One line a field: offset, name, value. Damage is a line, too; what follows it is not read. */
export function describeChunk(bytes: Uint8Array): string {
  const lines: string[] = [];
  const line = (offset: number, text: string) =>
    lines.push(`${String(offset).padStart(8)}  ${text}`);
  let last = 0;
  try {
    readChunkPlainly(bytes, (offset, text) => {
      line(offset, text);
      last = offset;
    });
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    line(last, `damaged behind here: ${error.message}`);
  }
  return lines.join("\n") + "\n";
}
