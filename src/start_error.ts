/** Why the daemon cannot start, and words for what was thrown. */

/** Thrown when the daemon cannot start; the message is one clear line. */
export class StartError extends Error {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "StartError";
  }
}

export function cannotListen(where: string, error: unknown): StartError {
  const code = (error as { code?: string }).code;
  const reason = code === "EADDRINUSE"
    ? "the address is taken"
    : code === "EACCES"
    ? "permission denied"
    : messageOf(error);
  return new StartError(`Cannot listen on ${where}: ${reason}`, { cause: error });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
