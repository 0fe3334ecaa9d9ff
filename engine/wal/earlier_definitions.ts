/**
 * Definitions in log files below the floor. Nobody needs those files for their rows; they stay a while for copies of the
 * directory, and say what sources and fields are called where the registry's files that said it are gone.
 */
import { MalformedError } from "../base/bytes.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { decodePayload, FILE_HEADER_BYTES } from "./format.ts";
import { type ChainFile, findChain, openLogFile } from "./log_chain.ts";
import type { KeptLogFile, LogPosition } from "./log.ts";

export interface EarlierDefinitionsOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  /** Files from the floor's on are left to the replay. */
  readonly floor: LogPosition;
  readonly onDefinitions: (definitions: Uint8Array) => void;
}

/**
 * Hands out the definitions of the files that lead to the floor without a gap, and returns these files, oldest first. Throws
 * "io" and what the callback throws.
 */
export function readEarlierDefinitions(options: EarlierDefinitionsOptions): KeptLogFile[] {
  const { fileSystem, directory, floor } = options;
  const { files } = findChain(fileSystem, { directory, floor: { file: 1, offset: 0 } });
  // Before a gap there may be files of a log that a restart gave up, whose ids were given out again.
  const gap = files.findLastIndex(({ end }, i) => end === undefined && i + 1 < files.length);
  return files.slice(gap + 1).filter(({ file }) => file < floor.file)
    .map((found) => readFile(found, options));
}

function readFile(
  { file, end = Infinity }: ChainFile,
  options: EarlierDefinitionsOptions,
): KeptLogFile {
  using reader = openLogFile(options.fileSystem, { ...options, file });
  let offset = FILE_HEADER_BYTES;
  for (;;) {
    const record = reader.recordAt(offset);
    if (record === undefined || record.end > end) break;
    try {
      const { definitions } = decodePayload(record.payload, record.header.isCompressed);
      if (definitions.length > 0) options.onDefinitions(definitions);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      break;
    }
    offset = record.end;
  }
  // A flush went by it: it was on the device before.
  return { file, offset, synced: offset };
}
