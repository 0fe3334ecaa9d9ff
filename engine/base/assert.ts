/** Checks of our own mistakes. Never for input: a failed assertion in the write path stops writing. */

/** A broken invariant of the program. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AssertionError";
  }
}

/** Throws when `condition` does not hold. */
export function assert(condition: boolean, message = "Assertion failed"): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** The end of a `switch` over a closed set: reached only when the set grew and the switch did not. */
export function unreachable(value: never): never {
  throw new AssertionError(`Unreachable value: ${String(value)}`);
}
