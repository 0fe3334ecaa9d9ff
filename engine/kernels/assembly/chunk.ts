/** Chunks: encoded runs of rows of one source. */
export function initChunk(): void {}
