import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../client/client.ts";
import { api } from "../api/queries.ts";
import type { Me } from "../api/session.ts";
import { chooseTenant, useTenantId } from "./tenant.ts";

const everything = "every tenant";

/** Narrows the lists to one tenant, for those who see several. */
export function TenantChoice({ me }: { readonly me: Me }) {
  const tenantId = useTenantId();
  const { data } = useQuery({
    queryKey: ["tenants", "choice"],
    queryFn: async () => dataOf(await api.GET("/api/tenants", { params: { query: { limit: 1000 } } })).items,
    enabled: me.isAdministrator,
  });
  const tenants = me.isAdministrator
    ? (data ?? []).map(({ id, name }) => ({ value: id, label: name }))
    : me.memberships.map(membership => ({ value: membership.tenantId, label: membership.tenantName }));
  if (tenants.length < 2) return null;
  return (
    <Select
      aria-label="Tenant"
      size="xs"
      w={{ base: 120, xs: 200 }}
      searchable
      allowDeselect={false}
      data={[{ value: everything, label: "All tenants" }, ...tenants]}
      value={tenants.some(({ value }) => value === tenantId) ? (tenantId ?? everything) : everything}
      onChange={value => chooseTenant(value === everything || value === null ? undefined : value)}
    />
  );
}
