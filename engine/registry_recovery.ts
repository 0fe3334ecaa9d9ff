/**
 * What registry files said that are damaged or missing stands elsewhere, too: in the segments, each of which defines its own
 * sources, and in the log files that were written before the floor, as far as they are still there.
 *
 * Whatever the version's rows need is among it: a source has rows in a segment, or, where those were deleted, a definition in
 * a log file that was still needed when the registry was copied.
 */
import { isEngineError } from "./errors.ts";
import type { FileSystem } from "./fs/file_system.ts";
import type { DatabasePaths } from "./fs/paths.ts";
import type { Manifest } from "./manifest/manifest.ts";
import type { SegmentRecord, Version } from "./manifest/version.ts";
import type { SegmentReader } from "./segment/reader.ts";
import type { RegistryFiles } from "./series/registry_file.ts";
import type { SeriesRegistry } from "./series/registry.ts";
import { readEarlierDefinitions } from "./wal/earlier_definitions.ts";

export interface RegistryRecovery {
  readonly fileSystem: FileSystem;
  readonly paths: DatabasePaths;
  readonly registry: SeriesRegistry;
  readonly version: Version;
  /** Stays open until the caller closes it. */
  readonly openSegment: (record: SegmentRecord) => SegmentReader;
  /** Something could not be read, and what it defines may be lost. */
  readonly onUnreadable: (message: string) => void;
}

/** Applies what can be found. Throws "io" where the log's files cannot be read. */
export function recoverDefinitions(recovery: RegistryRecovery): void {
  const { fileSystem, paths, registry, version, onUnreadable } = recovery;
  for (const record of version.segments) {
    try {
      const reader = recovery.openSegment(record);
      for (const block of reader.sourceBlocks()) registry.apply(reader.readSourceBlock(block));
    } catch (error) {
      onUnreadable(`Cannot read definitions of segment ${record.id}: ${String(error)}`);
    }
  }
  try {
    readEarlierDefinitions({
      fileSystem,
      directory: paths.log,
      floor: version.logFloor,
      onDefinitions: (definitions) => registry.apply(definitions),
    });
  } catch (error) {
    if (!isEngineError(error, "corrupt")) throw error;
    onUnreadable(`Cannot read definitions of the log: ${error.message}`);
  }
}

/**
 * Writes the recovered definitions into a file that the manifest names from now on, because the log files that held them are
 * about to go. A disk that refuses leaves things as they were: the next flush writes them.
 */
export async function keepRecovered(
  manifest: Manifest,
  registryFiles: RegistryFiles,
  onRefused: (message: string) => void,
): Promise<void> {
  try {
    manifest.commitNow({ registryFiles: await registryFiles.checkpoint() });
  } catch (error) {
    if (!isEngineError(error, "io")) throw error;
    onRefused(`Cannot write the registry anew: ${error.message}`);
  }
}
