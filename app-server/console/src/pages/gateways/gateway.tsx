import { Badge, SimpleGrid, Skeleton, Tabs } from "@mantine/core";
import { IconAntenna } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { stateColors, stateNames } from "../../api/gateway-states.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { Empty } from "../../parts/empty.tsx";
import { Frames } from "../../parts/frames.tsx";
import { PageButton } from "../../parts/links.tsx";
import { fineNumber, shortNumber } from "../../parts/numbers.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { PageProblem } from "../../parts/page-problem.tsx";
import { TabRow } from "../../parts/page-tabs.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { Stat } from "../../parts/stat.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { AirtimePanel } from "./airtime.tsx";
import { SetUp } from "./set-up.tsx";
import { GatewaySettings } from "./settings.tsx";
import { gatewayTabs, isGatewayTab } from "./tabs.ts";
import { Traffic } from "./traffic.tsx";

type Status = Schemas["GatewayStatus"];

export function GatewayPage() {
  const { gatewayId } = useParams({ from: "/inside/gateways/$gatewayId" });
  const { tab = "traffic" } = useSearch({ from: "/inside/gateways/$gatewayId" });
  const navigate = useNavigate({ from: "/gateways/$gatewayId" });
  const me = useMe();
  const path = { gatewayId };
  const gateway = useQuery({
    queryKey: ["gateways", gatewayId],
    queryFn: async () => dataOf(await api.GET("/api/gateways/{gatewayId}", { params: { path } })),
  });
  const status = useQuery({
    queryKey: ["gateways", gatewayId, "status"],
    queryFn: async () => dataOf(await api.GET("/api/gateways/{gatewayId}/status", { params: { path } })),
    refetchInterval: 5_000,
  });
  if (gateway.isError) {
    return (
      <PageProblem
        kind="Gateway"
        above={[{ label: "Gateways", to: "/gateways" }]}
        error={gateway.error}
        onRetry={() => void gateway.refetch()}
      />
    );
  }
  if (!gateway.data) return <Skeleton h={40} w={300} />;
  const { name, description, isDisabled } = gateway.data;
  const isWriter = mayWrite(me, "gateways", gateway.data.tenantId);
  return (
    <>
      <PageHeader
        title={name}
        above={[{ label: "Gateways", to: "/gateways" }]}
        actions={status.data && <StateSign status={status.data} isDisabled={isDisabled} />}
      >
        <Copyable value={gatewayId} label="EUI" /> {description}
      </PageHeader>
      {status.isError && <ProblemNote error={status.error} onRetry={() => void status.refetch()} />}
      {status.data === undefined ? <Skeleton h={72} mb="md" /> : <Figures status={status.data} />}
      <Tabs
        value={tab}
        onChange={chosen => void navigate({ search: { tab: isGatewayTab(chosen) ? chosen : undefined } })}
        keepMounted={false}
      >
        <TabRow active={tab} tabs={Object.entries(gatewayTabs)} />
        <Tabs.Panel value="traffic">
          {status.data?.state === "never-seen" ? <NeverSeen /> : <Traffic gatewayId={gatewayId} />}
        </Tabs.Panel>
        <Tabs.Panel value="airtime">
          <AirtimePanel gatewayId={gatewayId} />
        </Tabs.Panel>
        <Tabs.Panel value="frames">
          <Frames source={{ kind: "gateway", gatewayId }} />
        </Tabs.Panel>
        <Tabs.Panel value="set">
          <SetUp gatewayId={gatewayId} />
        </Tabs.Panel>
        <Tabs.Panel value="settings">
          <GatewaySettings
            gateway={gateway.data}
            pinnedAddress={status.data?.pinnedAddress ?? null}
            isWriter={isWriter}
          />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

const NeverSeen = () => (
  <Empty
    icon={IconAntenna}
    title="It was not heard yet"
    action={
      <PageButton from="/gateways/$gatewayId" to="." search={{ tab: "set" }}>
        Set it up
      </PageButton>
    }
  >
    What it hears and sends appears here once its packets come.
  </Empty>
);

function StateSign({ status: { state }, isDisabled }: { readonly status: Status; readonly isDisabled: boolean }) {
  return (
    <Badge size="lg" color={isDisabled ? "gray" : stateColors[state]}>
      {isDisabled ? "disabled" : stateNames[state]}
    </Badge>
  );
}

function Figures({ status }: { readonly status: Status }) {
  const { counts, lastSeenAt, remoteAddress, roundTripMs, hasGpsTime } = status;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm" mb="md">
      <Stat label="Heard" value={<TimeAgo time={lastSeenAt} />}>
        <span className="mono">{remoteAddress}</span>
      </Stat>
      <Stat label="Uplinks" value={shortNumber(counts.uplinks)} />
      <Stat label="Downlinks" value={shortNumber(counts.downlinks)}>
        {counts.downlinkFailures > 0 && `${shortNumber(counts.downlinkFailures)} failed`}
      </Stat>
      <Stat label="Refused packets" value={shortNumber(counts.refused)} />
      <Stat label="Round trip" value={roundTripMs === null ? "–" : `${fineNumber(roundTripMs)} ms`} />
      <Stat label="GPS time" value={hasGpsTime === null ? "–" : hasGpsTime ? "yes" : "no"} />
    </SimpleGrid>
  );
}
