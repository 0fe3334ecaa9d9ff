/**
 * Directories that outlast a power cut: a directory's name is an entry of its parent, and is gone with all that is below
 * it where the parent was never synced.
 */
import { EngineError } from "../errors.ts";
import type { FileSystem } from "./file_system.ts";
import { parentOf } from "./paths.ts";

/** Makes a directory and its missing parents, and syncs each name that was made. Throws "io". */
export function makeDurableDirectory(fileSystem: FileSystem, path: string): void {
  const made: string[] = [];
  for (let at = path; !fileSystem.exists(at); at = parentOf(at)) made.push(at);
  if (made.length === 0) return syncNameIfAllowed(fileSystem, path);
  fileSystem.makeDirectory(path);
  for (const name of made.reverse()) fileSystem.syncDirectory(parentOf(name));
}

/**
 * The directory may be of a start that ended before the sync, or of somebody else, under a parent that is not ours to read:
 * then its name is that somebody's affair.
 */
function syncNameIfAllowed(fileSystem: FileSystem, path: string): void {
  try {
    fileSystem.syncDirectory(parentOf(path));
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== "io") throw error;
  }
}
