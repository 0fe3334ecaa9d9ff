/**
 * Copies a database's directory as cp and tar do: directory by directory, each listed when its turn comes, file by file, in
 * pieces; between any two of these steps something else may happen to the database.
 */
import { isMissing } from "../../engine/fs/io_error.ts";
import type { MemoryFileSystem } from "../../engine/fs/memory_file_system.ts";

export type CopiedEntry = "MANIFEST" | "registry" | "segments" | "wal";

/** Where the last break within a file is: log files are long by the zeros they have in advance. */
const BREAKS_UNTIL = 8_000;

export interface CopyOptions {
  readonly from: string;
  readonly to: string;
  readonly order: readonly CopiedEntry[];
  /** Files of a directory in the order of their names, or the other way round. */
  readonly descending?: boolean;
  /** Bytes of a piece. */
  readonly pieceBytes: number;
  readonly between: () => Promise<void>;
}

/** Copies; what is gone when its turn comes is left out and returned. */
export async function copyDirectory(
  fileSystem: MemoryFileSystem,
  options: CopyOptions,
): Promise<string[]> {
  const { from, to, order, between } = options;
  const gone: string[] = [];
  for (const name of ["registry", "segments", "wal", "staging"]) {
    fileSystem.makeDirectory(`${to}/${name}`);
  }
  for (const entry of order) {
    const names = entry === "MANIFEST"
      ? [entry]
      : fileSystem.list(`${from}/${entry}`).map(({ name }) => `${entry}/${name}`).sort();
    if (options.descending === true) names.reverse();
    await between();
    for (const name of names) {
      try {
        await copyFile(fileSystem, { ...options, from: `${from}/${name}`, to: `${to}/${name}` });
      } catch (error) {
        if (!isMissing(error)) throw error;
        gone.push(name);
      }
      await between();
    }
  }
  return gone;
}

async function copyFile(fileSystem: MemoryFileSystem, options: CopyOptions): Promise<void> {
  const { pieceBytes, between } = options;
  const source = fileSystem.open(options.from, "read");
  const target = fileSystem.open(options.to, "create");
  try {
    const piece = new Uint8Array(pieceBytes);
    for (let at = 0;;) {
      const count = source.read(piece, at);
      target.write(piece.subarray(0, count), at);
      at += count;
      if (count < pieceBytes) return;
      if (at < BREAKS_UNTIL) await between();
    }
  } finally {
    source.close();
    target.close();
  }
}
