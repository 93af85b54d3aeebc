import { gpsMsOf } from "../../lorawan/gps-time.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import {
  handleUplinkCommands,
  type MacContext,
  type MacEvent,
  type MacRequestGroup,
  relearn,
  requestsFor,
} from "../../lorawan/mac/engine.ts";
import type { MacState, WantedMacParameters } from "../../lorawan/mac/state.ts";
import type { DataFrame } from "../../lorawan/phy/frame.ts";
import { cryptFOpts, cryptPayload } from "../../lorawan/phy/security.ts";
import type { Region } from "../../lorawan/region/region.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import { type AdrDecision, adrHistoryLength } from "../adr/adr.ts";
import { defaultAdr } from "../adr/default.ts";
import type { RegionConfig } from "../config.ts";
import { linkMarginDb } from "../link-margin.ts";
import type { DeviceProfileConfig } from "../ports.ts";
import { networkParameters } from "../region-config.ts";
import type { Session } from "../session.ts";
import type { AdrSample } from "../session-record.ts";

/** The radio side of an accepted uplink, all copies known. */
export interface UplinkFacts {
  readonly fCnt: number;
  readonly dataRate: number;
  readonly channelIndex: number;
  readonly bestSnrDb: number;
  readonly gatewayCount: number;
  readonly receivedAtMs: number;
  /** End of the uplink in GPS time, from a gateway that has it. */
  readonly gpsTimeMs?: number;
}

export interface AppliedUplink {
  readonly session: Session;
  readonly answers: readonly Uint8Array[];
  readonly requests: readonly MacRequestGroup[];
  /** A downlink is due even if it carries nothing (C54, C58). */
  readonly answerNeeded: boolean;
  readonly macEvents: readonly MacEvent[];
  readonly adrDecision?: AdrDecision;
  /** What the MAC layer asks of the device from now on. */
  readonly macContext: MacContext;
}

/**
 * What an accepted uplink does to its session: MAC commands, ADR, wishes for the next downlink. Pure.
 */
export function applyUplink(
  session: Session,
  frame: DataFrame,
  facts: UplinkFacts,
  region: Region,
  regionConfig: RegionConfig,
  profile: DeviceProfileConfig,
): AppliedUplink {
  const macContext = macContextOf(session, frame, facts, region, profile);
  const learnt = frame.adr ? relearn(session.mac, facts.dataRate, facts.channelIndex) : session.mac;
  const commands = handleUplinkCommands(commandsOf(session, frame, facts.fCnt), learnt, macContext);
  const history = historyAfter(session, frame, facts, commands.state);
  const decision = decideAdr(frame, commands.state, history, region, regionConfig, profile);
  const wanted: WantedMacParameters = {
    ...networkWishes(commands.state, region, regionConfig, facts.channelIndex),
    ...(decision?.wanted ?? {}),
  };
  return {
    session: {
      ...session,
      mac: commands.state,
      adrHistory: [...history],
      lastUplinkAtMs: facts.receivedAtMs,
      lastDataRate: facts.dataRate,
    },
    answers: commands.answers,
    requests: requestsFor(commands.state, wanted, macContext),
    answerNeeded: commands.needsDownlink || (frame.adr && frame.adrAckReq),
    macEvents: commands.events,
    ...(decision && { adrDecision: decision }),
    macContext,
  };
}

function macContextOf(
  session: Session,
  frame: DataFrame,
  facts: UplinkFacts,
  region: Region,
  profile: DeviceProfileConfig,
): MacContext {
  const modulation = region.dataRates[facts.dataRate]?.modulation;
  return {
    region,
    macVersion: session.macVersion,
    nowMs: facts.receivedAtMs,
    uplink: {
      marginDb: modulation ? Math.max(0, Math.round(linkMarginDb(modulation, facts.bestSnrDb))) : 0,
      gatewayCount: facts.gatewayCount,
      adr: frame.adr,
      endGpsTimeMs: facts.gpsTimeMs ?? gpsMsOf(facts.receivedAtMs),
    },
    deviceStatusIntervalSeconds: profile.deviceStatusIntervalSeconds,
  };
}

/** The commands of an uplink in the clear: FOpts, or the payload of port 0 (C4, C6). */
function commandsOf(session: Session, frame: DataFrame, fCnt: number): Uint8Array {
  const key = parseAesKey(session.nwkSEncKey);
  if (frame.fPort === 0) return cryptPayload(key, "up", frame.devAddr, fCnt, frame.frmPayload);
  if (frame.fOpts.length === 0 || !isVersion11(session.macVersion)) return frame.fOpts;
  return cryptFOpts(key, "up", frame.devAddr, fCnt, "network", frame.fOpts);
}

// A change of data rate, power or repetitions makes earlier samples say nothing about the present.
function historyAfter(session: Session, frame: DataFrame, facts: UplinkFacts, mac: MacState): readonly AdrSample[] {
  if (!frame.adr) return [];
  const before = session.mac.current;
  const now = mac.current;
  const changed =
    before.txPowerIndex !== now.txPowerIndex ||
    before.nbTrans !== now.nbTrans ||
    (session.lastDataRate !== undefined && session.lastDataRate !== facts.dataRate);
  const sample = { fCnt: facts.fCnt, snrDb: facts.bestSnrDb, gatewayCount: facts.gatewayCount };
  return [...(changed ? [] : session.adrHistory), sample].slice(-adrHistoryLength);
}

function decideAdr(
  frame: DataFrame,
  mac: MacState,
  history: readonly AdrSample[],
  region: Region,
  regionConfig: RegionConfig,
  profile: DeviceProfileConfig,
): AdrDecision | undefined {
  if (!frame.adr || profile.adrAlgorithm === "none") return undefined;
  const { current } = mac;
  const channels = current.enabledChannels.flatMap(index => current.channels[index] ?? []);
  const highest = Math.max(...channels.map(channel => channel.maxDataRate));
  return defaultAdr({
    region,
    dataRate: current.dataRate,
    txPowerIndex: current.txPowerIndex,
    nbTrans: current.nbTrans,
    history,
    minDataRate: Math.max(0, Math.min(...channels.map(channel => channel.minDataRate))),
    maxDataRate: Math.min(region.maxAdrDataRate, highest),
    installationMarginDb: regionConfig.installationMarginDb,
    adrAckReq: frame.adrAckReq,
  });
}

/**
 * What the operator's configuration wants of every device. Where no sub-band is configured, a device that still uses all
 * channels is drawn to the sub-band it was just heard in, and keeps it from then on.
 */
function networkWishes(
  mac: MacState,
  region: Region,
  regionConfig: RegionConfig,
  channelIndex: number,
): WantedMacParameters {
  const { channels, enabledChannels } = mac.current;
  const allEnabled = enabledChannels.length === channels.filter(Boolean).length;
  return networkParameters(regionConfig, region, allEnabled ? channelIndex : enabledChannels[0]);
}
