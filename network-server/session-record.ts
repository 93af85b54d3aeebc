import Type, { type Static } from "typebox";
import { UpchirpError } from "../lorawan/errors.ts";
import type { DevAddr, GatewayId, JoinEui } from "../lorawan/ids.ts";
import { regionNames } from "../lorawan/region/region.ts";
import { macVersions, regionalParametersRevisions } from "../lorawan/version.ts";
import type { KeyEnvelope, RxInfo, TxInfo } from "../platform/state/network-event.ts";

/**
 * What the network server's record of one device is made of; device-record.ts says how it stands in the state store.
 * Changing a member's meaning needs a new format number and a reading of the old one.
 */

const hexKey = Type.String({ pattern: "^[0-9a-f]{32}$" });
const devAddr = Type.Unsafe<DevAddr>(Type.String({ pattern: "^[0-9a-f]{8}$" }));
const joinEui = Type.Unsafe<JoinEui>(Type.String({ pattern: "^[0-9a-f]{16}$" }));
const literals = <const Values extends readonly string[]>(values: Values) =>
  Type.Unsafe<Values[number]>(Type.Union(values.map(value => Type.Literal(value))));

export const channel = Type.Object({
  uplinkFrequencyHz: Type.Integer(),
  downlinkFrequencyHz: Type.Integer(),
  minDataRate: Type.Integer(),
  maxDataRate: Type.Integer(),
  fastDataRates: Type.Optional(Type.Boolean()),
});

/** Radio parameters, beside the channels. */
export const parameterFields = {
  dataRate: Type.Integer(),
  txPowerIndex: Type.Integer(),
  nbTrans: Type.Integer(),
  rx1DelaySeconds: Type.Integer(),
  rx1DrOffset: Type.Integer(),
  rx2DataRate: Type.Integer(),
  rx2FrequencyHz: Type.Integer(),
  enabledChannels: Type.Array(Type.Integer()),
  maxDutyCycleExponent: Type.Integer(),
  uplinkDwellTime: Type.Boolean(),
  downlinkDwellTime: Type.Boolean(),
  maxEirpDbm: Type.Number(),
  pingSlotFrequencyHz: Type.Optional(Type.Integer()),
  pingSlotDataRate: Type.Optional(Type.Integer()),
  beaconFrequencyHz: Type.Optional(Type.Integer()),
  adrAckLimitExponent: Type.Optional(Type.Integer()),
  adrAckDelayExponent: Type.Optional(Type.Integer()),
  rejoinMaxTimeExponent: Type.Optional(Type.Integer()),
  rejoinMaxCountExponent: Type.Optional(Type.Integer()),
};

/** What the MAC layer keeps beside the radio parameters. */
export const macFields = {
  pending: Type.Array(Type.String()),
  failures: Type.Record(Type.String(), Type.Integer()),
  resting: Type.Optional(Type.Record(Type.String(), Type.Integer())),
  deviceStatus: Type.Optional(Type.Object({ battery: Type.Integer(), marginDb: Type.Integer(), atMs: Type.Number() })),
  deviceStatusRequestedAtMs: Type.Optional(Type.Number()),
  stickyAnswers: Type.Optional(Type.Array(Type.Integer())),
  linkAdrRefusals: Type.Optional(
    Type.Object({
      dataRates: Type.Array(Type.Integer()),
      txPowerIndexes: Type.Array(Type.Integer()),
      enabledChannels: Type.Array(Type.String()),
    }),
  ),
  channelsUncertain: Type.Optional(Type.Boolean()),
  pingSlotPeriodicity: Type.Optional(Type.Integer()),
  deviceClass: Type.Optional(literals(["A", "C"])),
  forceRejoin: Type.Optional(
    Type.Object({
      period: Type.Integer(),
      maxRetries: Type.Integer(),
      rejoinType: Type.Union([Type.Literal(0), Type.Literal(2)]),
      dataRate: Type.Integer(),
    }),
  ),
};

export const adrSample = Type.Object({
  fCnt: Type.Integer(),
  /** Best of all gateways. */
  snrDb: Type.Number(),
  gatewayCount: Type.Integer(),
});

/** What was heard since the parameters that ADR sets hold: the first counter, and how many frames. */
export const adrSince = Type.Object({ fCnt: Type.Integer(), heard: Type.Integer() });

export const heardBy = Type.Object({
  gatewayId: Type.Unsafe<GatewayId>(Type.String()),
  snrDb: Type.Number(),
  rssiDbm: Type.Number(),
  /** True: the gateway gave the GPS time of the uplink. */
  hasGpsTime: Type.Optional(Type.Boolean()),
});

/** When downlinks that answer no uplink may go to a device. */
export const pacing = Type.Object({
  /** None leaves before: receive windows of class A are open, or a frame is under way. */
  quietUntilMs: Type.Optional(Type.Number()),
  /** When the device must be looked at again though nothing happens. */
  wakeAtMs: Type.Optional(Type.Number()),
  /** How often in a row no gateway took the frame. */
  failures: Type.Optional(Type.Integer()),
  /** Address of a session that waits for its first uplink although the device was heard on this one after that join. */
  heardSinceJoin: Type.Optional(devAddr),
  /** Uplinks with their windows; absent once a frame has been sent since. */
  uplink: Type.Optional(Type.Object({ fromMs: Type.Number(), untilMs: Type.Number() })),
  /** End of a class B frame that gateways have: an answer that opens earlier would overtake it. */
  onAirUntilMs: Type.Optional(Type.Number()),
});

