/** Aggregates over windows of a column. */
export function initWindow(): void {}
