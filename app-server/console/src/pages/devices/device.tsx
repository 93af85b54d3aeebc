import { Badge, Group, Skeleton, Tabs } from "@mantine/core";
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense } from "react";
import { applicationQuery, deviceQuery } from "../../api/records.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { Copyable } from "../../parts/copyable.tsx";
import { Frames } from "../../parts/frames.tsx";
import { PageLink } from "../../parts/links.tsx";
import { PageHeader } from "../../parts/page-header.tsx";
import { PageProblem } from "../../parts/page-problem.tsx";
import { TabRow } from "../../parts/page-tabs.tsx";
import { RecordName } from "../../parts/record-select.tsx";
import { TagList } from "../../parts/tag-list.tsx";
import { DeviceStream } from "./events.tsx";
import { type DeviceTab, deviceTabs } from "./tabs.ts";

const Overview = lazy(() => import("./overview.tsx"));
const Diagnosis = lazy(() => import("./diagnosis.tsx"));
const Events = lazy(() => import("./event-list.tsx"));
const Queue = lazy(() => import("./queue.tsx"));
const Twin = lazy(() => import("./twin.tsx"));
const Activation = lazy(() => import("./activation.tsx"));
const Settings = lazy(() => import("./settings.tsx"));

const titles: Readonly<Record<DeviceTab, string>> = {
  overview: "Overview",
  diagnosis: "Diagnosis",
  live: "Frames",
  events: "Events",
  queue: "Queue",
  twin: "Twin",
  activation: "Activation",
  settings: "Settings",
};

export function DevicePage() {
  const { devEui } = useParams({ from: "/inside/devices/$devEui" });
  const queries = useQueryClient();
  const device = useQuery(deviceQuery(devEui));
  const applicationId = device.data?.record.applicationId ?? "";
  const application = useQuery({ ...applicationQuery(applicationId), enabled: applicationId !== "" });
  if (device.isError) {
    return (
      <PageProblem
        kind="Device"
        above={[{ label: "Devices", to: "/devices" }]}
        error={device.error}
        onRetry={() => void device.refetch()}
      />
    );
  }
  if (!device.data) return <Skeleton h={40} w={300} />;
  const { record } = device.data;
  return (
    <DeviceStream key={devEui} devEui={devEui} onEvent={() => refresh(queries, devEui)}>
      <PageHeader
        title={record.name}
        above={[
          { label: "Applications", to: "/applications" },
          { label: application.data?.record.name ?? "…", to: `/applications/${record.applicationId}` },
        ]}
      >
        <Group gap="xs">
          <Copyable value={devEui} label="DevEUI" />
          <PageLink
            to="/device-profiles/$deviceProfileId"
            params={{ deviceProfileId: record.deviceProfileId }}
            size="sm"
            style={{ overflowWrap: "anywhere" }}
          >
            <RecordName kind="device-profiles" id={record.deviceProfileId} />
          </PageLink>
          {record.isDisabled && <Badge color="gray">disabled</Badge>}
        </Group>
        <TagList tags={record.tags} wrap />
      </PageHeader>
      <DeviceTabs devEui={devEui} tenantId={record.tenantId} />
    </DeviceStream>
  );
}

/** What an event makes old of what is shown. */
function refresh(queries: QueryClient, devEui: string): void {
  void queries.invalidateQueries({ queryKey: ["devices", devEui, "session"] });
  void queries.invalidateQueries({ queryKey: ["devices", devEui, "queue"] });
}

function DeviceTabs({ devEui, tenantId }: { readonly devEui: string; readonly tenantId: string }) {
  const { tab = "overview" } = useSearch({ from: "/inside/devices/$devEui" });
  const navigate = useNavigate({ from: "/devices/$devEui" });
  const isWriter = mayWrite(useMe(), "devices", tenantId);
  const panels: Readonly<Record<DeviceTab, ReactNode>> = {
    overview: <Overview devEui={devEui} />,
    diagnosis: <Diagnosis devEui={devEui} />,
    live: <Frames source={{ kind: "device", devEui }} />,
    events: <Events devEui={devEui} />,
    queue: <Queue devEui={devEui} isWriter={isWriter} />,
    twin: <Twin devEui={devEui} isWriter={isWriter} />,
    activation: <Activation devEui={devEui} isWriter={isWriter} />,
    settings: <Settings devEui={devEui} isWriter={isWriter} />,
  };
  return (
    <Tabs
      value={tab}
      keepMounted={false}
      onChange={next => void navigate({ search: { tab: deviceTabs.find(known => known === next) }, replace: true })}
    >
      <TabRow active={tab} tabs={deviceTabs.map(name => [name, titles[name]])} />
      {deviceTabs.map(name => (
        <Tabs.Panel key={name} value={name}>
          <Suspense fallback={<Skeleton h={200} />}>{panels[name]}</Suspense>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
