import { gpsMsOf } from "../../lorawan/gps-time.ts";
import {
  handleUplinkCommands,
  type MacContext,
  type MacEvent,
  type MacRequestGroup,
  type MacUplinkResult,
  relearn,
} from "../../lorawan/mac/engine.ts";
import { requestsFor } from "../../lorawan/mac/requests.ts";
import type { MacParameters, MacState } from "../../lorawan/mac/state.ts";
import type { DataFrame } from "../../lorawan/phy/frame.ts";
import { cryptFOpts, cryptPayload } from "../../lorawan/phy/security.ts";
import type { Region } from "../../lorawan/region/region.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import { type AdrDecision, type AdrInput, adrHistoryLength } from "../adr/adr.ts";
import type { RegionConfig } from "../config.ts";
import { withClassBit } from "../downlink/class-b.ts";
import { linkMarginDb } from "../link-margin.ts";
import type { DeviceProfileConfig } from "../ports.ts";
import { personalisedMacState } from "../region-config.ts";
import type { Session } from "../session.ts";
import { sessionKey } from "../session-keys.ts";
import type { AdrSample, AdrSince } from "../session-record.ts";
import { networkWishes } from "./wishes.ts";

/** The radio side of an accepted uplink, all copies known. */
export interface UplinkFacts {
  readonly fCnt: number;
  readonly dataRate: number;
  readonly channelIndex: number;
  readonly bestSnrDb: number;
  readonly gatewayCount: number;
  readonly receivedAtMs: number;
  /** When the uplink ended, as well as the server can tell. */
  readonly endedAtMs: number;
  /** End of the uplink in GPS time, from a gateway that has it. */
  readonly gpsTimeMs?: number;
}

/** What an uplink says, before the network's own wishes. */
export interface ReadUplink {
  readonly session: Session;
  readonly answers: readonly Uint8Array[];
  /** A downlink is due even if it carries nothing (C54, C58). */
  readonly answerNeeded: boolean;
  readonly macEvents: readonly MacEvent[];
  /** What the MAC layer asks of the device from now on. */
  readonly macContext: MacContext;
  /** The device goes to class B, by PingSlotInfoReq or by the ClassB bit of this uplink, and its profile knows of that. */
  readonly announcesClassB: boolean;
  /** What an ADR algorithm goes by, when the device lets one steer it. */
  readonly adrInput?: AdrInput;
}

export interface AppliedUplink extends ReadUplink {
  readonly requests: readonly MacRequestGroup[];
  readonly adrDecision?: AdrDecision;
}

/** What an accepted uplink does to its session: its MAC commands, and what its radio side tells. Pure. */
export function readUplink(
  session: Session,
  frame: DataFrame,
  facts: UplinkFacts,
  region: Region,
  regionConfig: RegionConfig,
  profile: DeviceProfileConfig,
): ReadUplink {
  const macContext = macContextOf(session, frame, facts, region, profile);
  const learnt = observed(session.mac, frame, facts, region);
  const commands = handleUplinkCommands(commandsOf(session, frame, facts.fCnt), learnt, macContext);
  const mac = afterCommands(learnt, commands, frame, facts);
  const adr = adrRecordAfter(session, frame, facts, mac);
  return {
    session: {
      ...withAdrSince(withClassBit(session, frame.classB && profile.supportsClassB), adr.since),
      mac,
      adrHistory: adr.history,
      lastUplinkAtMs: facts.receivedAtMs,
      lastDataRate: facts.dataRate,
    },
    answers: commands.answers,
    answerNeeded: commands.needsDownlink || (frame.adr && frame.adrAckReq),
    macEvents: commands.events,
    macContext,
    announcesClassB: profile.supportsClassB && (frame.classB || mac.pingSlotPeriodicity !== undefined),
    ...(frame.adr && { adrInput: adrInputOf(frame, mac, adr, region, regionConfig, profile) }),
  };
}

function withAdrSince(session: Session, adrSince: AdrSince | undefined): Session {
  if (adrSince) return { ...session, adrSince };
  const { adrSince: _, ...rest } = session;
  return rest;
}

