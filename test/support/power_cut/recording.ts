/** What a program did to the files below a directory, as recorder.c wrote it down. The layout is described there. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const KINDS = [
  "none",
  "create",
  "write",
  "truncate",
  "sync-begin",
  "sync-end",
  "directory-sync-begin",
  "directory-sync-end",
  "rename",
  "unlink",
  "make-directory",
  "remove-directory",
  "link",
  "unknown",
] as const;
const HEADER_BYTES = 33;

/** One call that has happened. */
export interface FileEvent {
  readonly kind: typeof KINDS[number];
  /** Milliseconds since 1970, with a fraction. */
  readonly timeMs: number;
  readonly inode: bigint;
  /** Offset of a write, size of a truncate, thread of a sync. */
  readonly number: number;
  /** Relative to the directory that was watched, which is "" itself. */
  readonly path: string;
  readonly target: string;
  readonly data: Uint8Array;
}

/** Compiles the recorder into `directory`; undefined, with the reason, where it cannot be made or may not trace. */
export function buildRecorder(directory: string): { path: string } | { reason: string } {
  const path = join(directory, "recorder");
  const source = join(import.meta.dir, "recorder.c");
  const built = spawnSync("cc", ["-O2", "-o", path, source], { encoding: "utf8" });
  if (built.status !== 0) return { reason: `no C compiler: ${built.error ?? built.stderr}` };
  const words = [join(directory, "probe.log"), directory, "/bin/true"];
  const tried = spawnSync(path, words, { encoding: "utf8" });
  return tried.status === 0 ? { path } : { reason: `no tracing here: ${tried.stderr}` };
}

/** Reads a log; throws where it holds a call that the replay does not know. */
export function readRecording(path: string): FileEvent[] {
  const bytes = readFileSync(path);
  const events: FileEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32LE(at);
    const first = at + 4 + HEADER_BYTES;
    const second = first + bytes.readUInt32LE(at + 29);
    const data = second + bytes.readUInt32LE(at + 33);
    const kind = KINDS[bytes[at + 4]!];
    if (kind === undefined || kind === "none" || kind === "unknown") {
      const call = bytes.readBigUInt64LE(at + 13);
      throw new Error(
        `Cannot replay system call ${call} of "${bytes.toString("utf8", first, data)}"`,
      );
    }
    events.push({
      kind,
      timeMs: Number(bytes.readBigUInt64LE(at + 5) / 1_000n) / 1_000,
      inode: bytes.readBigUInt64LE(at + 13),
      number: Number(bytes.readBigUInt64LE(at + 21)),
      path: bytes.toString("utf8", first, second),
      target: bytes.toString("utf8", second, data),
      data: bytes.subarray(data, end),
    });
    at = end;
  }
  return events;
}

/**
 * Milliseconds since 1970 by a fine clock, comparable with an event's time: never late, early by some microseconds.
 * Calibrated where Date.now() turns.
 */
export function fineClock(): () => number {
  let origin = -Infinity;
  for (let turn = 0; turn < 10; turn++) {
    const before = Date.now();
    let now = before;
    let fine = 0;
    while (now === before) {
      now = Date.now();
      fine = performance.now();
    }
    origin = Math.max(origin, now - fine);
  }
  return () => origin + performance.now();
}
