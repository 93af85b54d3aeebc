import { Badge, Group } from "@mantine/core";
import { IconPlus, IconTemplate, IconUpload } from "@tabler/icons-react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { CatalogList } from "../../parts/catalog-list.tsx";
import { Empty } from "../../parts/empty.tsx";
import type { Column } from "../../parts/endless-table.tsx";
import { FormButton } from "../../parts/form.tsx";
import { PageLink } from "../../parts/links.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { AddProfile } from "./add-form.tsx";
import { ImportProfiles } from "./import-form.tsx";

type Profile = Schemas["DeviceProfile"];

const columns: readonly Column<Profile>[] = [
  {
    title: "Name",
    sortsBy: "name",
    render: ({ id, name }) => (
      <PageLink to="/device-profiles/$deviceProfileId" params={{ deviceProfileId: id }}>
        {name}
      </PageLink>
    ),
  },
  { title: "Region", width: 120, render: ({ region }) => region },
  { title: "LoRaWAN", width: 100, visibleFrom: "sm", render: ({ macVersion }) => macVersion },
  {
    title: "Classes",
    width: 90,
    visibleFrom: "md",
    render: ({ supportsClassB, supportsClassC }) => `A${supportsClassB ? "B" : ""}${supportsClassC ? "C" : ""}`,
  },
  {
    title: "Codec",
    width: 140,
    visibleFrom: "sm",
    render: ({ codec }) => (codec === "none" ? null : <Badge>{codec}</Badge>),
  },
  {
    title: "Changed",
    width: 150,
    visibleFrom: "md",
    sortsBy: "updatedAt",
    render: ({ updatedAt }) => <TimeAgo time={updatedAt} />,
  },
];

export function ProfileList() {
  const me = useMe();
  const tenantId = useTenantId();
  const actions = mayWrite(me, "devices", tenantId) && (
    <>
      <FormButton label="Import" title="Import profiles" variant="default" leftSection={<IconUpload size={16} />} wide>
        {close => <ImportProfiles onEnd={close} />}
      </FormButton>
      <FormButton label="Add profile" leftSection={<IconPlus size={16} />}>
        {close => <AddProfile onEnd={close} />}
      </FormButton>
    </>
  );
  return (
    <CatalogList
      title="Device profiles"
      kind="device-profiles"
      read={async query => dataOf(await api.GET("/api/device-profiles", { params: { query } }))}
      columns={columns}
      actions={actions}
      empty={
        <Empty icon={IconTemplate} title="No device profiles yet" action={actions && <Group gap="xs">{actions}</Group>}>
          A profile says what devices of one kind can do, and how to read what they send.
        </Empty>
      }
    />
  );
}
