import { Text } from "@mantine/core";
import { IconApps, IconPlus } from "@tabler/icons-react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable } from "../../parts/endless-table.tsx";
import { FormButton } from "../../parts/form.tsx";
import { PageLink } from "../../parts/links.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { isUsualSort } from "../../parts/sorts.ts";
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
    <>
      <PageHeader title="Applications" actions={add} />
      <EndlessTable
        label="Applications"
        queryKey={["applications", "list", tenantId]}
        read={async request =>
          dataOf(
            await api.GET("/api/applications", {
              params: { query: { ...request, ...(tenantId !== undefined && { tenantId }) } },
            }),
          )
        }
        columns={columns}
        keyOf={({ id }) => id}
        isSort={isUsualSort}
        sort="name"
        searchHint="Beginning of the name"
        empty={
          <Empty icon={IconApps} title="No applications yet">
            An application holds devices whose data goes to the same place.
          </Empty>
        }
      />
    </>
  );
}
