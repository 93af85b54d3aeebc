import type { Clock } from "../../platform/clock.ts";
import type { Principal } from "./access.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { TooManyRequests } from "./refusal.ts";

const windowUs = 60_000_000;
/** Keys remembered at once; the one that has been quiet the longest is forgotten first. */
const maxKeys = 10_000;

export interface RequestLimit {
  /** Counts a request; gives the seconds to wait when there have been too many in the minute, else undefined. */
  take(key: string, requestsPerMinute: number): number | undefined;
}

/** Requests of a key in minutes of its own, each of which starts with the first request after the one before. */
export function createRequestLimit(clock: Clock): RequestLimit {
  const minutes = new Map<string, { readonly startedAtUs: number; readonly requests: number }>();
  return {
    take(key, requestsPerMinute) {
      const nowUs = clock.monotonicUs();
      const before = minutes.get(key);
      const running = before !== undefined && nowUs - before.startedAtUs < windowUs;
      const { startedAtUs, requests } = running ? before : { startedAtUs: nowUs, requests: 0 };
      if (requests >= requestsPerMinute) return Math.ceil((startedAtUs + windowUs - nowUs) / 1_000_000);
      minutes.delete(key);
      minutes.set(key, { startedAtUs, requests: requests + 1 });
      const [quietest] = minutes.keys();
      if (quietest !== undefined && minutes.size > maxKeys) minutes.delete(quietest);
      return undefined;
    },
  };
}

/**
 * Throws TooManyRequests. A key or token of an administrator is limited only by a number of its own; those of a tenant also
 * by what their tenant has for all of them.
 */
export function createRequestCheck({
  clock,
  requestsPerMinute: usual,
  tenantLimits,
}: Pick<ApiDependencies, "clock" | "requestsPerMinute" | "tenantLimits">) {
  const limit = createRequestLimit(clock);
  return async ({ kind, id, isAdministrator, requestsPerMinute, grants }: Principal): Promise<void> => {
    if (kind === "user") return;
    const allowed = requestsPerMinute ?? (isAdministrator ? 0 : usual);
    const waitSeconds = allowed === 0 ? undefined : limit.take(`${kind} ${id}`, allowed);
    if (waitSeconds !== undefined) throw new TooManyRequests(waitSeconds);
    for (const tenantId of grants.keys()) {
      const ofTenant = await tenantLimits.requestsPerMinute(tenantId);
      const wait = ofTenant === null ? undefined : limit.take(`tenant ${tenantId}`, ofTenant);
      if (wait !== undefined) throw new TooManyRequests(wait, "The API keys and tokens of this tenant have");
    }
  };
}
