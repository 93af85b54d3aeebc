const firstMs = 5_000;

/** When to try again after so many failures in a row: doubles each time. */
export const retryDelayMs = (failures: number, longestMs: number): number =>
  Math.min(firstMs * 2 ** Math.max(0, failures - 1), longestMs);