const classB = Type.Object({
  /** Since when no gateway in reach has had GPS time, which beacons need. */
  withoutGpsSinceMs: Type.Optional(Type.Number()),
});

/** What a session is from its beginning to its end. */
export const lastingFields = {
  devAddr,
  macVersion: literals(macVersions),
  regionalParameters: literals(regionalParametersRevisions),
  region: literals(regionNames),
  regionConfigId: Type.String(),
  fNwkSIntKey: hexKey,
  sNwkSIntKey: hexKey,
  nwkSEncKey: hexKey,
  /** Absent: the Join Server keeps it to itself. */
  appSKey: Type.Optional(
    Type.Unsafe<KeyEnvelope>(Type.Object({ kekLabel: Type.Optional(Type.String()), aesKey: Type.String() })),
  ),
  /** The Join Server's name for the session's keys; hex. */
  sessionKeyId: Type.Optional(Type.String()),
  /** Of the join that made this session; absent after an activation by personalisation. */
  joinEui: Type.Optional(joinEui),
  /** Uplink frequency of the channel that it joined on, where the ping slots depend on that (CN470). */
  joinChannelHz: Type.Optional(Type.Integer()),
};

/** What each frame may change, beside the MAC layer. */
export const livingFields = {
  /** The next uplink counter that is new; 0 before the first. */
  fCntUp: Type.Integer(),
  /** The next counter to send under. 1.0.x knows only this one. */
  nFCntDown: Type.Integer(),
  /** 1.1: of frames with an application port. */
  aFCntDown: Type.Integer(),
  /** 1.1: counter of the last confirmed downlink, which an uplink ACK is signed with. */
  confFCntDown: Type.Integer(),
  /** 1.1: the counter that the last accepted uplink's ACK was signed with, for a repeat of that uplink. */
  lastConfFCnt: Type.Optional(Type.Integer()),
  /** 1.1: last counter of a Rejoin-Request of type 0 or 2; absent before the first. */
  rjCount0: Type.Optional(Type.Integer()),
  adrSince: Type.Optional(adrSince),
  /** A confirmed downlink that the device has not acknowledged. */
  awaitedAck: Type.Optional(
    Type.Object({
      queueItemId: Type.String(),
      fCntDown: Type.Integer(),
      /** Class B and C: end of the frame on the air. An uplink that began before says nothing of it. */
      endsAtMs: Type.Optional(Type.Number()),
      /** Class B and C: not acknowledged by then, it is sent again or given up. */
      timeoutAtMs: Type.Optional(Type.Number()),
    }),
  ),
  /** Gateways that heard the last uplink, best first; downlinks that answer no uplink go through them. */
  heardBy: Type.Optional(Type.Array(heardBy)),
  pacing: Type.Optional(pacing),
  /** Present after an uplink with the ClassB bit. */
  classB: Type.Optional(classB),
  /** A MIC that was accepted last, so that a repeat of the same frame is told from a replay. */
  lastMic: Type.Optional(Type.String()),
  /** How many losses of the store its counters are past; none when absent. */
  storeLosses: Type.Optional(Type.Integer()),
  lastUplinkAtMs: Type.Optional(Type.Number()),
  lastDataRate: Type.Optional(Type.Integer()),
};

const reception = Type.Object({
  rxInfo: Type.Unsafe<RxInfo>(Type.Object({ gatewayId: Type.Unsafe<GatewayId>(Type.String()) })),
  snrDb: Type.Number(),
});

/** An uplink that is accepted, and whose event waits for more copies or for a restart to complete it. */
export const openUplink = Type.Object({
  deduplicationId: Type.String(),
  phyPayload: Type.String(),
  fCnt: Type.Integer(),
  dataRate: Type.Integer(),
  channelIndex: Type.Integer(),
  receivedAtMs: Type.Number(),
  txInfo: Type.Unsafe<TxInfo>(Type.Object({ frequency: Type.Integer() })),
  receptions: Type.Array(reception),
  /** The network server that collects its copies; absent where there is one alone. */
  instance: Type.Optional(Type.String()),
});

/** What is read is never changed in place. */
export type Immutable<Value> = Value extends string | number | boolean
  ? Value
  : { readonly [Key in keyof Value]: Immutable<Value[Key]> };

const lasting = Type.Object(lastingFields);
const living = Type.Object(livingFields);

export type LastingSession = Immutable<Static<typeof lasting>>;
export type LivingSession = Immutable<Static<typeof living>>;
export type OpenUplink = Immutable<Static<typeof openUplink>>;
export type AdrSample = Immutable<Static<typeof adrSample>>;
export type AdrSince = Immutable<Static<typeof adrSince>>;

/** Bytes in the store that this version cannot read; the device must join again or the program be updated. */
export class UnreadableSession extends UpchirpError {
  readonly code = "unreadable_session";
}
