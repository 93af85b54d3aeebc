import { Badge, Select, TextInput } from "@mantine/core";
import { IconCpu, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable, type ListRequest } from "../../parts/endless-table.tsx";
import { PageButton, PageLink } from "../../parts/links.tsx";
import { RecordName, RecordSelect } from "../../parts/record-select.tsx";
import { isUsualSort, type UsualSort } from "../../parts/sorts.ts";
import { TagList } from "../../parts/tag-list.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { BulkBar } from "./bulk.tsx";
import type { DeviceView } from "./view.ts";

export type Device = Schemas["Device"];

const nameColumn: Column<Device> = {
  title: "Name",
  sortsBy: "name",
  render: ({ devEui, name }) => (
    <PageLink to="/devices/$devEui" params={{ devEui }}>
      {name}
    </PageLink>
  ),
};
const applicationColumn: Column<Device> = {
  title: "Application",
  visibleFrom: "md",
  render: ({ applicationId }) => (
    <PageLink to="/applications/$applicationId" params={{ applicationId }} size="sm">
      <RecordName kind="applications" id={applicationId} />
    </PageLink>
  ),
};
const otherColumns: readonly Column<Device>[] = [
  { title: "DevEUI", width: 170, visibleFrom: "xs", render: ({ devEui }) => <span className="mono">{devEui}</span> },
  {
    title: "Profile",
    visibleFrom: "lg",
    render: ({ deviceProfileId }) => <RecordName kind="device-profiles" id={deviceProfileId} />,
  },
  { title: "Tags", width: 200, visibleFrom: "xl", render: ({ tags }) => <TagList tags={tags} /> },
  {
    title: "State",
    width: 100,
    visibleFrom: "sm",
    render: ({ isDisabled }) => (isDisabled ? <Badge color="gray">disabled</Badge> : null),
  },
  {
    title: "Added",
    width: 150,
    visibleFrom: "md",
    sortsBy: "createdAt",
    render: ({ createdAt }) => <TimeAgo time={createdAt} />,
  },
];

export interface DeviceTableProps {
  /** Left out: of every application. */
  readonly applicationId?: string;
  readonly tenantId: string | undefined;
  readonly view: DeviceView;
  readonly onView: (view: DeviceView) => void;
}

/** Devices with what narrows them, and what can be done with many of them at once. */
export function DeviceTable({ applicationId, tenantId, view, onView }: DeviceTableProps) {
  const me = useMe();
  const [chosen, setChosen] = useState<ReadonlyMap<string, Device>>(new Map());
  const isWriter = mayWrite(me, "devices", tenantId);
  const narrowing = narrowingOf(view, applicationId, tenantId);
  const read = async (request: Partial<ListRequest<UsualSort>>) =>
    dataOf(await api.GET("/api/devices", { params: { query: { ...request, ...narrowing } } }));
  const narrow = (part: Partial<Record<keyof DeviceView, string | undefined>>): void => {
    setChosen(new Map());
    onView(withPart(view, part));
  };
  const list = (
    <EndlessTable
      label="Devices"
      queryKey={["devices", "list", narrowing]}
      read={read}
      columns={[nameColumn, ...(applicationId === undefined ? [applicationColumn] : []), ...otherColumns]}
      keyOf={({ devEui }) => devEui}
      isSort={isUsualSort}
      sort={view.sort ?? "name"}
      search={view.search ?? ""}
      onView={({ search, sort }) => onView(withPart(view, { search, sort: sort === "name" ? undefined : sort }))}
      searchHint="Beginning of the name or DevEUI"
      isNarrowed={["application", "profile", "state", "tag"].some(name => name in view)}
      filters={<Filters view={view} narrow={narrow} tenantId={tenantId} isOfOne={applicationId !== undefined} />}
      {...(isWriter && { selection: { chosen, onChange: setChosen, nameOf: ({ name }: Device) => name } })}
      empty={<NoDevices applicationId={applicationId} isWriter={isWriter} />}
    />
  );
  return (
    <>
      {isWriter && <BulkBar chosen={chosen} onDone={() => setChosen(new Map())} tenantId={tenantId} />}
      {list}
    </>
  );
}

function withPart(view: DeviceView, part: Readonly<Record<string, string | undefined>>): DeviceView {
  const merged = Object.entries({ ...view, ...part }).filter(([, value]) => value !== undefined && value !== "");
  return Object.fromEntries(merged);
}

/** The filters as the API takes them. */
function narrowingOf(view: DeviceView, applicationId: string | undefined, tenantId: string | undefined) {
  const application = applicationId ?? view.application;
  const { tag } = view;
  return {
    ...(application !== undefined && { applicationId: application }),
    ...(tenantId !== undefined && { tenantId }),
    ...(view.profile !== undefined && { deviceProfileId: view.profile }),
    ...(view.state !== undefined && { isDisabled: view.state === "disabled" }),
    // Half a tag is one that is still being typed.
    ...(tag !== undefined && /^[^=]+=/.test(tag) && { tag }),
  };
}

interface FiltersProps {
  readonly view: DeviceView;
  readonly narrow: (part: Partial<Record<keyof DeviceView, string | undefined>>) => void;
  readonly tenantId: string | undefined;
  readonly isOfOne: boolean;
}

function Filters({ view, narrow, tenantId, isOfOne }: FiltersProps) {
  const [tag, setTag] = useState(view.tag ?? "");
  const width = { base: "100%", xs: 180 };
  return (
    <>
      {!isOfOne && (
        <RecordSelect
          kind="applications"
          tenantId={tenantId}
          aria-label="Application"
          placeholder="Every application"
          clearable
          w={width}
          value={view.application ?? ""}
          onChange={application => narrow({ application })}
        />
      )}
      <RecordSelect
        kind="device-profiles"
        tenantId={tenantId}
        aria-label="Device profile"
        placeholder="Every profile"
        clearable
        w={width}
        value={view.profile ?? ""}
        onChange={profile => narrow({ profile })}
      />
      <Select
        aria-label="State"
        placeholder="Every state"
        clearable
        w={{ base: "100%", xs: 140 }}
        data={["enabled", "disabled"]}
        value={view.state ?? null}
        onChange={state => narrow({ state: state ?? undefined })}
      />
      <TextInput
        aria-label="Tag"
        placeholder="tag=value"
        w={{ base: "100%", xs: 150 }}
        value={tag}
        onChange={event => setTag(event.currentTarget.value)}
        onBlur={() => narrow({ tag })}
        onKeyDown={event => event.key === "Enter" && narrow({ tag })}
      />
    </>
  );
}

interface NoDevicesProps {
  readonly applicationId: string | undefined;
  readonly isWriter: boolean;
}

const NoDevices = ({ applicationId, isWriter }: NoDevicesProps) => (
  <Empty
    icon={IconCpu}
    title="No devices yet"
    action={
      isWriter && (
        <PageButton
          to="/devices/add"
          search={applicationId === undefined ? {} : { application: applicationId }}
          leftSection={<IconPlus size={16} />}
          mt="sm"
        >
          Add device
        </PageButton>
      )
    }
  >
    Type its EUIs and key, paste them, or scan the code on its label.
  </Empty>
);
