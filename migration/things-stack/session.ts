import { MalformedValue } from "../../lorawan/errors.ts";
import { type JoinEui, parseDevAddr, parseGatewayId } from "../../lorawan/ids.ts";
import type { Channel } from "../../lorawan/region/region.ts";
import { isVersion11, type MacVersion } from "../../lorawan/version.ts";
import type { CarriedParameters, CarriedSession } from "../carried.ts";
import { macVersionOf } from "./frequency-plan.ts";
import type { JsonFields } from "./json-values.ts";
import { fieldsOf } from "./json-values.ts";
import { carriedKey, clearKey, type Opener } from "./keys.ts";

export interface SessionParts {
  readonly session: JsonFields;
  readonly macState: JsonFields | undefined;
  readonly settings: JsonFields | undefined;
  readonly macVersion: MacVersion;
  readonly frequencyPlanId: string;
  /** Of a device that joins. */
  readonly joinEui: JoinEui | undefined;
  readonly lastRjCount0: number | undefined;
  /** It waits for its first uplink. */
  readonly isPending: boolean;
  readonly lastSeenAtMs: number | undefined;
  readonly lastStatusAtMs: number | undefined;
  readonly opened: Opener;
}

const noFields = fieldsOf({});

/** Throws MalformedValue. */
export function sessionOf(parts: SessionParts): CarriedSession {
  const { session, macState = noFields, joinEui, frequencyPlanId, lastRjCount0, opened } = parts;
  const macVersion = macState.has("lorawan_version")
    ? macVersionOf(macState.text("lorawan_version") ?? "")
    : parts.macVersion;
  const keys = session.fields("keys") ?? noFields;
  const fNwkSIntKey = networkKey(keys, "f_nwk_s_int_key", opened);
  const version11 = isVersion11(macVersion);
  // Before 1.1 there is one, by whichever name.
  const other = (name: string): string => (version11 ? networkKey(keys, name, opened) : fNwkSIntKey);
  const uplinks = macState.list("recent_uplinks");
  const lastUplinkAtMs = parts.isPending
    ? undefined
    : (timeOf(uplinks.at(-1)?.text("received_at")) ?? parts.lastSeenAtMs);
  const deviceClass = macState.text("device_class");
  const periodicity = macState.exponent("ping_slot_periodicity");
  return {
    devAddr: parseDevAddr(session.text("dev_addr") ?? ""),
    macVersion,
    ...(joinEui !== undefined && { joinEui }),
    regionConfigId: frequencyPlanId,
    fNwkSIntKey,
    sNwkSIntKey: other("s_nwk_s_int_key"),
    nwkSEncKey: other("nwk_s_enc_key"),
    ...appSKeyOf(keys, opened),
    ...countersOf(parts, version11, uplinks.length > 0),
    ...(version11 && lastRjCount0 !== undefined && lastRjCount0 > 0 && { rjCount0: lastRjCount0 }),
    parameters: parametersOf(macState.fields("current_parameters"), parts.settings ?? noFields),
    adrHistory: adrHistoryOf(uplinks, macState.number("last_adr_change_f_cnt_up") ?? 0),
    pendingRequests: [],
    ...(periodicity !== undefined && { pingSlotPeriodicity: periodicity }),
    deviceClass: deviceClass === "CLASS_C" ? "C" : "A",
    ...(parts.lastStatusAtMs !== undefined && { deviceStatusRequestedAtMs: parts.lastStatusAtMs }),
    ...(lastUplinkAtMs !== undefined && { lastUplinkAtMs }),
    heardBy: heardByOf(uplinks.at(-1)),
  };
}

function networkKey(keys: JsonFields, name: string, opened: Opener): string {
  const key = clearKey(keys, name, opened);
  if (key.kind === "sealed") {
    throw new MalformedValue(`${name} is under the key ${key.kekLabel}, which is not known here; give it with --kek`);
  }
  if (key.kind === "none") throw new MalformedValue(`${name} is missing`);
  return key.hex;
}

/** A Join Server may keep the key to itself, and name it only. */
function appSKeyOf(keys: JsonFields, opened: Opener): Pick<CarriedSession, "appSKey" | "sessionKeyId"> {
  const appSKey = carriedKey(keys, "app_s_key", opened);
  const sessionKeyId = Buffer.from(keys.text("session_key_id") ?? "", "base64").toString("hex");
  if (appSKey === undefined && sessionKeyId === "") {
    throw new MalformedValue("app_s_key is missing; export the device from the application server too");
  }
  return { ...(appSKey && { appSKey }), ...(sessionKeyId !== "" && { sessionKeyId }) };
}

/**
 * The export has the last ones that were used, and 0 before the first as well. A session of a join is one there from its first uplink
 * on. Where a downlink counter may be used or not, it counts as used.
 */
