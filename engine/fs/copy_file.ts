/** Copies of files that outlast a power cut. */
import type { FileSystem } from "./file_system.ts";

const COPY_BYTES = 1 << 20;

/** Copies a file to a name that is not taken, and syncs it; the name is the caller's to sync. Throws "io". */
export async function copyFile(fileSystem: FileSystem, from: string, to: string): Promise<void> {
  const source = fileSystem.open(from, "read");
  try {
    const target = fileSystem.open(to, "create");
    try {
      const buffer = new Uint8Array(COPY_BYTES);
      for (let at = 0;;) {
        const count = source.read(buffer, at);
        if (count === 0) break;
        target.write(buffer.subarray(0, count), at);
        at += count;
      }
      await target.sync();
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}
