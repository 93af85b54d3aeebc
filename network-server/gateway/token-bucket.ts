/** Lets `rate` through a second and up to one second's worth at once. */
export interface TokenBucket {
  tokens: number;
  refilledAtUs: number;
}

export const fullBucket = (ratePerSecond: number, nowUs: number): TokenBucket => ({
  tokens: ratePerSecond,
  refilledAtUs: nowUs,
});

/** True when one may pass. The rate may change between calls. */
export function takeToken(bucket: TokenBucket, ratePerSecond: number, nowUs: number): boolean {
  const gained = (Math.max(0, nowUs - bucket.refilledAtUs) * ratePerSecond) / 1e6;
  bucket.tokens = Math.min(ratePerSecond, bucket.tokens + gained);
  bucket.refilledAtUs = nowUs;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}
