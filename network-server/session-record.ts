import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { UpchirpError } from "../lorawan/errors.ts";
import type { DevAddr, GatewayId, JoinEui } from "../lorawan/ids.ts";
import { regionNames } from "../lorawan/region/region.ts";
import { macVersions, regionalParametersRevisions } from "../lorawan/version.ts";
import type { KeyEnvelope, RxInfo, TxInfo } from "../platform/state/network-event.ts";

/**
 * The network server's record of one device, as it stands in the state store: JSON behind a format number. Changing a
 * member's meaning needs a new number and a reading of the old one.
 */
export const storedFormat = 1;

const hexKey = Type.String({ pattern: "^[0-9a-f]{32}$" });
const devAddr = Type.Unsafe<DevAddr>(Type.String({ pattern: "^[0-9a-f]{8}$" }));
const joinEui = Type.Unsafe<JoinEui>(Type.String({ pattern: "^[0-9a-f]{16}$" }));
const literals = <const Values extends readonly string[]>(values: Values) =>
  Type.Unsafe<Values[number]>(Type.Union(values.map(value => Type.Literal(value))));

const channel = Type.Object({
  uplinkFrequencyHz: Type.Integer(),
  downlinkFrequencyHz: Type.Integer(),
  minDataRate: Type.Integer(),
  maxDataRate: Type.Integer(),
  fastDataRates: Type.Optional(Type.Boolean()),
});

const macParameters = Type.Object({
  dataRate: Type.Integer(),
  txPowerIndex: Type.Integer(),
  nbTrans: Type.Integer(),
  rx1DelaySeconds: Type.Integer(),
  rx1DrOffset: Type.Integer(),
  rx2DataRate: Type.Integer(),
  rx2FrequencyHz: Type.Integer(),
  /** Only those that differ from the region's defaults, by number; null where a default one is gone. */
  channels: Type.Array(Type.Tuple([Type.Integer(), Type.Union([channel, Type.Null()])])),
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
});

const macState = Type.Object({
  current: macParameters,
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
});

const adrSample = Type.Object({
  fCnt: Type.Integer(),
  /** Best of all gateways. */
  snrDb: Type.Number(),
  gatewayCount: Type.Integer(),
});

/** What was heard since the parameters that ADR sets hold: the first counter, and how many frames. */
const adrSince = Type.Object({ fCnt: Type.Integer(), heard: Type.Integer() });

const heardBy = Type.Object({
  gatewayId: Type.Unsafe<GatewayId>(Type.String()),
  snrDb: Type.Number(),
  rssiDbm: Type.Number(),
});

const classC = Type.Object({
  /** No class C frame leaves before: receive windows of class A are open, or a frame is under way. */
  quietUntilMs: Type.Optional(Type.Number()),
  /** When the device must be looked at again though nothing happens. */
  wakeAtMs: Type.Optional(Type.Number()),
  /** How often in a row no gateway took the frame. */
  failures: Type.Optional(Type.Integer()),
  /** Address of a session that waits for its first uplink although the device was heard on this one after that join. */
  heardSinceJoin: Type.Optional(devAddr),
});

const session = Type.Object({
  devAddr,
  macVersion: literals(macVersions),
  regionalParameters: literals(regionalParametersRevisions),
  region: literals(regionNames),
  regionConfigId: Type.String(),
  fNwkSIntKey: hexKey,
  sNwkSIntKey: hexKey,
  nwkSEncKey: hexKey,
  appSKey: Type.Unsafe<KeyEnvelope>(Type.Object({ kekLabel: Type.Optional(Type.String()), aesKey: Type.String() })),
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
  /** Of the join that made this session; absent after an activation by personalisation. */
  joinEui: Type.Optional(joinEui),
  /** 1.1: last counter of a Rejoin-Request of type 0 or 2; absent before the first. */
  rjCount0: Type.Optional(Type.Integer()),
  mac: macState,
  adrHistory: Type.Array(adrSample),
  adrSince: Type.Optional(adrSince),
  /** A confirmed downlink that the device has not acknowledged. */
  awaitedAck: Type.Optional(
    Type.Object({
      queueItemId: Type.String(),
      fCntDown: Type.Integer(),
      /** Class C: end of the frame on the air. An uplink that began before says nothing of it. */
      endsAtMs: Type.Optional(Type.Number()),
      /** Class C: not acknowledged by then, it is sent again or given up. */
      timeoutAtMs: Type.Optional(Type.Number()),
    }),
  ),
  /** Gateways that heard the last uplink, best first; downlinks that answer no uplink go through them. */
  heardBy: Type.Optional(Type.Array(heardBy)),
  classC: Type.Optional(classC),
  /** A MIC that was accepted last, so that a repeat of the same frame is told from a replay. */
  lastMic: Type.Optional(Type.String()),
  lastUplinkAtMs: Type.Optional(Type.Number()),
  lastDataRate: Type.Optional(Type.Integer()),
});

const reception = Type.Object({
  rxInfo: Type.Unsafe<RxInfo>(Type.Object({ gatewayId: Type.Unsafe<GatewayId>(Type.String()) })),
  snrDb: Type.Number(),
});

/** An uplink that is accepted, and whose event waits for more copies or for a restart to complete it. */
const openUplink = Type.Object({
  deduplicationId: Type.String(),
  phyPayload: Type.String(),
  fCnt: Type.Integer(),
  dataRate: Type.Integer(),
  channelIndex: Type.Integer(),
  receivedAtMs: Type.Number(),
  txInfo: Type.Unsafe<TxInfo>(Type.Object({ frequency: Type.Integer() })),
  receptions: Type.Array(reception),
});

const deviceState = Type.Object({
  format: Type.Literal(storedFormat),
  /** In use: the device has been heard on it, or it was activated by personalisation. */
  active: Type.Optional(session),
  /** Given out by a Join-Accept; takes over with the first uplink under it (C31). */
  joined: Type.Optional(session),
  open: Type.Optional(openUplink),
});

const compiled = Compile(deviceState);

/** What is read is never changed in place. */
type Immutable<Value> = Value extends string | number | boolean
  ? Value
  : { readonly [Key in keyof Value]: Immutable<Value[Key]> };

export type StoredSession = Immutable<Static<typeof session>>;
export type StoredState = Immutable<Static<typeof deviceState>>;
export type OpenUplink = Immutable<Static<typeof openUplink>>;
export type AdrSample = Immutable<Static<typeof adrSample>>;
export type AdrSince = Immutable<Static<typeof adrSince>>;

/** Bytes in the store that this version cannot read; the device must join again or the program be updated. */
export class UnreadableSession extends UpchirpError {
  readonly code = "unreadable_session";
}

/** Throws UnreadableSession. */
export function parseStoredState(bytes: Uint8Array): StoredState {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  } catch {
    throw new UnreadableSession("the stored session is not JSON");
  }
  if (!compiled.Check(value)) {
    const first = compiled.Errors(value)[0];
    throw new UnreadableSession("the stored session has another shape than this version writes", {
      path: first?.instancePath ?? "",
    });
  }
  return value;
}
