/**
 * Errors of the file system: EngineError "io" whose message names the action and the path and whose `cause` is the
 * original with its system code (ENOSPC, ENOENT, EIO), which the few callers that act on one ask for here.
 */
import { EngineError } from "../errors.ts";

/** An "io" error: `Cannot read "/a/b": ENOENT: no such file or directory`. */
export function ioError(action: string, path: string, cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EngineError("io", `Cannot ${action} "${path}": ${reason}`, { cause });
}

/** The system's code (ENOSPC) of an error or of what caused it; undefined where there is none. */
export function systemCodeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string" && /^E[A-Z0-9]+$/.test(at.code)) return at.code;
  }
  return undefined;
}

/** Whether the device or the user's quota is full: nothing is broken, room makes it work again. */
export function isDiskFull(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
}

/** Whether a file or directory is missing. */
export function isMissing(error: unknown): boolean {
  return systemCodeOf(error) === "ENOENT";
}
