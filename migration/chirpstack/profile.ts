import { MalformedValue } from "../../lorawan/errors.ts";
import { parseDeviceProfileId, parseTenantId } from "../../lorawan/ids.ts";
import { type RegionName, regionNames } from "../../lorawan/region/region.ts";
import {
  type MacVersion,
  macVersions,
  type RegionalParametersRevision,
  regionalParametersRevisions,
} from "../../lorawan/version.ts";
import type { CarriedProfile } from "../carried.ts";
import type { NoteTopic } from "../notes.ts";
import { revisionOf, withOldPlan } from "../versions.ts";
import { bool, has, integer, type JsonObject, json, jsonObject, member, type Row, tags, text } from "./row.ts";

type ProfileWithoutTenant = Omit<CarriedProfile, "tenantId">;

export interface DecodedProfile {
  readonly profile: ProfileWithoutTenant;
  /** Absent: every tenant may use it. */
  readonly tenantId?: CarriedProfile["tenantId"];
  readonly notes: readonly NoteTopic[];
}

const secondsADay = 86_400;
const mostDataRate = 15;

/** Throws MalformedValue. */
export function decodeProfile(row: Row): DecodedProfile {
  const region = regionOf(text(row, "region"));
  const macVersion = macVersionOf(text(row, "mac_version"));
  const revision = revisionFrom(text(row, "reg_params_revision"), macVersion);
  const requestsADay = integer(row, "device_status_req_interval");
  const abp = parametersOf(row, "abp_params", "abp_");
  const classB = parametersOf(row, "class_b_params", "class_b_");
  const classC = parametersOf(row, "class_c_params", "class_c_");
  const hasPingSlots = bool(row, "supports_class_b") && member(classB, "ping_slot_freq") > 0;
  const codec = codecOf(row);
  const [adrMinDataRate, adrMaxDataRate] = dataRatesOf(row);
  const profile: ProfileWithoutTenant = {
    id: parseDeviceProfileId(text(row, "id")),
    name: text(row, "name"),
    description: has(row, "description") ? text(row, "description") : "",
    region,
    regionConfigId: has(row, "region_config_id") ? text(row, "region_config_id") || null : null,
    macVersion,
    regionalParameters: region === "CN470" ? withOldPlan(revision) : revision,
    supportsOtaa: bool(row, "supports_otaa"),
    supportsClassB: bool(row, "supports_class_b"),
    supportsClassC: bool(row, "supports_class_c"),
    classBTimeoutSeconds: member(classB, "timeout") || 8,
    classCTimeoutSeconds: member(classC, "timeout") || 8,
    // Devices say it, and what they have said is carried with their sessions; versions differ in what the number means.
    classBPingSlotPeriodicity: null,
    classBPingSlotDataRate: hasPingSlots ? member(classB, "ping_slot_dr") : null,
    classBPingSlotFrequencyHz: hasPingSlots ? member(classB, "ping_slot_freq") : null,
    adrAlgorithm: "default",
    adrScript: "",
    adrMinDataRate,
    adrMaxDataRate,
    mac: wishesOf(row),
    expectedUplinkIntervalSeconds: Math.max(1, integer(row, "uplink_interval") || 3600),
    deviceStatusIntervalSeconds: requestsADay > 0 ? Math.max(1, Math.round(secondsADay / requestsADay)) : 0,
    flushQueueOnActivate: has(row, "flush_queue_on_activate") && bool(row, "flush_queue_on_activate"),
    // ChirpStack reports a confirmed downlink that is not acknowledged at once.
    confirmedDownlinkRetries: 0,
    abpRx1DelaySeconds: Math.max(1, member(abp, "rx1_delay")),
    abpRx1DrOffset: member(abp, "rx1_dr_offset"),
    abpRx2DataRate: member(abp, "rx2_freq") > 0 ? member(abp, "rx2_dr") : null,
    abpRx2FrequencyHz: member(abp, "rx2_freq") || null,
    codec,
    codecScript: codec === "javascript" ? text(row, "payload_codec_script") : "",
    codecCases: [],
    tags: tags(row, "tags"),
  };
  return {
    profile,
    ...(has(row, "tenant_id") && { tenantId: parseTenantId(text(row, "tenant_id")) }),
    notes: notesOf(row, region),
  };
}

