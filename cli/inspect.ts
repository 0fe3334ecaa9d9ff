/** `tsinkd inspect PATH`: prints what lies in a file of a database, field by field. */
import { statSync } from "node:fs";
import { absolutePath, type FileSystem, inspectFile } from "../engine/mod.ts";

const CHUNKS = "--chunks";

/** Prints each file; a directory stands for its MANIFEST. Throws EngineError. */
export function inspect(
  fileSystem: FileSystem,
  words: readonly string[],
  print: (text: string) => void,
): number {
  const chunks = words.includes(CHUNKS);
  const paths = words.filter((word) => word !== CHUNKS).map(absolutePath);
  for (const path of paths) {
    const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    const file = isDirectory ? `${path}/MANIFEST` : path;
    if (paths.length > 1) print(`${file}:`);
    print(inspectFile(fileSystem, file, { chunks }).trimEnd());
  }
  return 0;
}
