/** Head slabs: rows of sources in memory until a flush writes them. */
export function initSlabs(): void {}
