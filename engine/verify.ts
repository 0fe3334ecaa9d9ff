/**
 * Checks every byte of a database that nobody has open, and says what is damaged. Changes nothing.
 *
 * The manifest is read whole; segments page by page, block by block, chunk by chunk; registry files are unpacked and
 * applied; the log is replayed from its floor into nothing.
 */
import { chooseVersion, isCopied } from "./copied_directory.ts";
import { EngineError, isEngineError } from "./errors.ts";
import type { FileSystem } from "./fs/file_system.ts";
import { type DatabasePaths, databasePaths, joinPath } from "./fs/paths.ts";
import { isMissing } from "./fs/io_error.ts";
import { Kernels } from "./kernels/kernels.ts";
import { parseManifest } from "./manifest/content.ts";
import type { SegmentRecord, Version } from "./manifest/version.ts";
import { BlockCache } from "./segment/block_cache.ts";
import { segmentFileName } from "./segment/format.ts";
import { OpenFiles } from "./segment/open_files.ts";
import { SegmentReader, type SegmentStore } from "./segment/reader.ts";
import { verifySegment } from "./segment/verify.ts";
import { recoverDefinitions } from "./registry_recovery.ts";
import type { ReplayMode } from "./settings.ts";
import { readBlocks } from "./series/registry_format.ts";
import { Registry } from "./series/registry.ts";
import type { ReplayReport } from "./wal/log.ts";
import { replayLog } from "./wal/replay.ts";

const CACHE_BYTES = 4 << 20;
const OPEN_FILES_MAX = 4;

const OLDER_NOTE =
  "Files of the newest version are missing, as in a copy made while the database was in use: an older one is complete and taken";

export interface VerifyReport {
  readonly segments: number;
  readonly registryFiles: number;
  /** Records of the log from its floor on, and their rows. */
  readonly logRecords: number;
  readonly logRows: number;
  /** What is damaged: file, offset, what is wrong. Empty for a sound database. */
  readonly problems: readonly string[];
  /** What is worth knowing and harms nothing. */
  readonly notes: readonly string[];
}

/** A segment that cannot be read, and why. */
export interface DamagedSegment {
  readonly id: SegmentRecord["id"];
  readonly error: EngineError;
}

/** A file that has been checked; the log's files count as one, their directory. */
export interface CheckedFile {
  readonly path: string;
  /** What is wrong with it; undefined where it is sound. */
  readonly problem: string | undefined;
}

export type OnFile = (file: CheckedFile) => void;

/**
 * Reads a database's manifest without changing it: the version that opening would take. Throws "invalid" where there is none, "corrupt", "unsupported",
 * "io".
 */
export function readVersion(fileSystem: FileSystem, paths: DatabasePaths): Version {
  return readVersions(fileSystem, paths).opened;
}

function readVersions(
  fileSystem: FileSystem,
  paths: DatabasePaths,
): { readonly opened: Version; readonly isNewest: boolean } {
  checkIsDatabase(fileSystem, paths);
  const handle = fileSystem.open(paths.manifest, "read");
  try {
    const bytes = new Uint8Array(handle.size());
    handle.read(bytes, 0);
    const content = parseManifest(bytes, paths.manifest);
    const older = chooseVersion({ fileSystem, paths }, content);
    return { opened: older ?? content.version, isNewest: older === undefined };
  } finally {
    handle.close();
  }
}

/** Takes the lock of a database's directory; makes none elsewhere. Throws "invalid" where there is none, "locked", "io". */
export function lockDatabase(fileSystem: FileSystem, paths: DatabasePaths): Disposable {
  checkIsDatabase(fileSystem, paths);
  return fileSystem.lock(paths.directory);
}

function checkIsDatabase(fileSystem: FileSystem, paths: DatabasePaths): void {
  if (fileSystem.exists(paths.manifest)) return;
  throw new EngineError(
    "invalid",
    `Cannot read "${paths.directory}": it holds no MANIFEST; name a database's directory`,
  );
}

/**
 * Verifies the database in a directory; `onFile` is told of each file once it is checked. Throws "locked" when somebody
 * has it, and as `readVersion` does.
 */
