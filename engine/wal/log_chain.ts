/**
 * Which files of a directory are the log, and in which order. Files are linked backwards by their headers; files that are
 * not linked (spare ones, or one that a power cut left without what came before it) are no part of it.
 */
import { EngineError } from "../errors.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { joinPath } from "../fs/paths.ts";
import { FILE_HEADER_BYTES, type LogFileHeader, logFileName, logFileNumber } from "./format.ts";
import { LogFileReader } from "./log_file_reader.ts";
import type { LogPosition } from "./log.ts";

/** A file of the log. */
export interface ChainFile {
  readonly file: number;
  /** Undefined where it is damaged. */
  readonly header: LogFileHeader | undefined;
  /** Where the file behind it says that this one ended; undefined for the newest, and where that is lost. */
  end: number | undefined;
  /** Up to where it was on the device when the next one was begun. */
  synced: number;
}

/** A gap or damage between files. */
export interface ChainDamage {
  readonly file: number;
  readonly message: string;
}

export interface LogChain {
  /** Oldest first. */
  readonly files: readonly ChainFile[];
  readonly damage: readonly ChainDamage[];
  /** Highest number of any file in the directory, 0 for none. */
  readonly highest: number;
}

/** Numbers of the log files in a directory, ascending; none when there is no directory. */
export function listLogFiles(fileSystem: FileSystem, directory: string): number[] {
  if (!fileSystem.exists(directory)) return [];
  return fileSystem.list(directory)
    .flatMap(({ name, kind }) => kind === "file" ? logFileNumber(name) ?? [] : [])
    .sort((a, b) => a - b);
}

export function openLogFile(
  fileSystem: FileSystem,
  given: { readonly directory: string; readonly file: number },
): LogFileReader {
  const path = joinPath(given.directory, logFileName(given.file));
  return LogFileReader.open(fileSystem, { path, file: given.file });
}

/** Finds the log from `floor` on. Throws "io", "unsupported". */
export function findChain(
  fileSystem: FileSystem,
  given: { readonly directory: string; readonly floor: LogPosition },
): LogChain {
  const numbers = listLogFiles(fileSystem, given.directory);
  const headers = new Map<number, LogFileHeader | undefined>();
  for (const file of numbers) {
    if (file < given.floor.file) continue;
    using reader = openLogFile(fileSystem, { ...given, file });
    const header = readHeader(reader);
    if (header !== "unused") headers.set(file, header);
  }
  const begun = [...headers.keys()];
  const files: ChainFile[] = [];
  const damage: ChainDamage[] = [];
  let file = begun.pop();
  let end: number | undefined;
  let synced = 0;
  while (file !== undefined) {
    const header = headers.get(file);
    files.unshift({ file, header, end, synced });
    while (begun.length > 0 && begun.at(-1)! >= file) begun.pop();
    let next = header?.previousFile;
    end = header?.previousEnd;
    synced = header?.previousSynced ?? 0;
    if (header === undefined) {
      damage.push({ file, message: "its header is damaged" });
    } else if (isMissing(header, headers, given.floor)) {
      if (isProven(fileSystem, { directory: given.directory, files })) {
        damage.push({ file: header.previousFile, message: "it is missing" });
      } else {
        // A power cut kept the younger name and lost the older one: nobody was told of what these files hold.
        files.length = 0;
      }
      end = undefined;
      synced = 0;
      next = undefined;
    }
    // Where the link is lost, the log is taken to have gone on from the file with the next lower number.
    next ??= begun.at(-1);
    file = next !== undefined && headers.has(next) ? next : undefined;
  }
  return { files, damage, highest: numbers.at(-1) ?? 0 };
}

/** Whether a file can be replayed to its end; the newest one may end in a write that was not finished. Throws "io". */
export function isFileWhole(
  fileSystem: FileSystem,
  given: { readonly directory: string; readonly found: ChainFile; readonly isNewest: boolean },
): boolean {
  const { file, end, synced } = given.found;
  using reader = openLogFile(fileSystem, { directory: given.directory, file });
  let offset = FILE_HEADER_BYTES;
  while (offset !== end) {
    const record = reader.recordAt(offset);
    if (record === undefined || record.end > (end ?? Infinity)) break;
    offset = record.end;
  }
  if (end !== undefined) return offset === end;
  if (!given.isNewest) return false;
  if (reader.isCopy()) return true;
  return synced <= offset &&
    reader.findRecord(offset + 1, (record) => record.synced > offset) === undefined;
}

/** A damaged header counts when records in the file prove that the file had been synced; otherwise it was never begun. */
function readHeader(reader: LogFileReader): LogFileHeader | "unused" | undefined {
  const header = reader.header();
  if (header !== undefined) return header;
  const proof = reader.findRecord(FILE_HEADER_BYTES, (record) => record.synced > 0);
  return proof === undefined ? "unused" : undefined;
}

/** Whether these files, which follow one another to the log's end, prove that what came before them was on the device. */
function isProven(
  fileSystem: FileSystem,
  given: { readonly directory: string; readonly files: readonly ChainFile[] },
): boolean {
  if ((given.files[0]?.header?.previousSynced ?? 0) > 0) return true;
  return given.files.some(({ file, synced }) => {
    if (synced > 0) return true;
    using reader = openLogFile(fileSystem, { directory: given.directory, file });
    return reader.findRecord(FILE_HEADER_BYTES, (record) => record.synced > 0) !== undefined;
  });
}

/** Whether the log before a file ought to be there and is not. */
function isMissing(
  header: LogFileHeader,
  headers: ReadonlyMap<number, unknown>,
  floor: LogPosition,
): boolean {
  const { previousFile, previousEnd } = header;
  if (headers.has(previousFile) || previousFile < floor.file) return false;
  return previousEnd > FILE_HEADER_BYTES &&
    (previousFile > floor.file || previousEnd > floor.offset);
}

/** Removes all log files; returns the number of the first file that was never used. */
export function removeLog(
  fileSystem: FileSystem,
  given: { readonly directory: string; readonly floor: LogPosition },
): number {
  const numbers = listLogFiles(fileSystem, given.directory);
  for (const file of numbers) fileSystem.remove(joinPath(given.directory, logFileName(file)));
  if (numbers.length > 0) fileSystem.syncDirectory(given.directory);
  return Math.max(given.floor.file, (numbers.at(-1) ?? 0) + 1);
}

/** The error for a damaged place in the log. */
export function damageError(file: number, message: string): EngineError {
  return new EngineError(
    "corrupt",
    `Cannot replay log file ${logFileName(file)}: ${message}`,
  );
}