function regionOf(name: string): RegionName {
  const region = regionNames.find(known => known === name.replace("_", "-"));
  if (region === undefined) throw new MalformedValue(`region ${name} is not known`);
  return region;
}

function macVersionOf(name: string): MacVersion {
  const version = macVersions.find(known => known === name || known === `${name}.0`);
  if (version === undefined) throw new MalformedValue(`version ${name} is not known`);
  return version;
}

function revisionFrom(name: string, macVersion: MacVersion): RegionalParametersRevision {
  if (name === "A" || name === "B") return revisionOf(macVersion, name);
  const revision = regionalParametersRevisions.find(known => known === name);
  if (revision === undefined) throw new MalformedValue(`regional parameters ${name} are not known`);
  return revision;
}

/** From 4.11 on an object, before that a column for each member. */
function parametersOf(row: Row, column: string, prefix: string): JsonObject {
  if (has(row, column)) return jsonObject(row, column);
  const older = Object.entries(row).filter(([name]) => name.startsWith(prefix) && name !== column);
  return Object.fromEntries(older.map(([name]) => [newName(name.slice(prefix.length)), integer(row, name)]));
}

const newName = (name: string): string => (/^ping_slot_(?:nb_k|period)$/.test(name) ? "ping_slot_periodicity" : name);

function codecOf(row: Row): CarriedProfile["codec"] {
  const runtime = text(row, "payload_codec_runtime");
  switch (runtime) {
    case "":
    case "NONE":
      return "none";
    case "CAYENNE_LPP":
      return "cayenne-lpp";
    case "JS":
      return "javascript";
    default:
      throw new MalformedValue(`the codec ${runtime} is not known`);
  }
}

function dataRatesOf(row: Row): readonly [least: number | null, most: number | null] {
  if (!has(row, "supported_uplink_data_rates")) return [null, null];
  const found = json(row, "supported_uplink_data_rates");
  const rates = (Array.isArray(found) ? found : []).filter(
    (rate): rate is number => Number.isInteger(rate) && rate >= 0 && rate <= mostDataRate,
  );
  return rates.length === 0 ? [null, null] : [Math.min(...rates), Math.max(...rates)];
}

function wishesOf(row: Row): CarriedProfile["mac"] {
  const rx1DelaySeconds = has(row, "rx1_delay") ? integer(row, "rx1_delay") : 0;
  return rx1DelaySeconds > 0 ? { rx1DelaySeconds } : {};
}

function notesOf(row: Row, region: RegionName): readonly NoteTopic[] {
  const notes: NoteTopic[] = [];
  if (text(row, "adr_algorithm_id") !== "default") notes.push("adr-plugin");
  if (has(row, "measurements") && Object.keys(jsonObject(row, "measurements")).length > 0) notes.push("measurements");
  if (isRelay(row)) notes.push("relay-settings");
  if (has(row, "app_layer_params") && usesPackages(jsonObject(row, "app_layer_params")))
    notes.push("application-layer");
  if (region === "CN470") notes.push("old-channel-plan");
  return notes;
}

function isRelay(row: Row): boolean {
  if (has(row, "relay_params")) {
    const { is_relay: isOne, is_relay_ed: isBehindOne } = jsonObject(row, "relay_params");
    return isOne === true || isBehindOne === true;
  }
  return ["is_relay", "is_relay_ed"].some(column => has(row, column) && bool(row, column));
}

const usesPackages = (parameters: JsonObject): boolean =>
  Object.entries(parameters).some(([name, value]) => name.endsWith("_version") && value !== null);
