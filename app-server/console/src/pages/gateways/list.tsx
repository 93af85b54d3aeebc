import { Badge, Group, SegmentedControl, Select, Skeleton } from "@mantine/core";
import { IconAntenna, IconMap2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useMemo, useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import {
  type GatewayState,
  gatewayStatesQuery,
  positionsOf,
  stateColors,
  stateNames,
} from "../../api/gateway-states.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable } from "../../parts/endless-table.tsx";
import { PageLink } from "../../parts/links.tsx";
import { PositionMap } from "../../parts/map.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { SavedViews } from "../../parts/saved-views.tsx";
import { isWholeTag, TagInput } from "../../parts/tag-input.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { AddGateway } from "./add.tsx";
import { UnknownGateways } from "./unknown.tsx";
import { type GatewayView, gatewayViewOf, isGatewaySort } from "./view.ts";

const columns: readonly Column<GatewayState>[] = [
  {
    title: "Name",
    sortsBy: "name",
    render: ({ gatewayId, name }) => (
      <PageLink to="/gateways/$gatewayId" params={{ gatewayId }} title={name}>
        {name}
      </PageLink>
    ),
  },
  { title: "EUI", width: 180, visibleFrom: "sm", render: ({ gatewayId }) => <span className="mono">{gatewayId}</span> },
  { title: "State", width: 120, render: gateway => <StateBadge gateway={gateway} /> },
  { title: "Heard", width: 150, visibleFrom: "xs", render: ({ lastSeenAt }) => <TimeAgo time={lastSeenAt} /> },
  {
    title: "Added",
    width: 150,
    visibleFrom: "md",
    sortsBy: "createdAt",
    render: ({ createdAt }) => <TimeAgo time={createdAt} />,
  },
];

function StateBadge({ gateway: { state, isDisabled } }: { readonly gateway: GatewayState }) {
  return isDisabled ? (
    <Badge color="gray">disabled</Badge>
  ) : (
    <Badge color={stateColors[state]}>{stateNames[state]}</Badge>
  );
}

export function GatewayList() {
  const me = useMe();
  const tenantId = useTenantId();
  const { view } = useSearch({ from: "/inside/gateways" });
  const navigate = useNavigate({ from: "/gateways" });
  const add = mayWrite(me, "gateways", tenantId) && <AddGateway key={tenantId} tenantId={tenantId} />;
  return (
    <>
      <PageHeader
        title="Gateways"
        actions={
          <Group gap="xs">
            <SegmentedControl
              size="sm"
              aria-label="View"
              data={[
                { value: "list", label: "List" },
                { value: "map", label: "Map" },
              ]}
              value={view ?? "list"}
              onChange={chosen => void navigate({ search: chosen === "map" ? { view: chosen } : {} })}
            />
            {add}
          </Group>
        }
      />
      {me.isAdministrator && <UnknownGateways tenantId={tenantId} mayAdopt={!me.isReadOnly} />}
      {view === "map" ? <GatewayMap tenantId={tenantId} /> : <GatewayTable tenantId={tenantId} add={add} />}
    </>
  );
}

function GatewayTable({ tenantId, add }: { readonly tenantId: string | undefined; readonly add: ReactNode }) {
  const { view: _map, ...view } = useSearch({ from: "/inside/gateways" });
  const navigate = useNavigate({ from: "/gateways" });
  const [epoch, setEpoch] = useState(0);
  const { state, tag } = view;
  const onView = (next: GatewayView): Promise<void> => navigate({ search: next, replace: true });
  const change = (part: Readonly<Partial<Record<keyof GatewayView, string | undefined>>>): void =>
    void onView(gatewayViewOf({ ...view, ...part }));
  const narrowing = {
    ...(tenantId !== undefined && { tenantId }),
    ...(state !== undefined && { state }),
    ...(tag !== undefined && isWholeTag(tag) && { tag }),
  };
  return (
    <EndlessTable
      key={epoch}
      label="Gateways"
      queryKey={["gateways", narrowing]}
      read={async request =>
        dataOf(await api.GET("/api/gateways/states", { params: { query: { ...request, ...narrowing } } }))
      }
      columns={columns}
      keyOf={({ gatewayId }) => gatewayId}
      isSort={isGatewaySort}
      sort={view.sort ?? "name"}
      search={view.search ?? ""}
      onView={({ search, sort }) => change({ search, sort: sort === "name" ? undefined : sort })}
      searchHint="Name or EUI"
      refreshMs={30_000}
      filterCount={[state, tag].filter(one => one !== undefined).length}
      filters={
        <>
          <Select
            aria-label="State"
            placeholder="Every state"
            clearable
            w={{ base: "100%", sm: 150 }}
            data={Object.entries(stateNames).map(([value, label]) => ({ value, label }))}
            value={state ?? null}
            onChange={chosen => change({ state: chosen ?? undefined })}
          />
          <TagInput value={tag} onChange={chosen => change({ tag: chosen })} />
        </>
      }
      saved={
        <SavedViews
          of="gateways"
          view={view}
          parse={gatewayViewOf}
          onChoose={chosen => {
            // Search and order are the table's own once it is there.
            void onView(chosen).then(() => setEpoch(epoch + 1));
          }}
        />
      }
      empty={
        <Empty icon={IconAntenna} title="No gateways yet" action={add}>
          A gateway hears the devices around it and passes on what they say.
        </Empty>
      }
    />
  );
}

function GatewayMap({ tenantId }: { readonly tenantId: string | undefined }) {
  const gateways = useQuery(gatewayStatesQuery(tenantId));
  const positions = useMemo(() => positionsOf(gateways.data ?? []), [gateways.data]);
  if (gateways.isError) return <ProblemNote error={gateways.error} onRetry={() => void gateways.refetch()} />;
  if (gateways.isPending) return <Skeleton h={480} />;
  if (positions.length === 0) {
    return (
      <Empty icon={IconMap2} title="No gateway has a place">
        Give your gateways their locations to see them here.
      </Empty>
    );
  }
  return <PositionMap label="Map of gateways" positions={positions} height={520} />;
}
