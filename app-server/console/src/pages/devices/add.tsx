import { useNavigate, useSearch } from "@tanstack/react-router";
import { PageHeader } from "../../parts/page-header.tsx";
import { AddDevice } from "./add-form.tsx";

export function AddDevicePage() {
  const { application } = useSearch({ from: "/inside/devices/add" });
  const navigate = useNavigate();
  return (
    <>
      <PageHeader title="Add device" above={[{ label: "Devices", to: "/devices" }]} />
      <AddDevice
        applicationId={application}
        onAdded={({ devEui }) => void navigate({ to: "/devices/$devEui", params: { devEui } })}
      />
    </>
  );
}
