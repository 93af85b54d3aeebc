import Type, { type Static } from "typebox";
import Value from "typebox/value";
import type { ChannelPlan, Region } from "../lorawan/region/region.ts";
import type { JoinAcceptFields, SessionKeys } from "./frames.ts";

const channelSchema = Type.Object({
  uplinkFrequencyHz: Type.Integer(),
  downlinkFrequencyHz: Type.Integer(),
  minDataRate: Type.Integer(),
  maxDataRate: Type.Integer(),
  fastDataRates: Type.Optional(Type.Boolean()),
});

const parametersSchema = Type.Object({
  dataRate: Type.Integer(),
  txPowerIndex: Type.Integer(),
  nbTrans: Type.Integer({ minimum: 1 }),
  rx1DelaySeconds: Type.Integer(),
  rx1DrOffset: Type.Integer(),
  rx2DataRate: Type.Integer(),
  rx2FrequencyHz: Type.Integer(),
  /** `null` where no channel is defined. */
  channels: Type.Array(Type.Union([channelSchema, Type.Null()])),
  enabledChannels: Type.Array(Type.Integer()),
  /** DutyCycleReq: 1 / 2^exponent of all time. */
  maxDutyCycleExponent: Type.Integer(),
  uplinkDwellTime: Type.Boolean(),
  downlinkDwellTime: Type.Boolean(),
  maxEirpDbm: Type.Number(),
  /** Class B, once the network has set it; 0 Hz is the region's own. */
  pingSlotFrequencyHz: Type.Optional(Type.Integer()),
  pingSlotDataRate: Type.Optional(Type.Integer()),
  beaconFrequencyHz: Type.Optional(Type.Integer()),
  /** RejoinParamSetupReq. */
  rejoinMaxTimeExponent: Type.Optional(Type.Integer()),
  rejoinMaxCountExponent: Type.Optional(Type.Integer()),
});

const macAnswerSchema = Type.Object({
  /** CID and what follows, hex. */
  bytes: Type.String(),
  /** Repeated in every uplink until a downlink arrives in RX1 or RX2 (C58). */
  sticky: Type.Boolean(),
});

const sessionSchema = Type.Object({
  devAddr: Type.String(),
  nwkSKey: Type.String(),
  appSKey: Type.String(),
  /** Counter of the next uplink, 32 bits. */
  fCntUp: Type.Integer(),
  /** Highest downlink counter accepted. */
  lastFCntDown: Type.Optional(Type.Integer()),
  parameters: parametersSchema,
  /** MAC answers and requests for the next uplink, in order. */
  answers: Type.Array(macAnswerSchema),
  /** A confirmed downlink waits for its ACK. */
  ackOwed: Type.Boolean(),
  /** Uplinks since the last downlink. */
  adrAckCounter: Type.Integer(),
  /** LoRaWAN 1.1: `nwkSKey` is FNwkSIntKey then, and `lastFCntDown` the counter of frames without application payload. */
  version11: Type.Optional(
    Type.Object({
      sNwkSIntKey: Type.String(),
      nwkSEncKey: Type.String(),
      /** Of the network that the device joined. */
      netId: Type.Optional(Type.String()),
      /** Counter of the next Rejoin-Request of type 0 or 2; 0 when absent. */
      rjCount0: Type.Optional(Type.Integer()),
      lastAFCntDown: Type.Optional(Type.Integer()),
      /** Counter of the last confirmed downlink. */
      confFCnt: Type.Integer(),
      /** RekeyInd, ResetInd and DeviceModeInd, hex: in every uplink until the network confirms them. */
      indications: Type.Array(Type.String()),
    }),
  ),
});

/** What a device keeps over a restart. Holds session keys: a file with it is a secret. */
export const deviceStateSchema = Type.Object({
  /** Next DevNonce of devices that count it. */
  devNonce: Type.Integer(),
  lastJoinNonce: Type.Optional(Type.Integer()),
  /** Counter of the next Rejoin-Request of type 1; 0 when absent. */
  rjCount1: Type.Optional(Type.Integer()),
  randomState: Type.Integer(),
  session: Type.Optional(sessionSchema),
});

