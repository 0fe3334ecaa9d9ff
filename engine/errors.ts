/**
 * What the engine throws. There are eight kinds, because a caller can do eight different things; detail stands in the
 * message, the original error in `cause`. What happens to one row of many is a value in a result, never an exception.
 */

/** The kinds of failure a caller can tell apart. */
export type EngineErrorCode =
  | "invalid" // the request is wrong; change it
  | "limit" // a named limit was reached; slow down or raise it
  | "closed" // this handle is closed
  | "locked" // another process owns the directory
  | "unsupported" // the file format or the operation is not one this program has
  | "corrupt" // stored bytes are damaged; restore or repair
  | "io" // the disk or object store failed; retry where documented
  | "failed"; // writing stopped after a failed sync; restart to recover

/** Every error the engine throws on purpose. */
export class EngineError extends Error {
  readonly code: EngineErrorCode;

  constructor(code: EngineErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "EngineError";
    this.code = code;
  }
}

/** Whether `error` is an engine error of the given kind. */
export function isEngineError(error: unknown, code?: EngineErrorCode): error is EngineError {
  return error instanceof EngineError && (code === undefined || error.code === code);
}