export function verifyDatabase(
  fileSystem: FileSystem,
  directory: string,
  onFile: OnFile = () => {},
): VerifyReport {
  const paths = databasePaths(directory);
  using _lock = lockDatabase(fileSystem, paths);
  const { opened: version, isNewest } = readVersions(fileSystem, paths);
  onFile({ path: paths.manifest, problem: undefined });
  const problems: string[] = [];
  const notes: string[] = [];
  if (!isNewest) notes.push(OLDER_NOTE);
  for (const { error } of findDamagedSegments(fileSystem, { paths, version }, onFile)) {
    problems.push(error.message);
  }
  for (const id of version.quarantined) {
    notes.push(`Segment ${id} was set aside before: ${segmentPath(paths, id)}`);
  }
  const kernels = new Kernels();
  const registry = new Registry(kernels);
  const isCopy = isCopied(fileSystem, paths.log);
  let isIncomplete = false;
  for (const name of version.registryFiles) {
    const path = joinPath(paths.registry, name);
    const error = errorOf(() => applyRegistryFile(fileSystem, path, registry));
    isIncomplete ||= error !== undefined;
    // It came after the directory was listed.
    const isLater = isCopy && isMissing(error);
    if (isLater) notes.push(`Registry file "${path}" is missing: segments and log make up for it`);
    else if (error !== undefined) problems.push(error.message);
    onFile({ path, problem: isLater ? undefined : error?.message });
  }
  if (isIncomplete) applyRecovered(fileSystem, { paths, version, registry });
  let log: (ReplayReport & { readonly isTorn: boolean }) | undefined;
  const failure = errorOf(() => {
    log = checkLog({ fileSystem, paths, version, kernels, registry });
  });
  const logDamage = failure === undefined ? log?.damage ?? [] : [failure.message];
  const isDamaged = logDamage.length > 0 && log?.isTorn !== true;
  for (const line of logDamage) (isDamaged ? problems : notes).push(`Log: ${line}`);
  onFile({ path: paths.log, problem: isDamaged ? logDamage.join("; ") : undefined });
  return {
    segments: version.segments.length,
    registryFiles: version.registryFiles.length,
    logRecords: log?.records ?? 0,
    logRows: log?.rows ?? 0,
    problems,
    notes,
  };
}

/** The segments of a version that are damaged or missing. Nobody writes to the directory meanwhile. */
export function findDamagedSegments(
  fileSystem: FileSystem,
  { paths, version }: { readonly paths: DatabasePaths; readonly version: Version },
  onFile: OnFile = () => {},
): DamagedSegment[] {
  const kernels = new Kernels();
  using files = new OpenFiles(fileSystem, OPEN_FILES_MAX);
  using cache = new BlockCache(kernels, CACHE_BYTES);
  const damaged: DamagedSegment[] = [];
  for (const record of version.segments) {
    const path = segmentPath(paths, record.id);
    const error = errorOf(() => checkSegment({ cache, files }, path, record));
    if (error !== undefined) damaged.push({ id: record.id, error });
    onFile({ path, problem: error?.message });
  }
  return damaged;
}

function segmentPath(paths: DatabasePaths, id: SegmentRecord["id"]): string {
  return joinPath(paths.segments, segmentFileName(id));
}

function checkSegment(store: SegmentStore, path: string, record: SegmentRecord): void {
  const { id, bytes, checksum } = record;
  const { exports } = store.cache.kernels;
  using reader = new SegmentReader(store, { path, id, bytes, checksum });
  verifySegment(store, reader, {
    checkChunk: (chunk) => exports.chunkRows(chunk.pointer, chunk.bytes),
  });
}

/** Replays the log into nothing. What ends it without damage, a torn tail, strict replay takes; damage it does not. */
function checkLog(given: {
  readonly fileSystem: FileSystem;
  readonly paths: DatabasePaths;
  readonly version: Version;
  readonly kernels: Kernels;
  readonly registry: Registry;
}): ReplayReport & { readonly isTorn: boolean } {
  const { fileSystem, paths, version, kernels, registry } = given;
  const replay = (mode: ReplayMode) =>
    replayLog({
      fileSystem,
      directory: paths.log,
      floor: version.logFloor,
      mode,
      kernels,
      onDefinitions: (definitions) => registry.apply(definitions),
      onRows: () => {},
    });
  try {
    return { ...replay("strict"), isTorn: true };
  } catch (error) {
    if (!isEngineError(error, "corrupt")) throw error;
    return { ...replay("salvage"), isTorn: false };
  }
}

function applyRegistryFile(fileSystem: FileSystem, path: string, registry: Registry): void {
  const handle = fileSystem.open(path, "read");
  try {
    for (const { definitions } of readBlocks(handle)) registry.apply(definitions);
  } finally {
    handle.close();
  }
}

/** What registry files do not say is taken from where opening takes it. */
function applyRecovered(
  fileSystem: FileSystem,
  given: { readonly paths: DatabasePaths; readonly version: Version; readonly registry: Registry },
): void {
  const { paths, registry } = given;
  using files = new OpenFiles(fileSystem, OPEN_FILES_MAX);
  using cache = new BlockCache(registry.kernels, CACHE_BYTES);
  const readers: SegmentReader[] = [];
  try {
    recoverDefinitions({
      ...given,
      fileSystem,
      openSegment: ({ id, bytes, checksum }) => {
        const path = segmentPath(paths, id);
        const reader = new SegmentReader({ cache, files }, { path, id, bytes, checksum });
        readers.push(reader);
        return reader;
      },
      // Damage of segments and log is told where they are checked.
      onDamaged: () => {},
    });
  } finally {
    for (const reader of readers) reader[Symbol.dispose]();
  }
}

/** The engine's error that `check` throws; undefined when it throws none. */
function errorOf(check: () => void): EngineError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return error;
  }
}
