import { Badge } from "@mantine/core";
import { IconAntenna } from "@tabler/icons-react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable } from "../../parts/endless-table.tsx";
import { PageLink } from "../../parts/links.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { AddGateway } from "./add.tsx";

type Gateway = Schemas["Gateway"];

const sorts = ["name", "-name", "createdAt", "-createdAt"] as const;
type Sort = (typeof sorts)[number];
const isSort = (text: string): text is Sort => sorts.some(sort => sort === text);

const columns: readonly Column<Gateway>[] = [
  {
    title: "Name",
    sortsBy: "name",
    render: ({ gatewayId, name }) => (
      <PageLink to="/gateways/$gatewayId" params={{ gatewayId }}>
        {name}
      </PageLink>
    ),
  },
  { title: "EUI", width: 180, render: ({ gatewayId }) => <span className="mono">{gatewayId}</span> },
  {
    title: "State",
    width: 110,
    render: ({ isDisabled }) => (isDisabled ? <Badge color="gray">disabled</Badge> : null),
  },
  { title: "Added", width: 160, sortsBy: "createdAt", render: ({ createdAt }) => <TimeAgo time={createdAt} /> },
];

export function GatewayList() {
  const me = useMe();
  const tenantId = useTenantId();
  return (
    <>
      <PageHeader
        title="Gateways"
        actions={mayWrite(me, "gateways", tenantId) && <AddGateway key={tenantId} tenantId={tenantId} />}
      />
      <EndlessTable
        label="Gateways"
        queryKey={["gateways", tenantId]}
        read={async request =>
          dataOf(
            await api.GET("/api/gateways", {
              params: { query: { ...request, ...(tenantId !== undefined && { tenantId }) } },
            }),
          )
        }
        columns={columns}
        keyOf={({ gatewayId }) => gatewayId}
        isSort={isSort}
        sort="name"
        searchHint="Name or EUI"
        empty={
          <Empty icon={IconAntenna} title="No gateways yet">
            A gateway hears the devices around it and passes on what they say.
          </Empty>
        }
      />
    </>
  );
}
