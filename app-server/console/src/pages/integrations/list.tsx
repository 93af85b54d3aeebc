import { Badge } from "@mantine/core";
import { IconPlugConnected, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { healthOf, type IntegrationState, readIntegrationStates } from "../../api/integration-states.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable } from "../../parts/endless-table.tsx";
import { PageButton, PageLink } from "../../parts/links.tsx";
import { shortNumber } from "../../parts/numbers.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { kindsQuery } from "./form.tsx";

const sorts = ["name", "-name", "createdAt", "-createdAt"] as const;
type Sort = (typeof sorts)[number];
const isSort = (text: string): text is Sort => sorts.some(sort => sort === text);

const columnsOf = (titles: ReadonlyMap<string, string>): readonly Column<IntegrationState>[] => [
  {
    title: "Name",
    sortsBy: "name",
    render: ({ integrationId, name }) => (
      <PageLink to="/integrations/$integrationId" params={{ integrationId }}>
        {name}
      </PageLink>
    ),
  },
  { title: "Kind", width: 200, visibleFrom: "md", render: ({ kind }) => titles.get(kind) ?? kind },
  { title: "State", width: 140, render: state => <HealthBadge state={state} /> },
  {
    title: "Waiting",
    width: 100,
    align: "right",
    visibleFrom: "sm",
    render: ({ queue }) => <Count value={queue.messages} />,
  },
  {
    title: "Dead letters",
    width: 120,
    align: "right",
    visibleFrom: "xs",
    render: ({ deadLetters }) => <Count value={deadLetters} />,
  },
  {
    title: "Delivered",
    width: 150,
    visibleFrom: "sm",
    render: ({ lastDeliveredAt }) => <TimeAgo time={lastDeliveredAt} />,
  },
];

const Count = ({ value }: { readonly value: number }) => <span className="numbers">{shortNumber(value)}</span>;

function HealthBadge({ state }: { readonly state: IntegrationState }) {
  const { name, color } = healthOf(state);
  return <Badge color={color}>{name}</Badge>;
}

export function IntegrationList() {
  const me = useMe();
  const tenantId = useTenantId();
  const kinds = useQuery(kindsQuery);
  const columns = columnsOf(new Map(kinds.data?.map(({ kind, title }) => [kind, title])));
  const add = mayWrite(me, "devices", tenantId) && (
    <PageButton to="/integrations/new" leftSection={<IconPlus size={16} />}>
      Add integration
    </PageButton>
  );
  return (
    <>
      <PageHeader title="Integrations" actions={add} />
      <EndlessTable
        label="Integrations"
        queryKey={["integrations", "states", tenantId]}
        read={request => readIntegrationStates({ ...request, ...(tenantId !== undefined && { tenantId }) })}
        columns={columns}
        keyOf={({ integrationId }) => integrationId}
        isSort={isSort}
        sort="name"
        searchHint="Name"
        refreshMs={10_000}
        empty={
          <Empty icon={IconPlugConnected} title="No integrations yet" action={add}>
            An integration sends what devices say to a system of yours: a webhook, a broker, a database.
          </Empty>
        }
      />
    </>
  );
}
