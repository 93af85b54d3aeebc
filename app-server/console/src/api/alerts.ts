import { queryOptions } from "@tanstack/react-query";
import { dataOf, type Schemas } from "../../../../client/client.ts";
import { api } from "./queries.ts";
import { type Me, mayWrite } from "./session.ts";

export type Alert = Schemas["Alert"];
export type AlertKind = Alert["kind"];

export const severityColors: Readonly<Record<Alert["severity"], string>> = {
  info: "blue",
  warning: "orange",
  critical: "red",
};

/** Whether the button is shown; the right depends on what the alert is about. */
export function mayAcknowledge(me: Me, { tenantId, applicationId, subject }: Alert): boolean {
  if (!mayWrite(me, subject.type === "gateway" ? "gateways" : "devices", tenantId)) return false;
  if (me.isAdministrator) return true;
  const limits = me.memberships.find(membership => membership.tenantId === tenantId)?.applicationIds ?? null;
  return limits === null || (applicationId !== null && limits.includes(applicationId));
}

/** Those that nobody looks after yet, newest first; `next` when there are more than a hundred. */
export const raisedAlertsQuery = (tenantId: string | undefined) =>
  queryOptions({
    queryKey: ["alerts", "raised", tenantId],
    queryFn: async () =>
      dataOf(
        await api.GET("/api/alerts", {
          params: { query: { state: "raised", limit: 100, ...(tenantId !== undefined && { tenantId }) } },
        }),
      ),
    refetchInterval: 15_000,
  });

/** `3`, and `100+` where there are more. */
export const countText = ({ items, next }: { readonly items: readonly Alert[]; readonly next?: string }): string =>
  next === undefined ? String(items.length) : `${items.length}+`;
