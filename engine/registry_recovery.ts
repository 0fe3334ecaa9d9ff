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
import type { SegmentRecord, Version } from "./manifest/version.ts";
import type { SegmentReader } from "./segment/reader.ts";
import type { SeriesRegistry } from "./series/registry.ts";
import type { KeptLogFile } from "./wal/log.ts";
import { readEarlierDefinitions } from "./wal/earlier_definitions.ts";

export interface RegistryRecovery {
  readonly fileSystem: FileSystem;
  readonly paths: DatabasePaths;
  readonly registry: SeriesRegistry;
  readonly version: Version;
  /** Stays open until the caller closes it. */
  readonly openSegment: (record: SegmentRecord) => SegmentReader;
  /** Something is damaged, and what it defines may be lost. */
  readonly onDamaged: (message: string) => void;
}

/**
 * Applies what can be found, and returns the log files that it stands in: they are needed until a flush has written the
 * registry anew. Throws "io" where something cannot be read now that may be read another time.
 */
export function recoverDefinitions(recovery: RegistryRecovery): readonly KeptLogFile[] {
  const { fileSystem, paths, registry, version, onDamaged } = recovery;
  for (const record of version.segments) {
    try {
      const reader = recovery.openSegment(record);
      for (const block of reader.sourceBlocks()) registry.apply(reader.readSourceBlock(block));
    } catch (error) {
      // Its rows are lost as well. What can be read another time must not be left out of a registry that is written anew.
      if (!isEngineError(error, "corrupt")) throw error;
      onDamaged(`Cannot read definitions of segment ${record.id}: ${error.message}`);
    }
  }
  try {
    return readEarlierDefinitions({
      fileSystem,
      directory: paths.log,
      floor: version.logFloor,
      onDefinitions: (definitions) => registry.apply(definitions),
    });
  } catch (error) {
    if (!isEngineError(error, "corrupt")) throw error;
    onDamaged(`Cannot read definitions of the log: ${error.message}`);
    return [];
  }
}
