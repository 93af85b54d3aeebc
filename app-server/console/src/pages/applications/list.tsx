import { Text } from "@mantine/core";
import { IconApps, IconPlus } from "@tabler/icons-react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { CatalogList } from "../../parts/catalog-list.tsx";
import { Empty } from "../../parts/empty.tsx";
import type { Column } from "../../parts/endless-table.tsx";
import { FormButton } from "../../parts/form.tsx";
import { PageLink } from "../../parts/links.tsx";
import { TagList } from "../../parts/tag-list.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { AddApplication } from "./forms.tsx";

type Application = Schemas["Application"];

const columns: readonly Column<Application>[] = [
  {
    title: "Name",
    sortsBy: "name",
    render: ({ id, name }) => (
      <PageLink to="/applications/$applicationId" params={{ applicationId: id }}>
        {name}
      </PageLink>
    ),
  },
  {
    title: "Description",
    visibleFrom: "sm",
    render: ({ description }) => (
      <Text size="sm" c="dimmed" lineClamp={1}>
        {description}
      </Text>
    ),
  },
  { title: "Tags", width: 240, visibleFrom: "md", render: ({ tags }) => <TagList tags={tags} /> },
  {
    title: "Added",
    width: 150,
    visibleFrom: "xs",
    sortsBy: "createdAt",
    render: ({ createdAt }) => <TimeAgo time={createdAt} />,
  },
];

export function ApplicationList() {
  const me = useMe();
  const tenantId = useTenantId();
  const mayAdd = mayWrite(me, "devices", tenantId);
  const add = mayAdd && (
    <FormButton label="Add application" leftSection={<IconPlus size={16} />}>
      {close => <AddApplication onEnd={close} />}
    </FormButton>
  );
  return (
    <CatalogList
      title="Applications"
      kind="applications"
      read={async query => dataOf(await api.GET("/api/applications", { params: { query } }))}
      columns={columns}
      actions={add}
      empty={
        <Empty icon={IconApps} title="No applications yet" action={add}>
          An application holds devices whose data goes to the same place.
        </Empty>
      }
    />
  );
}
