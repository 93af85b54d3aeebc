import { IconPlus } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { mayWrite, useMe } from "../../api/session.ts";
import { PageButton } from "../../parts/links.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { DeviceTable } from "./table.tsx";

/** Devices of every application. */
export function DeviceList() {
  const me = useMe();
  const tenantId = useTenantId();
  const search = useSearch({ from: "/inside/devices" });
  const navigate = useNavigate({ from: "/devices" });
  const add = mayWrite(me, "devices", tenantId) && (
    <PageButton to="/devices/add" leftSection={<IconPlus size={16} />}>
      Add device
    </PageButton>
  );
  return (
    <>
      <PageHeader title="Devices" actions={add} />
      <DeviceTable tenantId={tenantId} view={search} onView={view => navigate({ search: view, replace: true })} />
    </>
  );
}
