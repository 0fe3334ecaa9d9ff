/** Paths: absolute, with "/"; and where the parts of a database lie in its directory. The only user of node:path. */
import { posix } from "node:path";

/** Absolute form of a path a person gave. */
export function absolutePath(path: string): string {
  return posix.resolve(path);
}

export function joinPath(directory: string, name: string): string {
  return posix.join(directory, name);
}

/** The directory that holds a path; of the root the root itself. */
export function parentOf(path: string): string {
  return posix.dirname(path);
}

/** Last part of a path. */
export function fileNameOf(path: string): string {
  return posix.basename(path);
}

/** Names within a database's directory. */
export interface DatabasePaths {
  readonly directory: string;
  readonly manifest: string;
  /** Log files. */
  readonly log: string;
  readonly registry: string;
  readonly segments: string;
  /** Files that are not finished; emptied when the database is opened. */
  readonly staging: string;
}

export function databasePaths(directory: string): DatabasePaths {
  return {
    directory,
    manifest: joinPath(directory, "MANIFEST"),
    log: joinPath(directory, "wal"),
    registry: joinPath(directory, "registry"),
    segments: joinPath(directory, "segments"),
    staging: joinPath(directory, "staging"),
  };
}