/** Adds what the network wishes of the device, ADR's decision among it. Pure. */
export function applyUplink(
  read: ReadUplink,
  adrDecision: AdrDecision | undefined,
  { channelIndex }: UplinkFacts,
  region: Region,
  regionConfig: RegionConfig,
): AppliedUplink {
  const wanted = networkWishes(read, adrDecision, region, regionConfig, channelIndex);
  const requests = requestsFor(read.session.mac, wanted, read.macContext);
  return { ...read, requests, ...(adrDecision && { adrDecision }) };
}

function macContextOf(
  session: Session,
  frame: DataFrame,
  facts: UplinkFacts,
  region: Region,
  profile: DeviceProfileConfig,
): MacContext {
  const modulation = region.uplinkDataRates[facts.dataRate];
  return {
    region,
    macVersion: session.macVersion,
    nowMs: facts.receivedAtMs,
    uplink: {
      marginDb: modulation ? Math.max(0, Math.round(linkMarginDb(modulation, facts.bestSnrDb))) : 0,
      gatewayCount: facts.gatewayCount,
      adr: frame.adr,
      endGpsTimeMs: facts.gpsTimeMs ?? gpsMsOf(facts.endedAtMs),
    },
    deviceStatusIntervalSeconds: profile.deviceStatusIntervalSeconds,
    pingSlots: pingSlotsOf(profile),
    ...(isPersonalised11(session) && { builtWith: personalisedMacState(region, profile).current }),
  };
}

const pingSlotsOf = ({ pingSlotFrequencyHz, pingSlotDataRate }: DeviceProfileConfig) => ({
  ...(pingSlotFrequencyHz !== undefined && { pingSlotFrequencyHz }),
  ...(pingSlotDataRate !== undefined && { pingSlotDataRate }),
});

/** TS001-1.1 5.1 and 5.10: ResetInd is for devices that never joined, RekeyInd for the others. */
const isPersonalised11 = (session: Session): boolean =>
  isVersion11(session.macVersion) && session.joinEui === undefined;

/** The commands of an uplink in the clear: FOpts, or the payload of port 0 (C4, C6). */
function commandsOf(session: Session, frame: DataFrame, fCnt: number): Uint8Array {
  const isOnPort0 = frame.fPort === 0;
  if (!isOnPort0 && (frame.fOpts.length === 0 || !isVersion11(session.macVersion))) return frame.fOpts;
  const key = sessionKey(session.nwkSEncKey);
  if (isOnPort0) return cryptPayload(key, "up", frame.devAddr, fCnt, frame.frmPayload);
  return cryptFOpts(key, "up", frame.devAddr, fCnt, "network", frame.fOpts);
}

/** What the radio side of an uplink says of the device's parameters, before its commands are read. */
function observed(mac: MacState, frame: DataFrame, facts: UplinkFacts, region: Region): MacState {
  const { current } = mac;
  // Under the dwell-time limit the slowest rates carry nothing: a device that uses them was not built with one.
  const isLimited = current.uplinkDwellTime && !carries(region, facts.dataRate, true);
  const seen = isLimited ? { ...mac, current: { ...current, uplinkDwellTime: false, downlinkDwellTime: false } } : mac;
  if (frame.adr) return relearn(seen, facts.dataRate, facts.channelIndex);
  // Without ADR the device chooses by itself, and nothing follows from its choice.
  return seen.current.dataRate === facts.dataRate
    ? seen
    : { ...seen, current: { ...seen.current, dataRate: facts.dataRate } };
}

/** A device that obeyed and whose answer got lost is known by its data rate alone. */
function afterCommands(before: MacState, { state }: MacUplinkResult, frame: DataFrame, facts: UplinkFacts): MacState {
  const isSettled = state.current.dataRate !== before.current.dataRate;
  return frame.adr && !isSettled ? relearn(state, facts.dataRate, facts.channelIndex) : state;
}

const carries = (region: Region, dataRate: number, dwellTime: boolean): boolean =>
  region.uplinkDataRates[dataRate] !== undefined &&
  region.maxPayload(dataRate, { direction: "up", dwellTime, repeater: false }) > 0;

