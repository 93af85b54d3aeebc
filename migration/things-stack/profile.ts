import type { MacWishes } from "../../app-server/catalog-ports.ts";
import { parseDeviceProfileId, type TenantId } from "../../lorawan/ids.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import type { CarriedProfile } from "../carried.ts";
import type { NoteTopic } from "../notes.ts";
import { derivedUuid } from "../uuid.ts";
import { withOldPlan } from "../versions.ts";
import { codecOf } from "./formatters.ts";
import { macVersionOf, regionOfPlan, revisionOfPhy } from "./frequency-plan.ts";
import { fieldsOf, type JsonFields } from "./json-values.ts";

export interface DecodedProfile {
  readonly profile: CarriedProfile;
  readonly notes: readonly NoteTopic[];
}

const noFields = fieldsOf({});
const secondsADay = 86_400;

/**
 * What a device has for itself there, and shares here with every device that has the same. The id follows from that, so that the same
 * profile comes of the same settings. Throws MalformedValue.
 */
export function profileOf(device: JsonFields, tenantId: TenantId): DecodedProfile {
  const frequencyPlanId = device.text("frequency_plan_id") ?? "";
  const region = regionOfPlan(frequencyPlanId);
  const macVersion = macVersionOf(device.text("lorawan_version") ?? "");
  const revision = revisionOfPhy(device.text("lorawan_phy_version") ?? "", macVersion);
  const settings = device.fields("mac_settings") ?? noFields;
  const { note, ...codec } = codecOf(device.fields("formatters"));
  const adr = settings.fields("adr") ?? noFields;
  const dynamic = adr.fields("dynamic");
  const isStatic = adr.has("static");
  const isFixed = isStatic || adr.has("disabled") || (settings.has("use_adr") && !settings.isTrue("use_adr"));
  const regionalParameters = region === "CN470" ? withOldPlan(revision) : revision;
  const shared = {
    region,
    regionConfigId: frequencyPlanId,
    macVersion,
    regionalParameters,
    supportsOtaa: device.isTrue("supports_join"),
    supportsClassB: device.isTrue("supports_class_b"),
    supportsClassC: device.isTrue("supports_class_c"),
    classBTimeoutSeconds: wholeSeconds(settings.seconds("class_b_timeout")),
    classCTimeoutSeconds: wholeSeconds(settings.seconds("class_c_timeout")),
    classBPingSlotPeriodicity: settings.exponent("ping_slot_periodicity") ?? null,
    classBPingSlotDataRate: settings.ordinal("ping_slot_data_rate_index") ?? null,
    classBPingSlotFrequencyHz: settings.number("ping_slot_frequency") ?? null,
    adrAlgorithm: isFixed ? "none" : "default",
    adrScript: "",
    adrMinDataRate: dynamic?.ordinal("min_data_rate_index") ?? null,
    adrMaxDataRate: dynamic?.ordinal("max_data_rate_index") ?? null,
    mac: wishesOf(settings),
    expectedUplinkIntervalSeconds: 3600,
    deviceStatusIntervalSeconds: Math.round(settings.seconds("status_time_periodicity") ?? secondsADay),
    flushQueueOnActivate: true,
    confirmedDownlinkRetries: 3,
    abpRx1DelaySeconds: Math.max(1, settings.ordinal("rx1_delay") ?? 1),
    abpRx1DrOffset: settings.ordinal("rx1_data_rate_offset") ?? 0,
    abpRx2DataRate: rx2Of(settings, region, regionalParameters)?.dataRate ?? null,
    abpRx2FrequencyHz: rx2Of(settings, region, regionalParameters)?.frequencyHz ?? null,
    ...codec,
  } as const satisfies Omit<CarriedProfile, "id" | "tenantId" | "name" | "description" | "tags" | "codecCases">;
  const id = derivedUuid(tenantId, "device profile", JSON.stringify(shared));
  return {
    profile: {
      ...shared,
      id: parseDeviceProfileId(id),
      tenantId,
      name: `${nameOf(device, region, macVersion)} (${id.slice(0, 4)})`,
      description: "",
      codecCases: [],
      tags: {},
    },
    notes: [
      ...(note ? [note] : []),
      ...(isStatic ? (["adr-static"] as const) : []),
      ...(region === "CN470" ? (["old-channel-plan"] as const) : []),
    ],
  };
}

const wholeSeconds = (seconds: number | undefined): number => Math.max(1, Math.round(seconds ?? 8));

function nameOf(device: JsonFields, region: string, macVersion: string): string {
  const version = device.fields("version_ids");
  const model = [version?.text("brand_id"), version?.text("model_id")].filter(part => part !== undefined).join(" ");
  return `${model || "LoRaWAN"} ${macVersion} ${region}`;
}

function rx2Of(settings: JsonFields, region: CarriedProfile["region"], revision: CarriedProfile["regionalParameters"]) {
  const dataRate = settings.ordinal("rx2_data_rate_index");
  const frequencyHz = settings.number("rx2_frequency");
  if (dataRate === undefined && frequencyHz === undefined) return undefined;
  const { rx2 } = regionOf(region, revision);
  return { dataRate: dataRate ?? rx2.dataRate, frequencyHz: frequencyHz ?? rx2.frequencyHz };
}

/** What was wished for the device there, beside what its frequency plan says. */
function wishesOf(settings: JsonFields): MacWishes {
  const found = {
    rx1DelaySeconds: settings.ordinal("desired_rx1_delay"),
    rx1DrOffset: settings.ordinal("desired_rx1_data_rate_offset"),
    rx2DataRate: settings.ordinal("desired_rx2_data_rate_index"),
    rx2FrequencyHz: settings.number("desired_rx2_frequency"),
    maxDutyCycleExponent: settings.exponent("desired_max_duty_cycle"),
    pingSlotFrequencyHz: settings.number("desired_ping_slot_frequency"),
    pingSlotDataRate: settings.ordinal("desired_ping_slot_data_rate_index"),
    beaconFrequencyHz: settings.number("desired_beacon_frequency"),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
