import { MalformedValue } from "../../lorawan/errors.ts";
import { type JoinEui, parseDevAddr, parseGatewayId, parseJoinEui } from "../../lorawan/ids.ts";
import { codedEirpDbm } from "../../lorawan/mac/tx-param-setup.ts";
import type { Channel } from "../../lorawan/region/region.ts";
import { isVersion11, macVersions } from "../../lorawan/version.ts";
import type { CarriedParameters, CarriedSession } from "../carried.ts";
import { type Message, readMessage } from "./protobuf.ts";

/** Numbers of the fields of ChirpStack's message DeviceSession, of all versions of 4. */
const field = {
  devAddr: 2,
  joinEui: 3,
  macVersion: 4,
  fNwkSIntKey: 5,
  sNwkSIntKey: 6,
  nwkSEncKey: 7,
  appSKey: 8,
  /** Up to 4.14; from then on the counter is a column. */
  fCntUp: 9,
  nFCntDown: 10,
  aFCntDown: 11,
  confFCnt: 12,
  rx1Delay: 14,
  rx1DrOffset: 15,
  rx2DataRate: 16,
  rx2Frequency: 17,
  enabledChannels: 18,
  extraChannels: 19,
  pingSlotDataRate: 20,
  pingSlotFrequency: 21,
  pingSlotCount: 22,
  nbTrans: 23,
  txPowerIndex: 24,
  dataRate: 25,
  rejoined: 29,
  adrHistory: 30,
  statusRequestedAt: 32,
  rejoinCount0: 36,
  uplinkDwellTime: 37,
  downlinkDwellTime: 38,
  maxEirpIndex: 39,
  regionConfigId: 40,
  sessionKeyId: 42,
  pendingCommands: 43,
  heardBy: 44,
} as const;

/** What a device's row says beside the message. */
export interface SessionRow {
  /** 0 where the schema is older than the column, or the device was not heard since that came. */
  readonly fCntUp: number;
  readonly joinEui: JoinEui | undefined;
  readonly enabledClass: string;
  readonly lastSeenAtMs: number | undefined;
}

export interface DecodedSession {
  readonly session: CarriedSession;
  /** Of a rejoin that the device has not used yet. */
  readonly rejoined?: CarriedSession;
}

/** Throws MalformedValue. */
export function decodeSession(bytes: Uint8Array, row: SessionRow): DecodedSession {
  const message = readMessage(bytes);
  const [rejoined] = message.messages(field.rejoined);
  return {
    session: sessionOf(message, row),
    ...(rejoined && { rejoined: sessionOf(rejoined, { ...row, fCntUp: 0, lastSeenAtMs: undefined }) }),
  };
}