function countersOf({ session, isPending, joinEui }: SessionParts, version11: boolean, wasHeard: boolean) {
  const last = (name: string): number => session.number(name) ?? 0;
  const fCntUp = last("last_f_cnt_up");
  const isUsed = !isPending && (fCntUp > 0 || wasHeard || joinEui !== undefined);
  const next = (used: number): number => (used > 0 || isUsed ? used + 1 : 0);
  const [network, application] = [last("last_n_f_cnt_down"), last("last_a_f_cnt_down")];
  const shared = Math.max(network, application);
  return {
    fCntUp: isUsed ? fCntUp + 1 : 0,
    nFCntDown: next(version11 ? network : shared),
    aFCntDown: next(version11 ? application : shared),
    confFCntDown: last("last_conf_f_cnt_down"),
  };
}

export function timeOf(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

/** What the device uses now; where that is not in the export, what it was made with. */
function parametersOf(current: JsonFields | undefined, settings: JsonFields): CarriedParameters {
  if (!current) {
    const rx2DataRate = settings.ordinal("rx2_data_rate_index");
    const rx2FrequencyHz = settings.number("rx2_frequency");
    return {
      extraChannels: presetChannels(settings.numbers("factory_preset_frequencies")),
      rx1DelaySeconds: settings.ordinal("rx1_delay") ?? 1,
      rx1DrOffset: settings.ordinal("rx1_data_rate_offset") ?? 0,
      ...(rx2DataRate !== undefined && { rx2DataRate }),
      ...(rx2FrequencyHz !== undefined && { rx2FrequencyHz }),
    };
  }
  const channels = current.list("channels");
  return {
    ...present({
      dataRate: current.ordinal("adr_data_rate_index") ?? 0,
      txPowerIndex: current.number("adr_tx_power_index") ?? 0,
      nbTrans: current.number("adr_nb_trans") ?? 1,
      rx1DelaySeconds: current.ordinal("rx1_delay") ?? 1,
      rx1DrOffset: current.ordinal("rx1_data_rate_offset") ?? 0,
      rx2DataRate: current.ordinal("rx2_data_rate_index") ?? 0,
      rx2FrequencyHz: current.number("rx2_frequency"),
      maxDutyCycleExponent: current.exponent("max_duty_cycle"),
      pingSlotFrequencyHz: current.number("ping_slot_frequency") || undefined,
      pingSlotDataRate: current.ordinal("ping_slot_data_rate_index_value"),
      beaconFrequencyHz: current.number("beacon_frequency") || undefined,
      adrAckLimitExponent: current.exponent("adr_ack_limit_exponent"),
      adrAckDelayExponent: current.exponent("adr_ack_delay_exponent"),
      maxEirpDbm: current.number("max_eirp") || undefined,
    }),
    ...(current.has("uplink_dwell_time") && { uplinkDwellTime: current.isTrue("uplink_dwell_time") }),
    ...(current.has("downlink_dwell_time") && { downlinkDwellTime: current.isTrue("downlink_dwell_time") }),
    extraChannels: new Map(channels.flatMap((channel, index) => channelOf(channel, index))),
    enabledChannels: channels.flatMap((channel, index) => (channel.isTrue("enable_uplink") ? [index] : [])),
  };
}

function present<Values extends Readonly<Record<string, number | undefined>>>(
  values: Values,
): Partial<Record<keyof Values, number>>;
function present(values: Readonly<Record<string, number | undefined>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

function channelOf(channel: JsonFields, index: number): readonly (readonly [number, Channel])[] {
  const uplinkFrequencyHz = channel.number("uplink_frequency") ?? 0;
  if (uplinkFrequencyHz === 0) return [];
  return [
    [
      index,
      {
        uplinkFrequencyHz,
        downlinkFrequencyHz: channel.number("downlink_frequency") || uplinkFrequencyHz,
        minDataRate: channel.ordinal("min_data_rate_index") ?? 0,
        maxDataRate: channel.ordinal("max_data_rate_index") ?? 0,
      },
    ],
  ];
}

const presetRates = { minDataRate: 0, maxDataRate: 5 };

const presetChannels = (frequencies: readonly number[]): ReadonlyMap<number, Channel> =>
  new Map(
    frequencies.map((frequencyHz, index) => [
      index,
      { uplinkFrequencyHz: frequencyHz, downlinkFrequencyHz: frequencyHz, ...presetRates },
    ]),
  );

function adrHistoryOf(uplinks: readonly JsonFields[], changedAt: number): CarriedSession["adrHistory"] {
  return uplinks.flatMap(uplink => {
    const fCnt = uplink.fields("payload")?.fields("mac_payload")?.number("full_f_cnt");
    const links = uplink.list("rx_metadata").flatMap(link => link.number("snr") ?? []);
    if (fCnt === undefined || fCnt <= changedAt || links.length === 0) return [];
    return [{ fCnt, snrDb: Math.max(...links), gatewayCount: links.length }];
  });
}

const heardByOf = (uplink: JsonFields | undefined): CarriedSession["heardBy"] =>
  (uplink?.list("rx_metadata") ?? [])
    .flatMap(link => {
      const eui = link.fields("gateway_ids")?.text("eui");
      if (eui === undefined) return [];
      const snrDb = link.number("snr") ?? 0;
      return [{ gatewayId: parseGatewayId(eui), snrDb, rssiDbm: Math.round(link.number("channel_rssi") ?? 0) }];
    })
    .sort((one, other) => other.snrDb - one.snrDb);