interface AdrRecord {
  readonly history: readonly AdrSample[];
  readonly since?: AdrSince;
}

/** A change of data rate, power or repetitions makes earlier samples say nothing about the present. */
function adrRecordAfter(session: Session, frame: DataFrame, facts: UplinkFacts, mac: MacState): AdrRecord {
  if (!frame.adr) return { history: [] };
  const before = session.mac.current;
  const now = mac.current;
  const last = session.adrHistory.at(-1);
  const goesOn =
    last !== undefined &&
    last.fCnt < facts.fCnt &&
    before.txPowerIndex === now.txPowerIndex &&
    before.nbTrans === now.nbTrans &&
    session.lastDataRate === facts.dataRate;
  const sample = { fCnt: facts.fCnt, snrDb: facts.bestSnrDb, gatewayCount: facts.gatewayCount };
  if (!goesOn) return { history: [sample], since: { fCnt: facts.fCnt, heard: 1 } };
  const { fCnt, heard } = session.adrSince ?? { fCnt: facts.fCnt, heard: 0 };
  return {
    history: [...session.adrHistory, sample].slice(-adrHistoryLength),
    since: { fCnt, heard: heard + 1 },
  };
}

function adrInputOf(
  frame: DataFrame,
  mac: MacState,
  { history, since }: AdrRecord,
  region: Region,
  regionConfig: RegionConfig,
  profile: DeviceProfileConfig,
): AdrInput {
  const { current } = mac;
  const last = history.at(-1);
  return {
    region,
    dataRate: current.dataRate,
    txPowerIndex: current.txPowerIndex,
    nbTrans: current.nbTrans,
    history,
    sentCount: last && since ? last.fCnt - since.fCnt + 1 : 0,
    heardCount: since?.heard ?? 0,
    dataRates: adrDataRates(current, region, regionConfig, profile),
    installationMarginDb: regionConfig.installationMarginDb,
    adrAckReq: frame.adrAckReq,
  };
}

/**
 * From slow to fast what the channels in use carry, within what the profile, else the configuration, allows of them. SF6 and SF5 are climbed to where
 * the configuration says that gateways hear them. A device that came to a rate of another kind by itself was built for it,
 * was heard there, and is left there.
 */
function adrDataRates(
  current: MacParameters,
  region: Region,
  config: RegionConfig,
  profile: DeviceProfileConfig,
): readonly number[] {
  const { adrFastDataRates = false } = config;
  const adrMinDataRate = profile.adrMinDataRate ?? config.adrMinDataRate ?? 0;
  const adrMaxDataRate = profile.adrMaxDataRate ?? config.adrMaxDataRate ?? Number.POSITIVE_INFINITY;
  const carried = carriedDataRates(current, region);
  const isChoice = (dataRate: number): boolean =>
    dataRate <= region.maxAdrDataRate ||
    dataRate === current.dataRate ||
    (adrFastDataRates && region.fastDataRates.includes(dataRate));
  const allowed = carried.filter(
    dataRate => isChoice(dataRate) && adrMinDataRate <= dataRate && dataRate <= adrMaxDataRate,
  );
  if (allowed.length > 0) return allowed;
  const usable = carried.filter(dataRate => dataRate <= region.maxAdrDataRate);
  return usable.length > 0 ? usable : [current.dataRate];
}

/** Parameters change seldom, and their channels are many. */
const knownDataRates = new WeakMap<MacParameters, { readonly region: Region; readonly dataRates: readonly number[] }>();

/** Ascending; among those that ADR chooses, that is from slow to fast. */
function carriedDataRates(current: MacParameters, region: Region): readonly number[] {
  const known = knownDataRates.get(current);
  if (known?.region === region) return known.dataRates;
  const channels = current.enabledChannels.flatMap(index => current.channels[index] ?? []);
  const dataRates = [...region.uplinkDataRates.keys()].filter(
    dataRate =>
      carries(region, dataRate, current.uplinkDwellTime) && channels.some(channel => region.carries(channel, dataRate)),
  );
  knownDataRates.set(current, { region, dataRates });
  return dataRates;
}
