/** Line protocol to batch rows. */
export function initLineProtocol(): void {}
