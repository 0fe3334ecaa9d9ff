/** Which sources have which label value. */
export function initPostings(): void {}
