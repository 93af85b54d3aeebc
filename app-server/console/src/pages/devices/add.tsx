import { Alert } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { mayWrite, useMe } from "../../api/session.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { AddDevice } from "./add-form.tsx";

export function AddDevicePage() {
  const { application } = useSearch({ from: "/inside/devices/add" });
  const navigate = useNavigate();
  const me = useMe();
  const tenantId = useTenantId();
  return (
    <>
      <PageHeader title="Add device" above={[{ label: "Devices", to: "/devices" }]} />
      {mayWrite(me, "devices", tenantId) ? (
        <AddDevice
          applicationId={application}
          onAdded={({ devEui }) => void navigate({ to: "/devices/$devEui", params: { devEui } })}
        />
      ) : (
        <Alert>You may not add devices here.</Alert>
      )}
    </>
  );
}
