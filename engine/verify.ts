/**
 * Checks every byte of a database that nobody has open, and says what is damaged. Changes nothing.
 *
 * The manifest is read whole; segments page by page, block by block, chunk by chunk; registry files are unpacked and
 * applied; the log is replayed from its floor into nothing.
 */
import { EngineError, isEngineError } from "./errors.ts";
import type { FileSystem } from "./fs/file_system.ts";
import { type DatabasePaths, databasePaths, joinPath } from "./fs/paths.ts";
import { Kernels } from "./kernels/kernels.ts";
import { parseManifest } from "./manifest/manifest.ts";
import type { SegmentRecord, Version } from "./manifest/version.ts";
import { BlockCache } from "./segment/block_cache.ts";
import { segmentFileName } from "./segment/format.ts";
import { OpenFiles } from "./segment/open_files.ts";
import { SegmentReader, type SegmentStore } from "./segment/reader.ts";
import { verifySegment } from "./segment/verify.ts";
import type { ReplayMode } from "./settings.ts";
import { readBlocks } from "./series/registry_format.ts";
import { Registry } from "./series/registry.ts";
import type { ReplayReport } from "./wal/log.ts";
import { replayLog } from "./wal/replay.ts";

const CACHE_BYTES = 4 << 20;
const OPEN_FILES_MAX = 4;

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
  readonly problem: string;
}

/** Reads a database's manifest without changing it. Throws "invalid" where there is none, "corrupt", "unsupported", "io". */
export function readVersion(fileSystem: FileSystem, paths: DatabasePaths): Version {
  if (!fileSystem.exists(paths.manifest)) {
    throw new EngineError(
      "invalid",
      `Cannot read "${paths.directory}": it holds no MANIFEST; name a database's directory`,
    );
  }
  const handle = fileSystem.open(paths.manifest, "read");
  try {
    const bytes = new Uint8Array(handle.size());
    handle.read(bytes, 0);
    return parseManifest(bytes, paths.manifest).version;
  } finally {
    handle.close();
  }
}

/** Verifies the database in a directory. Throws "locked" when somebody has it, and as `readVersion` does. */
export function verifyDatabase(fileSystem: FileSystem, directory: string): VerifyReport {
  const paths = databasePaths(directory);
  const version = readVersion(fileSystem, paths);
  using _lock = fileSystem.lock(directory);
  const problems: string[] = [];
  const notes: string[] = [];
  for (const { problem } of findDamagedSegments(fileSystem, paths, version)) problems.push(problem);
  for (const id of version.quarantined) notes.push(`Segment ${id} was set aside before`);
  const kernels = new Kernels();
  const registry = new Registry(kernels);
  for (const name of version.registryFiles) {
    attempt(
      problems,
      () => applyRegistryFile(fileSystem, joinPath(paths.registry, name), registry),
    );
  }
  const log = attempt(problems, () => checkLog({ fileSystem, paths, version, kernels, registry }));
  for (const line of log?.damage ?? []) (log?.isTorn ? notes : problems).push(`Log: ${line}`);
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
  paths: DatabasePaths,
  version: Version,
): DamagedSegment[] {
  const kernels = new Kernels();
  using files = new OpenFiles(fileSystem, OPEN_FILES_MAX);
  using cache = new BlockCache(kernels, CACHE_BYTES);
  const damaged: DamagedSegment[] = [];
  for (const record of version.segments) {
    const found: string[] = [];
    attempt(found, () => checkSegment({ cache, files }, paths, record));
    for (const problem of found) damaged.push({ id: record.id, problem });
  }
  return damaged;
}

function checkSegment(store: SegmentStore, paths: DatabasePaths, record: SegmentRecord): void {
  const { id, bytes, checksum } = record;
  const { exports } = store.cache.kernels;
  const path = joinPath(paths.segments, segmentFileName(id));
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

/** What `check` gives; an error of the engine becomes a problem. */
function attempt<Result>(problems: string[], check: () => Result): Result | undefined {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}
