/**
 * Which version of the database the files of a directory belong to, where the directory may be a copy that was made file by
 * file while the database was in use; see manifest/complete_version.ts for the rule.
 */
import type { Logger } from "./components.ts";
import { EngineError } from "./errors.ts";
import type { FileSystem } from "./fs/file_system.ts";
import type { DatabasePaths } from "./fs/paths.ts";
import { findCompleteVersion } from "./manifest/complete_version.ts";
import type { ManifestContent } from "./manifest/content.ts";
import type { Version } from "./manifest/version.ts";
import { segmentFileName } from "./segment/format.ts";
import {
  type ChainFile,
  findChain,
  isFileWhole,
  listLogFiles,
  openLogFile,
} from "./wal/log_chain.ts";

const OLDER_WARNING =
  "Files of the newest version are missing, as in a copy made while the database was in use: the last version whose files are all there is opened";

/**
 * The older version that has to be opened, which is logged; undefined for the newest. Throws "io", "unsupported", and
 * "corrupt" where the manifest ends in half a record and segments before it are gone: they only go when a record that removes
 * them is on the device, so that this one was whole once, and what it added would be lost with it.
 */
export function chooseVersion(
  given: {
    readonly fileSystem: FileSystem;
    readonly paths: DatabasePaths;
    readonly logger?: Logger;
  },
  content: ManifestContent,
): Version | undefined {
  const { fileSystem, paths } = given;
  const segments = namesIn(fileSystem, paths.segments);
  const registry = namesIn(fileSystem, paths.registry);
  const history = { whole: content.whole.version, edits: content.edits.map(({ edit }) => edit) };
  const whole = new Map<number, boolean>();
  const isWhole = (files: readonly ChainFile[]): boolean =>
    files.every((found, i) => {
      let known = whole.get(found.file);
      if (known === undefined) {
        const isNewest = i + 1 === files.length;
        known = isFileWhole(fileSystem, { directory: paths.log, found, isNewest });
        whole.set(found.file, known);
      }
      return known;
    });
  const older = findCompleteVersion(history, {
    hasSegment: (id) => segments.has(segmentFileName(id)),
    hasRegistryFile: (name) => registry.has(name),
    get isCopy() {
      return isCopied(fileSystem, paths.log);
    },
    log: (floor) => {
      const { files, damage } = findChain(fileSystem, { directory: paths.log, floor });
      return {
        isDamaged: damage.length > 0 || !isWhole(files),
        firstFile: files[0]?.file ?? 0,
        lastFile: files.at(-1)?.file ?? 0,
      };
    },
  });
  if (older !== undefined) given.logger?.log("warn", OLDER_WARNING);
  const isTorn = content.tornBytes > 0;
  const lost = content.version.segments.find(({ id }) => !segments.has(segmentFileName(id)));
  if (older !== undefined || !isTorn || lost === undefined) return older;
  throw new EngineError(
    "corrupt",
    `Cannot read manifest "${paths.manifest}" at offset ${content.end}: a record is damaged, and segment ${lost.id} before it is gone`,
  );
}

function namesIn(fileSystem: FileSystem, directory: string): ReadonlySet<string> {
  if (!fileSystem.exists(directory)) return new Set();
  return new Set(fileSystem.list(directory).map(({ name }) => name));
}

/** Whether a log file shows that the directory's files are copies. */
export function isCopied(fileSystem: FileSystem, directory: string): boolean {
  return listLogFiles(fileSystem, directory).some((file) => {
    using reader = openLogFile(fileSystem, { directory, file });
    return reader.isCopy();
  });
}
