/** What an open database is made of: recovery puts it together (open.ts), the engine runs it, statistics look at it. */
import type { Flusher } from "./background/flusher.ts";
import type { Maintenance } from "./background/maintenance.ts";
import type { Components } from "./components.ts";
import type { ObsoleteFiles } from "./fs/obsolete_files.ts";
import type { DatabasePaths } from "./fs/paths.ts";
import type { Head } from "./head/head.ts";
import type { Kernels } from "./kernels/kernels.ts";
import type { ManifestFile } from "./manifest/version.ts";
import type { VersionSet } from "./manifest/version_set.ts";
import type { RetentionClock } from "./retention/retention_clock.ts";
import type { BlockCache } from "./segment/block_cache.ts";
import type { OpenFiles } from "./segment/open_files.ts";
import type { SegmentReaders } from "./segment/segment_readers.ts";
import type { RegistryFiles } from "./series/registry_file.ts";
import type { SeriesRegistry } from "./series/registry.ts";
import type { Settings } from "./settings.ts";
import type { WriteAheadLog } from "./wal/log.ts";
import type { MemoryBudget } from "./write/memory_budget.ts";
import type { Admission } from "./write/admission.ts";

/** What recovery hands over. */
export interface EngineParts {
  readonly settings: Settings;
  readonly components: Components;
  readonly paths: DatabasePaths;
  readonly kernels: Kernels;
  readonly registry: SeriesRegistry;
  readonly registryFiles: RegistryFiles;
  readonly manifest: ManifestFile;
  readonly versions: VersionSet;
  /** Absent where logging is switched off. */
  readonly log: WriteAheadLog | undefined;
  readonly head: Head;
  readonly readers: SegmentReaders;
  readonly cache: BlockCache;
  readonly files: OpenFiles;
  readonly obsolete: ObsoleteFiles;
  readonly budget: MemoryBudget;
  readonly lock: Disposable;
  readonly recency: RetentionClock;
  /** Head stamps of tombstones that rows in the head may be older than. */
  readonly tombstoneStamps: Map<number, number>;
}

/** What runs beside writes and reads; made once the engine is there to serve it. */
export interface EngineServices {
  readonly flusher: Flusher;
  readonly admission: Admission;
  readonly maintenance: Maintenance;
}

/** Bytes of the files in the directory. */
export function usedBytes({ versions, log, registryFiles, obsolete }: EngineParts): number {
  const segments = versions.current.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  return segments + (log?.stats().bytes ?? 0) + registryFiles.bytes + obsolete.bytes;
}
