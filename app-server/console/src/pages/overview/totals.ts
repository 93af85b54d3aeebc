import { useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { addedUp } from "../../api/metrics.ts";
import { api } from "../../api/queries.ts";
import { useMe } from "../../api/session.ts";
import { periodOf, type TimeRange } from "../../parts/time-range.tsx";
import { useTenantId } from "../../shell/tenant.ts";

/** More are not added up in a browser: one of them has to be chosen. */
const mostTenants = 20;
const refreshMs = 15_000;

/** The tenants whose sums are shown: the one that is chosen, or all that one sees as a whole. */
export function useSummedTenants(): {
  readonly ids: readonly string[];
  readonly isTooMany: boolean;
  readonly error: Error | null;
  readonly again: () => void;
} {
  const me = useMe();
  const chosen = useTenantId();
  const every = useQuery({
    queryKey: ["tenants", "choice"],
    queryFn: async () => dataOf(await api.GET("/api/tenants", { params: { query: { limit: 1000 } } })).items,
    enabled: me.isAdministrator,
  });
  const whole = me.isAdministrator
    ? every.data?.map(({ id }) => id)
    : me.memberships.filter(({ applicationIds }) => applicationIds === null).map(({ tenantId }) => tenantId);
  const again = (): void => void every.refetch();
  if (whole === undefined) return { ids: [], isTooMany: false, error: every.error, again };
  const ids = chosen !== undefined && whole.includes(chosen) ? [chosen] : whole;
  return { ids: ids.slice(0, mostTenants), isTooMany: ids.length > mostTenants, error: null, again };
}

const added = <Names extends string>(all: readonly Readonly<Record<Names, number>>[], names: readonly Names[]) =>
  names.map(name => [name, all.reduce((sum, one) => sum + one[name], 0)] as const);

/** How many devices and gateways are in which state. */
export const useStates = (ids: readonly string[]) =>
  useQuery({
    queryKey: ["overview", ids],
    queryFn: async () => {
      const all = await Promise.all(
        ids.map(async tenantId =>
          dataOf(await api.GET("/api/tenants/{tenantId}/overview", { params: { path: { tenantId } } })),
        ),
      );
      return {
        devices: new Map(
          added(
            all.map(({ devices }) => devices),
            ["total", "active", "inactive", "neverSeen"],
          ),
        ),
        gateways: new Map(
          added(
            all.map(({ gateways }) => gateways),
            ["total", "online", "offline", "neverSeen"],
          ),
        ),
      };
    },
    refetchInterval: refreshMs,
  });

/** What happened in the last time. */
export const useHappenings = (ids: readonly string[], range: TimeRange) =>
  useQuery({
    queryKey: ["metrics", "tenants", ids, range],
    queryFn: async () => {
      const query = periodOf(range);
      const all = await Promise.all(
        ids.map(async tenantId =>
          dataOf(await api.GET("/api/tenants/{tenantId}/metrics", { params: { path: { tenantId }, query } })),
        ),
      );
      return addedUp(all.map(({ items }) => items));
    },
    refetchInterval: refreshMs,
    placeholderData: previous => previous,
  });
