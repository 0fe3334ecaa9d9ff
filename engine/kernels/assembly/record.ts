/** Rows of the batch as bytes of a log record, and back. */
export function initRecord(): void {}
