import { Badge, Select } from "@mantine/core";
import { IconCpu, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { dataOf } from "../../../../../client/client.ts";
import type { paths } from "../../../../../client/openapi.d.ts";
import { api } from "../../api/queries.ts";
import { mayWrite, useMe } from "../../api/session.ts";
import { Empty } from "../../parts/empty.tsx";
import { type Column, EndlessTable, type ListRequest } from "../../parts/endless-table.tsx";
import { PageButton, PageLink } from "../../parts/links.tsx";
import { RecordName, RecordSelect } from "../../parts/record-select.tsx";
import { SavedViews } from "../../parts/saved-views.tsx";
import { isWholeTag, TagInput } from "../../parts/tag-input.tsx";
import { TagList } from "../../parts/tag-list.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { BulkBar } from "./bulk.tsx";
import { type DeviceSort, type DeviceView, deviceViewOf, isDeviceSort, type StateChoice, stateNames } from "./view.ts";

const readDevices = async (query: DeviceQuery) => dataOf(await api.GET("/api/devices/states", { params: { query } }));
type DeviceQuery = NonNullable<paths["/api/devices/states"]["get"]["parameters"]["query"]>;
/** As it is in a list. */
export type Device = Awaited<ReturnType<typeof readDevices>>["items"][number];

const stateColors: Readonly<Record<StateChoice, string>> = {
  active: "teal",
  inactive: "red",
  "never-seen": "gray",
  disabled: "gray",
};

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
  width: "17%",
  visibleFrom: "md",
  render: ({ applicationId }) => (
    <PageLink to="/applications/$applicationId" params={{ applicationId }} size="sm">
      <RecordName kind="applications" id={applicationId} />
    </PageLink>
  ),
};
const otherColumns: readonly Column<Device>[] = [
  {
    title: "State",
    width: 116,
    render: ({ state, isDisabled }) => <StateBadge state={isDisabled ? "disabled" : state} />,
  },
  {
    title: "Heard",
    width: 140,
    visibleFrom: "xs",
    sortsBy: "lastHeardAt",
    render: ({ lastHeardAt }) => <TimeAgo time={lastHeardAt} />,
  },
  { title: "DevEUI", width: 170, visibleFrom: "sm", render: ({ devEui }) => <span className="mono">{devEui}</span> },
  {
    title: "Profile",
    width: "17%",
    visibleFrom: "lg",
    render: ({ deviceProfileId }) => <RecordName kind="device-profiles" id={deviceProfileId} />,
  },
  { title: "Tags", width: 220, visibleFrom: "xxl", render: ({ tags }) => <TagList tags={tags} /> },
  {
    title: "Added",
    width: 130,
    visibleFrom: "xl",
    sortsBy: "createdAt",
    render: ({ createdAt }) => <TimeAgo time={createdAt} />,
  },
];

const StateBadge = ({ state }: { readonly state: StateChoice }) => (
  <Badge color={stateColors[state]}>{stateNames[state]}</Badge>
);

export interface DeviceTableProps {
  /** Left out: of every application. */
  readonly applicationId?: string;
  readonly tenantId: string | undefined;
  readonly view: DeviceView;
  /** Resolves when the address has it. */
  readonly onView: (view: DeviceView) => Promise<void>;
}

/** Devices with what narrows them, and what can be done with many of them at once. */
export function DeviceTable({ applicationId, tenantId, view, onView }: DeviceTableProps) {
  const me = useMe();
  const [chosen, setChosen] = useState<ReadonlyMap<string, Device>>(new Map());
  const isWriter = mayWrite(me, "devices", tenantId);
  const narrowing = narrowingOf(view, applicationId, tenantId);
  const read = (request: ListRequest<DeviceSort>) => readDevices({ ...request, ...narrowing });
  const [epoch, setEpoch] = useState(0);
  const narrow = (part: Partial<Record<keyof DeviceView, string | undefined>>): void => {
    setChosen(new Map());
    void onView(withPart(view, part));
  };
  const list = (
    <EndlessTable
      key={epoch}
      label="Devices"
      queryKey={["devices", "list", narrowing]}
      read={read}
      columns={[nameColumn, ...(applicationId === undefined ? [applicationColumn] : []), ...otherColumns]}
      keyOf={({ devEui }) => devEui}
      isSort={isDeviceSort}
      sort={view.sort ?? "name"}
      search={view.search ?? ""}
      onView={({ search, sort }) => void onView(withPart(view, { search, sort: sort === "name" ? undefined : sort }))}
      searchHint="Beginning of the name or DevEUI"
      filterCount={filterNames.filter(name => name in view).length}
      refreshMs={15_000}
      filters={<Filters view={view} narrow={narrow} tenantId={tenantId} isOfOne={applicationId !== undefined} />}
      saved={
        <SavedViews
          of={applicationId === undefined ? "devices" : "devices-of-application"}
          view={view}
          parse={deviceViewOf}
          onChoose={chosen => {
            setChosen(new Map());
            // Search and order are the table's own once it is there.
            void onView(chosen).then(() => setEpoch(epoch + 1));
          }}
        />
      }
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

const filterNames = ["application", "profile", "state", "tag"] as const;

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
    ...(view.state === "disabled" && { isDisabled: true }),
    ...(view.state !== undefined && view.state !== "disabled" && { isDisabled: false, state: view.state }),
    ...(tag !== undefined && isWholeTag(tag) && { tag }),
  };
}

interface FiltersProps {
  readonly view: DeviceView;
  readonly narrow: (part: Partial<Record<keyof DeviceView, string | undefined>>) => void;
  readonly tenantId: string | undefined;
  readonly isOfOne: boolean;
}

function Filters({ view, narrow, tenantId, isOfOne }: FiltersProps) {
  const width = { base: "100%", sm: 180 };
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
        w={{ base: "100%", sm: 140 }}
        data={Object.entries(stateNames).map(([value, label]) => ({ value, label }))}
        value={view.state ?? null}
        onChange={state => narrow({ state: state ?? undefined })}
      />
      <TagInput value={view.tag} onChange={tag => narrow({ tag })} />
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
        >
          Add device
        </PageButton>
      )
    }
  >
    Type its EUIs and key, paste them, or scan the code on its label.
  </Empty>
);
