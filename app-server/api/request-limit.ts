import type { Counters } from "../../platform/counters/counters.ts";
import type { Principal } from "./access.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { TooManyRequests } from "./refusal.ts";

/** Each key's minute starts with its first request after the one before. */
const windowMs = 60_000;

/** Counts a request; gives the seconds to wait when there have been too many in the minute, else undefined. */
async function waitSeconds(counters: Counters, key: string, requestsPerMinute: number): Promise<number | undefined> {
  const { count, endsInMs } = await counters.count("requests", key, windowMs);
  return count > requestsPerMinute ? Math.ceil(endsInMs / 1000) : undefined;
}

/**
 * Throws TooManyRequests. A key or token of an administrator is limited only by a number of its own; those of a tenant also
 * by what their tenant has for all of them. All application servers count together.
 */
export function createRequestCheck({
  counters,
  requestsPerMinute: usual,
  tenantLimits,
}: Pick<ApiDependencies, "counters" | "requestsPerMinute" | "tenantLimits">) {
  return async ({ kind, id, isAdministrator, requestsPerMinute, grants }: Principal): Promise<void> => {
    if (kind === "user") return;
    const allowed = requestsPerMinute ?? (isAdministrator ? 0 : usual);
    const wait = allowed === 0 ? undefined : await waitSeconds(counters, `${kind} ${id}`, allowed);
    if (wait !== undefined) throw new TooManyRequests(wait);
    for (const tenantId of grants.keys()) {
      const ofTenant = await tenantLimits.requestsPerMinute(tenantId);
      const together = ofTenant === null ? undefined : await waitSeconds(counters, `tenant ${tenantId}`, ofTenant);
      if (together !== undefined) throw new TooManyRequests(together, "The API keys and tokens of this tenant have");
    }
  };
}
