/**
 * The files of a database against what its manifest names: at opening, files that no version names are removed, and
 * segments whose files are missing or have another length are told.
 */
import type { SegmentId } from "../base/types.ts";
import type { FileSystem } from "../fs/file_system.ts";
import { type DatabasePaths, joinPath } from "../fs/paths.ts";
import type { Version } from "./version.ts";

export interface DataFilesOptions {
  readonly fileSystem: FileSystem;
  readonly paths: DatabasePaths;
  readonly version: Version;
  /** Name of a segment's file; the format of the name belongs to the segment folder. */
  readonly segmentFileName: (id: SegmentId) => string;
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

/** Empties staging/ and removes segments and registry files that the version does not name. Log files are not touched. */
export function removeUnnamedFiles(options: DataFilesOptions): SweepReport {
  const { fileSystem, paths, version } = options;
  const segments = new Set<string>();
  for (const { id } of version.segments) segments.add(options.segmentFileName(id));
  for (const id of version.quarantined) segments.add(options.segmentFileName(id));
  const report = { removed: [] as string[], stuck: [] as string[] };
  sweep(fileSystem, { directory: paths.staging, keep: new Set(), report });
  sweep(fileSystem, { directory: paths.segments, keep: segments, report });
  sweep(fileSystem, { directory: paths.registry, keep: new Set(version.registryFiles), report });
  return report;
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

function sweep(
  fileSystem: FileSystem,
  given: {
    readonly directory: string;
    readonly keep: ReadonlySet<string>;
    readonly report: { readonly removed: string[]; readonly stuck: string[] };
  },
): void {
  for (const { name, kind } of fileSystem.list(given.directory)) {
    if (given.keep.has(name)) continue;
    const path = joinPath(given.directory, name);
    try {
      if (kind === "directory") fileSystem.removeTree(path);
      else fileSystem.remove(path);
      given.report.removed.push(path);
    } catch {
      given.report.stuck.push(path);
    }
  }
}