function sessionOf(message: Message, row: SessionRow): CarriedSession {
  const macVersion = macVersions[message.number(field.macVersion)];
  if (macVersion === undefined) throw new MalformedValue(`version ${message.number(field.macVersion)} is not known`);
  const joinEui =
    message.bytes(field.joinEui).length === 8 ? parseJoinEui(hexOf(message, field.joinEui, 8)) : row.joinEui;
  const statusRequestedAtMs = message.messages(field.statusRequestedAt)[0]?.number(1);
  const pingSlots = message.number(field.pingSlotCount);
  const regionConfigId = message.text(field.regionConfigId);
  const nFCntDown = message.number(field.nFCntDown);
  return {
    devAddr: parseDevAddr(hexOf(message, field.devAddr, 4)),
    macVersion,
    ...(joinEui !== undefined && { joinEui }),
    ...(regionConfigId !== "" && { regionConfigId }),
    fNwkSIntKey: hexOf(message, field.fNwkSIntKey, 16),
    sNwkSIntKey: hexOf(message, field.sNwkSIntKey, 16),
    nwkSEncKey: hexOf(message, field.nwkSEncKey, 16),
    ...appSKeyOf(message),
    fCntUp: row.fCntUp > 0 ? row.fCntUp : message.number(field.fCntUp),
    nFCntDown,
    aFCntDown: isVersion11(macVersion) ? message.number(field.aFCntDown) : nFCntDown,
    confFCntDown: message.number(field.confFCnt),
    ...(isVersion11(macVersion) && message.number(field.rejoinCount0) > 0
      ? { rjCount0: message.number(field.rejoinCount0) - 1 }
      : {}),
    parameters: parametersOf(message),
    adrHistory: adrHistoryOf(message),
    pendingRequests: message.entries(field.pendingCommands).map(([, entry]) => hex(entry.bytes(2))),
    ...(pingSlots >= 1 && pingSlots <= 128 && { pingSlotPeriodicity: 7 - Math.floor(Math.log2(pingSlots)) }),
    deviceClass: row.enabledClass === "C" ? "C" : "A",
    ...(statusRequestedAtMs !== undefined && { deviceStatusRequestedAtMs: statusRequestedAtMs * 1000 }),
    ...(row.lastSeenAtMs !== undefined && { lastUplinkAtMs: row.lastSeenAtMs }),
    heardBy: heardByOf(message),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function hexOf(message: Message, number: number, length: number): string {
  const bytes = message.bytes(number);
  if (bytes.length !== length) {
    throw new MalformedValue(`${nameOf(number)} has ${bytes.length} bytes, where ${length} belong`);
  }
  return hex(bytes);
}

const nameOf = (number: number): string =>
  Object.entries(field).find(([, known]) => known === number)?.[0] ?? `field ${number}`;

/** A Join Server may keep the key to itself, and name it only. */
function appSKeyOf(message: Message): Pick<CarriedSession, "appSKey" | "sessionKeyId"> {
  const [envelope] = message.messages(field.appSKey);
  const sessionKeyId = hex(message.bytes(field.sessionKeyId));
  const named = sessionKeyId === "" ? {} : { sessionKeyId };
  const kekLabel = envelope?.text(1) ?? "";
  const key = envelope?.bytes(2) ?? new Uint8Array();
  if (kekLabel !== "") return { appSKey: { kekLabel, aesKey: hex(key) }, ...named };
  if (key.length === 0 && sessionKeyId !== "") return named;
  if (key.length !== 16) throw new MalformedValue(`appSKey has ${key.length} bytes, where 16 belong`);
  return { appSKey: { key }, ...named };
}

function parametersOf(message: Message): CarriedParameters {
  const rx2FrequencyHz = message.number(field.rx2Frequency);
  const pingSlotFrequencyHz = message.number(field.pingSlotFrequency);
  const maxEirpDbm = codedEirpDbm[message.number(field.maxEirpIndex)];
  return {
    dataRate: message.number(field.dataRate),
    txPowerIndex: message.number(field.txPowerIndex),
    nbTrans: message.number(field.nbTrans),
    rx1DelaySeconds: message.number(field.rx1Delay),
    rx1DrOffset: message.number(field.rx1DrOffset),
    ...(rx2FrequencyHz > 0 && { rx2FrequencyHz, rx2DataRate: message.number(field.rx2DataRate) }),
    uplinkDwellTime: message.isTrue(field.uplinkDwellTime),
    downlinkDwellTime: message.isTrue(field.downlinkDwellTime),
    ...(message.number(field.maxEirpIndex) > 0 && maxEirpDbm !== undefined && { maxEirpDbm }),
    ...(pingSlotFrequencyHz > 0 && {
      pingSlotFrequencyHz,
      pingSlotDataRate: message.number(field.pingSlotDataRate),
    }),
    enabledChannels: message.numbers(field.enabledChannels),
    extraChannels: new Map(message.entries(field.extraChannels).flatMap(([index, entry]) => channelOf(index, entry))),
  };
}

function channelOf(index: number, entry: Message): readonly (readonly [number, Channel])[] {
  const [channel] = entry.messages(2);
  const frequencyHz = channel?.number(1) ?? 0;
  if (!channel || frequencyHz === 0) return [];
  // Up to 4.10 a range, then a list.
  const listed = channel.numbers(4);
  const rates = listed.length > 0 ? listed : [channel.number(2), channel.number(3)];
  const minDataRate = Math.min(...rates);
  const maxDataRate = Math.max(...rates);
  return [[index, { uplinkFrequencyHz: frequencyHz, downlinkFrequencyHz: frequencyHz, minDataRate, maxDataRate }]];
}

/** Only what was sent with the present power says something of it. */
const adrHistoryOf = (message: Message) =>
  message
    .messages(field.adrHistory)
    .filter(sample => sample.number(3) === message.number(field.txPowerIndex))
    .map(sample => ({ fCnt: sample.number(1), snrDb: sample.float(2), gatewayCount: Math.max(1, sample.number(4)) }));

const heardByOf = (message: Message): CarriedSession["heardBy"] => {
  const links = message.messages(field.heardBy).at(-1)?.messages(2) ?? [];
  return links.flatMap(linkOf).sort((one, other) => other.snrDb - one.snrDb);
};

/** A gateway that heard the device, as the session has it or, before 4.11, a record of its own in Redis. */
function linkOf(item: Message): CarriedSession["heardBy"] {
  const id = item.bytes(1);
  if (id.length !== 8) return [];
  return [{ gatewayId: parseGatewayId(hex(id)), snrDb: item.float(3), rssiDbm: item.number(2) }];
}

/** Of a record DeviceGatewayRxInfo. Throws MalformedValue. */
export const decodeHeardBy = (bytes: Uint8Array): CarriedSession["heardBy"] =>
  readMessage(bytes)
    .messages(3)
    .flatMap(linkOf)
    .sort((one, other) => other.snrDb - one.snrDb);
