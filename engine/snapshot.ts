/**
 * Snapshots: a consistent copy of a database in a directory of its own, and putting one back.
 *
 * Segments and registry files never change, so a snapshot names them a second time (hard links) where the file system
 * can, and copies them elsewhere. The copy is made beside its destination and renamed when all of it is on the device.
 *
 * Invariants
 * - The destination exists only when it is complete.
 * - Restoring replaces everything in the target or nothing.
 */
import { EngineError, isEngineError } from "./errors.ts";
import { copyFile } from "./fs/copy_file.ts";
import type { FileSystem } from "./fs/file_system.ts";
import { makeDurableDirectory } from "./fs/durable_directory.ts";
import { type DatabasePaths, databasePaths, fileNameOf, joinPath, parentOf } from "./fs/paths.ts";
import { editOf } from "./manifest/edit.ts";
import { Manifest } from "./manifest/manifest.ts";
import type { Version } from "./manifest/version.ts";
import { segmentFileName } from "./segment/format.ts";

/** Copies a pinned version of a database to `destination`, which must not exist. Throws "invalid", "io". */
export async function writeSnapshot(
  fileSystem: FileSystem,
  from: { readonly paths: DatabasePaths; readonly version: Version },
  destination: string,
): Promise<void> {
  if (fileSystem.exists(destination)) {
    throw new EngineError(
      "invalid",
      `Cannot write a snapshot to "${destination}": it exists; name a directory that does not`,
    );
  }
  const parent = parentOf(destination);
  makeDurableDirectory(fileSystem, parent);
  const staging = joinPath(parent, `.${fileNameOf(destination)}.partial`);
  if (fileSystem.exists(staging)) fileSystem.removeTree(staging);
  try {
    await fillSnapshot(fileSystem, from, staging);
    fileSystem.rename(staging, destination);
    fileSystem.syncDirectory(parent);
  } catch (error) {
    if (fileSystem.exists(staging)) fileSystem.removeTree(staging);
    throw error;
  }
}

async function fillSnapshot(
  fileSystem: FileSystem,
  from: { readonly paths: DatabasePaths; readonly version: Version },
  staging: string,
): Promise<void> {
  const { paths, version } = from;
  const target = databasePaths(staging);
  for (const path of [target.segments, target.registry, target.log, target.staging]) {
    fileSystem.makeDirectory(path);
  }
  const { identity } = version;
  // Made before there are files: a manifest that is missing beside data is damage.
  const manifest = Manifest.open({ fileSystem, directory: staging, identity });
  try {
    for (const { id } of version.segments) {
      const name = segmentFileName(id);
      await share(fileSystem, joinPath(paths.segments, name), joinPath(target.segments, name));
    }
    for (const name of version.registryFiles) {
      await share(fileSystem, joinPath(paths.registry, name), joinPath(target.registry, name));
    }
    manifest.commitNow(editOf(version));
  } finally {
    manifest.close();
  }
  for (const path of [target.segments, target.registry, target.log, target.staging, staging]) {
    fileSystem.syncDirectory(path);
  }
}

/** A second name for a file, or a copy where the file system has no hard links or the destination is on another one. */
async function share(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  try {
    fileSystem.link(from, to);
  } catch (error) {
    if (!isEngineError(error, "unsupported") && !isEngineError(error, "io")) throw error;
    await copyFile(fileSystem, from, to);
  }
}

/**
 * Puts a snapshot in the place of a database that nobody has open. Throws "invalid" when source and target are one or the
 * source is no database, "locked" when the target is in use, "io".
 */
export async function restoreSnapshot(
  fileSystem: FileSystem,
  source: string,
  target: string,
): Promise<void> {
  if (source === target) {
    throw new EngineError("invalid", `Cannot restore "${target}" from itself: name another source`);
  }
  if (!fileSystem.exists(databasePaths(source).manifest)) {
    throw new EngineError("invalid", `Cannot restore from "${source}": it holds no MANIFEST`);
  }
  const parent = parentOf(target);
  makeDurableDirectory(fileSystem, parent);
  const name = fileNameOf(target);
  const staging = joinPath(parent, `.${name}.restore`);
  const old = joinPath(parent, `.${name}.replaced`);
  for (const path of [staging, old]) if (fileSystem.exists(path)) fileSystem.removeTree(path);
  try {
    await copyTree(fileSystem, source, staging);
  } catch (error) {
    if (fileSystem.exists(staging)) fileSystem.removeTree(staging);
    throw error;
  }
  const replaces = fileSystem.exists(target);
  if (replaces) {
    using _lock = fileSystem.lock(target);
    fileSystem.rename(target, old);
  }
  try {
    fileSystem.rename(staging, target);
  } catch (error) {
    if (replaces) fileSystem.rename(old, target);
    throw error;
  }
  fileSystem.syncDirectory(parent);
  if (replaces) fileSystem.removeTree(old);
}

async function copyTree(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  fileSystem.makeDirectory(to);
  for (const { name, kind } of fileSystem.list(from)) {
    if (name === "LOCK") continue;
    if (kind === "directory") await copyTree(fileSystem, joinPath(from, name), joinPath(to, name));
    else if (kind === "file") await copyFile(fileSystem, joinPath(from, name), joinPath(to, name));
  }
  fileSystem.syncDirectory(to);
}