export type RadioParameters = Static<typeof parametersSchema>;
export type MacAnswer = Static<typeof macAnswerSchema>;
export type DeviceSession = Static<typeof sessionSchema>;
export type DeviceState = Static<typeof deviceStateSchema>;

/** Throws typebox's ParseError for anything else. */
export const parseDeviceState = (value: unknown): DeviceState => Value.Parse(deviceStateSchema, value);

export const channelPlanOf = ({ channels }: Pick<RadioParameters, "channels">): ChannelPlan =>
  channels.map(channel => channel ?? undefined);

const storedChannels = (plan: ChannelPlan): RadioParameters["channels"] =>
  Array.from(plan, channel => (channel === undefined ? null : { ...channel }));

const ascending = (numbers: Iterable<number>): number[] => [...numbers].sort((one, other) => one - other);

/** As the device leaves the factory: the region's defaults. */
export function defaultParameters(
  region: Region,
  dataRate: number,
  enabled: ReadonlySet<number> = new Set(region.defaultChannels.keys()),
): RadioParameters {
  return {
    dataRate,
    txPowerIndex: 0,
    nbTrans: 1,
    rx1DelaySeconds: region.rx1DelaySeconds,
    rx1DrOffset: 0,
    rx2DataRate: region.rx2.dataRate,
    rx2FrequencyHz: region.rx2.frequencyHz,
    channels: storedChannels(region.defaultChannels),
    enabledChannels: ascending(enabled),
    maxDutyCycleExponent: 0,
    uplinkDwellTime: region.dwellTimeAtStart.uplink,
    downlinkDwellTime: region.dwellTimeAtStart.downlink,
    maxEirpDbm: region.maxEirpDbm,
  };
}

/** C30: what the Join-Accept says holds at once. */
export function joinedSession(
  region: Region,
  accept: JoinAcceptFields,
  dataRate: number,
  enabled: ReadonlySet<number>,
  rx2FrequencyHz: number = region.rx2.frequencyHz,
): DeviceSession {
  const { devAddr, nwkSKey, appSKey, version11 } = accept;
  const defaults = defaultParameters(region, dataRate, enabled);
  const listed = accept.cfList === undefined ? undefined : region.applyCfList(accept.cfList);
  return {
    ...freshSession({ devAddr, nwkSKey, appSKey, ...(version11 && { version11 }) }, defaults, [rekeyInd]),
    parameters: {
      ...defaults,
      rx1DelaySeconds: accept.rxDelaySeconds,
      rx1DrOffset: accept.rx1DrOffset,
      rx2DataRate: accept.rx2DataRate,
      rx2FrequencyHz,
      ...(listed ? { channels: storedChannels(listed.channels), enabledChannels: ascending(listed.enabled) } : {}),
    },
  };
}

/** Version 1 of LoRaWAN 1.1. */
const rekeyInd = "0b01";
const resetInd = "0101";

/** A session that has just begun; `indications` are for LoRaWAN 1.1 alone. */
export const freshSession = (
  { version11, ...keys }: SessionKeys & { readonly devAddr: string },
  parameters: RadioParameters,
  indications: string[] = [resetInd],
): DeviceSession => ({
  ...keys,
  fCntUp: 0,
  parameters,
  answers: [],
  ackOwed: false,
  adrAckCounter: 0,
  ...(version11 && { version11: { ...version11, confFCnt: 0, indications } }),
});

/** TS001-1.1 5.13: a device of class C says so with DeviceModeInd. */
const deviceModeInd = "2002";

export function withDeviceMode(session: DeviceSession, deviceClass: "A" | "C" | undefined): DeviceSession {
  const { version11 } = session;
  if (deviceClass !== "C" || version11 === undefined) return session;
  return { ...session, version11: { ...version11, indications: [...version11.indications, deviceModeInd] } };
}
