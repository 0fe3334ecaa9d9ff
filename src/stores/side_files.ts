/** Files of the daemon that lie beside the engine's in the directory of a database, and go with it into copies. */
import { copyFile, type FileSystem } from "../../engine/mod.ts";

export const METADATA_FILE = "metadata.json";
export const DATABASES_FILE = "databases.json";

const SIDE_FILES: readonly string[] = [METADATA_FILE, DATABASES_FILE];

/** Whether a file in the directory is one of these, or what is left of one that was being written or is damaged. */
export function isSideFile(name: string): boolean {
  return SIDE_FILES.some((each) => ["", ".new", ".damaged"].some((end) => name === each + end));
}

/** Copies them from one directory to another. Each is replaced whole when it changes, so that it is whole here, too. */
export async function copySideFiles(
  fileSystem: FileSystem,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  for (const name of SIDE_FILES) {
    if (!fileSystem.exists(`${from}/${name}`)) continue;
    await copyFile(fileSystem, `${from}/${name}`, `${to}/${name}`);
  }
  fileSystem.syncDirectory(to);
}
