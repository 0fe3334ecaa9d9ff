/** A small file system of its own, in memory, which can be filled up and made read-only; where the user may mount one. */
import { spawnSync } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDiskFull } from "../../engine/mod.ts";
import { TestDirectory } from "./daemon_process.ts";

export class SmallDisk implements Disposable {
  readonly path: string;
  readonly #directory: TestDirectory;

  private constructor(directory: TestDirectory) {
    this.#directory = directory;
    this.path = directory.path;
  }

  /** Mounts a disk of so many bytes; undefined, with a line that says why, where that is not allowed. */
  static mount(bytes: number): SmallDisk | undefined {
    const directory = new TestDirectory();
    const size = `size=${bytes},mode=0755`;
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", size, "tmpfs", directory.path], {
      encoding: "utf8",
    });
    if (mounted.status === 0) return new SmallDisk(directory);
    console.log(`Skipped: no file system can be mounted here: ${mounted.stderr ?? mounted.error}`);
    directory[Symbol.dispose]();
    return undefined;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /**
   * Takes all room but `leaveBytes`, by a file that has nothing to do with the database; all of it where somebody takes room
   * meanwhile.
   */
  fill(leaveBytes: number): void {
    const bytes = this.freeBytes - leaveBytes;
    if (bytes <= 0) return;
    try {
      writeFileSync(join(this.path, "ballast"), new Uint8Array(bytes));
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  /** Gives the room back that `fill` took. */
  empty(): void {
    rmSync(join(this.path, "ballast"), { force: true });
  }

  /** Makes all writes fail with EROFS, or takes that back. Refused by the kernel while a file is open for writing. */
  remount(mode: "ro" | "rw"): boolean {
    return spawnSync("mount", ["-o", `remount,${mode}`, this.path]).status === 0;
  }

  [Symbol.dispose](): void {
    spawnSync("umount", ["-l", this.path]);
    this.#directory[Symbol.dispose]();
  }
}
