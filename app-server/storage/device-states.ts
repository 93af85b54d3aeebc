import Type, { type Static } from "typebox";
import { parseApplicationId, parseDevEui, parseDeviceProfileId, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import type { Devices, PageRequest } from "../catalog-ports.ts";
import { type DeviceState, type DeviceStateSort, deviceStates } from "../state-ports.ts";
import { exactTime, type ListOrder, listPage, mapPage, rfc3339, TagsColumn, timestampSorts } from "./statement.ts";
import { type Condition, equal } from "./table.ts";

const Row = Type.Object({
  devEui: Type.String(),
  tenantId: Type.String(),
  applicationId: Type.String(),
  deviceProfileId: Type.String(),
  name: Type.String(),
  isDisabled: Type.Boolean(),
  tags: TagsColumn,
  createdAt: Type.String(),
  lastHeardAt: Type.Union([Type.String(), Type.Null()]),
  heardPlace: Type.String(),
  state: Type.Enum([...deviceStates]),
});

const heardAt = rfc3339("l.heard_at");
const { createdAt } = timestampSorts("devices");
/** As the overview of a tenant has it. */
const state = `case when l.heard_at is null then 'never-seen'
  when l.heard_at > now() - 2 * p.expected_uplink_interval_s * interval '1 second' then 'active' else 'inactive' end`;

/** As an index has it. A device that was never heard is before all that were. */
const heardPlace = "coalesce(l.heard_at, '-infinity'::timestamptz)";
type Order = Pick<ListOrder, "place" | "key" | "placeType">;
const key = "devices.dev_eui::text";
const orders: Readonly<Record<DeviceStateSort, Order>> = {
  name: { place: "devices.name", key },
  createdAt: { place: createdAt, key },
  lastHeardAt: { place: heardPlace, placeType: "timestamptz", key: "l.dev_eui" },
};

const selectFrom = (
  latest: "join" | "left join",
): string => `select devices.dev_eui as "devEui", a.tenant_id as "tenantId", devices.application_id as "applicationId",
    devices.device_profile_id as "deviceProfileId", devices.name, devices.is_disabled as "isDisabled", devices.tags,
    ${createdAt} as "createdAt", ${heardAt} as "lastHeardAt",
    ${exactTime(heardPlace)} as "heardPlace", ${state} as state
  from devices join applications a on a.id = devices.application_id
    join device_profiles p on p.id = devices.device_profile_id
    ${latest} device_latest l on l.dev_eui = devices.dev_eui and l.tenant_id = a.tenant_id`;

const toState = ({ heardPlace: _place, ...row }: Static<typeof Row>): DeviceState => ({
  ...row,
  devEui: parseDevEui(row.devEui),
  tenantId: parseTenantId(row.tenantId),
  applicationId: parseApplicationId(row.applicationId),
  deviceProfileId: parseDeviceProfileId(row.deviceProfileId),
});

/** Devices with when they were heard, from what the history keeps of each. */
export async function listDeviceStates(
  sql: Sql,
  conditions: readonly Condition[],
  wanted: DeviceState["state"] | undefined,
  page: PageRequest<DeviceStateSort>,
): ReturnType<Devices["listStates"]> {
  const values: unknown[] = [];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const where = [...conditions, equal(wanted, `(${state})`)].map(condition => condition(value)).join(" and ");
  const { by, descending } = page.sort ?? { by: "name", descending: false };
  const order = { by, ...orders[by], descending };
  const placeOf = (row: Static<typeof Row>) => [by === "lastHeardAt" ? row.heardPlace : row[by], row.devEui] as const;
  // Every device has a row of what was heard last; only where the list begins with these its index gives the order.
  const select = selectFrom(by === "lastHeardAt" ? "join" : "left join");
  return mapPage(await listPage(sql, Row, { text: `${select} where ${where}`, values, order }, page, placeOf), toState);
}
