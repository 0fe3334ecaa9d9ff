/**
 * The files of a database against what its manifest names: at opening, files that no version names are removed or, where an
 * earlier version may have named them, obsolete, and segments whose files are missing or have another length are told.
 */
import type { SegmentId } from "../base/types.ts";
import type { FileSystem } from "../fs/file_system.ts";
import type { ObsoleteFiles } from "../fs/obsolete_files.ts";
import { type DatabasePaths, joinPath } from "../fs/paths.ts";
import type { Version } from "./version.ts";

export interface DataFilesOptions {
  readonly fileSystem: FileSystem;
  readonly paths: DatabasePaths;
  readonly version: Version;
  /** Name of a segment's file; the format of the name belongs to the segment folder. */
  readonly segmentFileName: (id: SegmentId) => string;
  /** Where files go that earlier versions may have named; if absent, they are removed at once. */
  readonly obsolete?: ObsoleteFiles;
}

export interface SweepReport {
  readonly removed: readonly string[];
  /** Files that could not be removed: they take room but do no harm. */
  readonly stuck: readonly string[];
}

/** A segment that cannot be read as it is. */
export interface SegmentProblem {
  readonly id: SegmentId;
  readonly path: string;
  readonly problem: string;
}

/** Creates the directories that are missing. Throws "io". */
export function makeDataDirectories(fileSystem: FileSystem, paths: DatabasePaths): void {
  const missing = [paths.log, paths.registry, paths.segments, paths.staging].filter((path) =>
    !fileSystem.exists(path)
  );
  for (const path of missing) fileSystem.makeDirectory(path);
  if (missing.length > 0) fileSystem.syncDirectory(paths.directory);
}

/** Empties staging/ and gives up segments and registry files that the version does not name. Log files are not touched. */
export function removeUnnamedFiles(options: DataFilesOptions): SweepReport {
  const { fileSystem, paths, version } = options;
  const named = new Set<string>(version.registryFiles);
  for (const { id } of version.segments) named.add(options.segmentFileName(id));
  for (const id of version.quarantined) named.add(options.segmentFileName(id));
  const report = { removed: [] as string[], stuck: [] as string[] };
  for (const directory of [paths.staging, paths.segments, paths.registry]) {
    for (const { name, kind } of fileSystem.list(directory)) {
      const path = joinPath(directory, name);
      if (directory !== paths.staging && named.has(name)) continue;
      const { obsolete } = options;
      const isFile = kind === "file" && directory !== paths.staging;
      if (obsolete !== undefined && isFile && wasNamed(name, version)) {
        retire(options, obsolete, path);
      } else remove(fileSystem, { path, kind, report });
    }
  }
  return report;
}

/** Whether an earlier version may have named a file. A segment's number that was not given out yet will be given to another. */
function wasNamed(name: string, { nextSegment }: Version): boolean {
  const match = /^(\d+)\.(seg|reg)$/.exec(name);
  return match !== null && (match[2] === "reg" || Number(match[1]) < nextSegment);
}

function retire(options: DataFilesOptions, obsolete: ObsoleteFiles, path: string): void {
  const { fileSystem } = options;
  obsolete.add({
    path,
    bytes: fileSystem.fileBytes(path),
    remove: () => {
      const report = { removed: [], stuck: [] as string[] };
      remove(fileSystem, { path, kind: "file", report });
      return report.stuck.length === 0;
    },
  });
}

/** Named segments whose files are not there or have not the bytes they should have; their content is not read. */
export function findLostSegments(options: DataFilesOptions): SegmentProblem[] {
  const { fileSystem, paths, version } = options;
  const problems: SegmentProblem[] = [];
  for (const { id, bytes } of version.segments) {
    const path = joinPath(paths.segments, options.segmentFileName(id));
    if (!fileSystem.exists(path)) problems.push({ id, path, problem: "it is missing" });
    else {
      const actual = fileSystem.fileBytes(path);
      if (actual !== bytes) {
        const problem = `it has ${actual} bytes, the manifest says ${bytes}`;
        problems.push({ id, path, problem });
      }
    }
  }
  return problems;
}

function remove(
  fileSystem: FileSystem,
  given: {
    readonly path: string;
    readonly kind: "file" | "directory" | "other";
    readonly report: { readonly removed: string[]; readonly stuck: string[] };
  },
): void {
  const { path, kind, report } = given;
  try {
    if (kind === "directory") fileSystem.removeTree(path);
    else if (fileSystem.exists(path)) fileSystem.remove(path);
    report.removed.push(path);
  } catch {
    report.stuck.push(path);
  }
}
