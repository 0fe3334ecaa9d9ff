/**
 * Makes a damaged database one that opens again, and says what is gone. What is sound stays; nothing is invented.
 *
 * Damaged and missing segments are set aside: the manifest names them as quarantined and their files stay. The log is
 * replayed up to damage and on behind it, and what it gave is written into segments, so that the damaged part is not
 * needed any more. Lost registry files are made up for by the definitions in segments. A damaged manifest is not repaired:
 * what it named cannot be known; a snapshot has to be restored.
 */
import type { Components, Logger } from "./components.ts";
import { defaultComponents } from "./components.ts";
import { chooseVersion } from "./copied_directory.ts";
import { isEngineError } from "./errors.ts";
import { isMissing, systemCodeOf } from "./fs/io_error.ts";
import { absolutePath, databasePaths } from "./fs/paths.ts";
import type { ManifestContent } from "./manifest/content.ts";
import { Manifest } from "./manifest/manifest.ts";
import { openDatabase } from "./open.ts";
import type { Settings } from "./settings.ts";
import {
  type DamagedSegment,
  findDamagedSegments,
  lockDatabase,
  readVersion,
  verifyDatabase,
  type VerifyReport,
} from "./verify.ts";

export interface RepairReport {
  /** What was damaged, each with what became of it. */
  readonly repaired: readonly string[];
  /** The state afterwards. */
  readonly after: VerifyReport;
}

/** Settings that the database in a directory was made with. Throws as `readVersion` does. */
export function storedSettings(
  directory: string,
  components: Partial<Components> = {},
): Partial<Settings> {
  const { fileSystem } = defaultComponents(components);
  return readVersion(fileSystem, databasePaths(absolutePath(directory))).identity;
}

/**
 * Repairs the database in a directory. Throws "locked", "corrupt" for a damaged manifest, "unsupported" for a newer
 * format, "io" where a file may not be read; then nothing has changed.
 */
export async function repairDatabase(
  path: string,
  components: Partial<Components> = {},
): Promise<RepairReport> {
  const { fileSystem } = defaultComponents(components);
  const directory = absolutePath(path);
  const repaired = setAsideDamaged(fileSystem, directory);
  const logger: Logger = {
    log: (level, message) => {
      if (level === "warn" || level === "error") repaired.push(message);
    },
  };
  const identity = storedSettings(directory, components);
  const database = await openDatabase({
    path: directory,
    settings: { ...identity, replayMode: "salvage", compactionEnabled: false },
    components: { ...components, logger },
  });
  let activeFile: number | undefined;
  try {
    await database.flush();
    activeFile = database.stats().log?.activeFile;
  } finally {
    await database.close();
  }
  if (activeFile !== undefined) passDamagedLog(fileSystem, directory, activeFile);
  return { repaired, after: verifyDatabase(fileSystem, directory) };
}

/** All that the log gave is in segments: where it gave nothing, no flush has moved the floor past the damage. */
function passDamagedLog(
  fileSystem: Components["fileSystem"],
  directory: string,
  activeFile: number,
): void {
  const { identity, logFloor } = readVersion(fileSystem, databasePaths(directory));
  if (logFloor.file >= activeFile) return;
  using _lock = fileSystem.lock(directory);
  const manifest = Manifest.open({ fileSystem, directory, identity });
  try {
    manifest.commitNow({ logFloor: { file: activeFile, offset: 0 } });
  } finally {
    manifest.close();
  }
}

function setAsideDamaged(fileSystem: Components["fileSystem"], directory: string): string[] {
  const paths = databasePaths(directory);
  using _lock = lockDatabase(fileSystem, paths);
  const version = readVersion(fileSystem, paths);
  const damaged = findDamagedSegments(fileSystem, { paths, version });
  if (damaged.length === 0) return [];
  const spared = damaged.find((segment) => !isLost(segment));
  if (spared !== undefined) throw spared.error;
  const { identity } = version;
  const choose = (content: ManifestContent) => chooseVersion({ fileSystem, paths }, content);
  const manifest = Manifest.open({ fileSystem, directory, identity, choose });
  try {
    manifest.commitNow({ quarantineSegments: damaged.map(({ id }) => id) });
  } finally {
    manifest.close();
  }
  return damaged.map(({ id, error }) => {
    const { rows, minTime, maxTime } = version.segments.find((segment) => segment.id === id)!;
    return `Segment ${id} is set aside with its ${rows} rows from ${minTime} to ${maxTime}: ${error.message}`;
  });
}

/** Whether nobody can read a segment any more; what a newer program or another user could read is not lost. */
function isLost({ error }: DamagedSegment): boolean {
  return isEngineError(error, "corrupt") || isMissing(error) || systemCodeOf(error) === "EIO";
}
