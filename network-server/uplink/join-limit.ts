import type { DevEui } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";

/** Bounds what Join-Requests of one device can cost (C34). */
export interface JoinLimit {
  admit(devEui: DevEui): boolean;
}

const burst = 10;
const perSecond = 1;
/** Older entries are forgotten beyond this many devices; forgetting only ever admits more. */
const maxDevices = 20_000;

export function createJoinLimit(clock: Clock): JoinLimit {
  const buckets = new Map<DevEui, { tokens: number; atUs: number }>();
  return {
    admit(devEui) {
      const nowUs = clock.monotonicUs();
      const bucket = buckets.get(devEui) ?? { tokens: burst, atUs: nowUs };
      const tokens = Math.min(burst, bucket.tokens + ((nowUs - bucket.atUs) / 1_000_000) * perSecond);
      buckets.delete(devEui);
      buckets.set(devEui, { tokens: Math.max(0, tokens - 1), atUs: nowUs });
      if (buckets.size > maxDevices) {
        const oldest = buckets.keys().next();
        if (!oldest.done) buckets.delete(oldest.value);
      }
      return tokens >= 1;
    },
  };
}
