/** A control group that ends a process whose memory exceeds so many bytes; where the user may make one. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where the kernel shows groups that limit memory, with the file of the limit: version 2, then 1. */
const PLACES = [
  { root: "/sys/fs/cgroup", controllers: "cgroup.subtree_control", limit: "memory.max" },
  { root: "/sys/fs/cgroup/memory", controllers: undefined, limit: "memory.limit_in_bytes" },
] as const;
/** The same with what is swapped out, where the kernel counts that. */
const SWAP_LIMITS = ["memory.swap.max", "memory.memsw.limit_in_bytes"];

export class MemoryCage implements Disposable {
  /** Words before a command that put its process into the cage. */
  readonly wrapper: readonly string[];
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
    const enter = `echo $$ > ${join(path, "cgroup.procs")} && exec "$0" "$@"`;
    this.wrapper = ["/bin/sh", "-c", enter];
  }

  /** Makes a cage; undefined, with a line that says why, where that is not allowed. */
  static make(bytes: number): MemoryCage | undefined {
    let reason = "no control group limits memory";
    for (const { root, controllers, limit } of PLACES) {
      if (controllers !== undefined && !enablesMemory(join(root, controllers))) continue;
      const path = join(root, `tsinkd-test-${process.pid}-${Date.now()}`);
      try {
        mkdirSync(path);
      } catch (error) {
        reason = String(error);
        continue;
      }
      try {
        writeFileSync(join(path, limit), String(bytes));
        limitSwap(path, bytes);
        return new MemoryCage(path);
      } catch (error) {
        reason = String(error);
        rmdirSync(path);
      }
    }
    console.log(`Without a control group: ${reason}`);
    return undefined;
  }

  /** Bytes the group took at its highest, page cache included; undefined where the kernel does not say. */
  get highestBytes(): number | undefined {
    for (const name of ["memory.peak", "memory.max_usage_in_bytes"]) {
      const path = join(this.#path, name);
      if (existsSync(path)) return Number(readFileSync(path, "utf8"));
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    try {
      rmdirSync(this.#path);
    } catch {
      // A process that is not quite gone keeps it; it limits nobody else.
    }
  }
}

function enablesMemory(path: string): boolean {
  return existsSync(path) && readFileSync(path, "utf8").split(/\s+/).includes("memory");
}

function limitSwap(path: string, bytes: number): void {
  for (const name of SWAP_LIMITS) {
    if (!existsSync(join(path, name))) continue;
    try {
      writeFileSync(join(path, name), name === "memory.swap.max" ? "0" : String(bytes));
    } catch {
      // A kernel that does not count swap refuses it; resident memory is limited all the same.
    }
  }
}
