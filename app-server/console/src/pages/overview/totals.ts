import { useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { periodOf, type TimeRange } from "../../parts/time-range.tsx";
import { useTenantId } from "../../shell/tenant.ts";

const refreshMs = 15_000;

/** Whose sums are shown: the chosen tenant's, or those of all that one sees as a whole. */
export interface Summed {
  readonly tenantId?: string;
}

/** Undefined: of what is chosen one sees single applications, and sums tell of all of them. */
export function useSummed(): Summed | undefined {
  const { isAdministrator, memberships } = useMe();
  const tenantId = useTenantId();
  const whole = memberships.filter(({ applicationIds }) => applicationIds === null);
  if (tenantId === undefined) return isAdministrator || whole.length > 0 ? {} : undefined;
  return isAdministrator || whole.some(membership => membership.tenantId === tenantId) ? { tenantId } : undefined;
}

/** How many devices and gateways are in which state. */
export const useStates = (summed: Summed) =>
  useQuery({
    queryKey: ["overview", summed],
    queryFn: async () => dataOf(await api.GET("/api/overview", { params: { query: summed } })),
    refetchInterval: refreshMs,
  });

/** What happened in the last time. */
export const useHappenings = (summed: Summed, range: TimeRange) =>
  useQuery({
    queryKey: ["metrics", "tenants", summed, range],
    queryFn: async () =>
      dataOf(await api.GET("/api/metrics", { params: { query: { ...summed, ...periodOf(range) } } })).items,
    refetchInterval: refreshMs,
    placeholderData: previous => previous,
  });
