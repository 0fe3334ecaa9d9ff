/** What a running process takes, from /proc. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Resident bytes. */
export function residentBytes(process: number): number {
  const text = readFileSync(`/proc/${process}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) * 1_024;
}

/** Resident bytes at their highest. */
export function residentBytesMax(process: number): number {
  const text = readFileSync(`/proc/${process}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+)/.exec(text)?.[1]) * 1_024;
}

export function openDescriptors(process: number): number {
  return readdirSync(`/proc/${process}/fd`).length;
}

export function threads(process: number): number {
  return readdirSync(`/proc/${process}/task`).length;
}

/** Seconds of CPU so far. */
export function cpuSeconds(process: number): number {
  const words = readFileSync(`/proc/${process}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(words[11]) + Number(words[12])) / 100;
}

/** Files below a directory and their bytes. */
export function directoryContent(path: string): { files: number; bytes: number } {
  let files = 0;
  let bytes = 0;
  if (!existsSync(path)) return { files, bytes };
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const status = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    if (status === undefined) continue;
    files++;
    bytes += status.size;
  }
  return { files, bytes };
}

/** Value of a metric without labels in a /metrics text; undefined when it is not there. */
export function metricValue(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
