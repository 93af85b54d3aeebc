import Type from "typebox";
import type { MacParameters, MacState } from "../lorawan/mac/state.ts";
import type { Region } from "../lorawan/region/region.ts";
import { macFields, parameterFields } from "./session-record.ts";
import {
  differencesOf,
  differingRuns,
  numberRuns,
  numbersOfRuns,
  runsUnlessAll,
  withDifferences,
} from "./stored-channels.ts";
import { jsonOf, lineOf, rowOf } from "./stored-json.ts";

/**
 * The two lines of a MAC state in a device's document (device-record.ts): the radio parameters, which are the same in many
 * devices, and what the MAC layer keeps beside them, which is nothing where it is at rest.
 */

const { dataRate, txPowerIndex, rx2DataRate, rx2FrequencyHz, maxEirpDbm } = parameterFields;

/**
 * The usual ones are numbers of the format's own. Were they defaults of a region or of a configuration, a change there would
 * change what stored documents say.
 */
const parametersRow = rowOf(
  {
    dataRate,
    txPowerIndex,
    rx2DataRate,
    rx2FrequencyHz,
    maxEirpDbm,
    /** Absent: the region's default ones. */
    channels: Type.Optional(differingRuns),
    /** Absent: all channels of the plan. */
    enabledChannels: Type.Optional(numberRuns),
    nbTrans: parameterFields.nbTrans,
    rx1DelaySeconds: parameterFields.rx1DelaySeconds,
    rx1DrOffset: parameterFields.rx1DrOffset,
    maxDutyCycleExponent: parameterFields.maxDutyCycleExponent,
    uplinkDwellTime: parameterFields.uplinkDwellTime,
    downlinkDwellTime: parameterFields.downlinkDwellTime,
    adrAckLimitExponent: parameterFields.adrAckLimitExponent,
    adrAckDelayExponent: parameterFields.adrAckDelayExponent,
    rejoinMaxTimeExponent: parameterFields.rejoinMaxTimeExponent,
    rejoinMaxCountExponent: parameterFields.rejoinMaxCountExponent,
    pingSlotFrequencyHz: parameterFields.pingSlotFrequencyHz,
    pingSlotDataRate: parameterFields.pingSlotDataRate,
    beaconFrequencyHz: parameterFields.beaconFrequencyHz,
  },
  {
    usual: {
      nbTrans: 1,
      rx1DelaySeconds: 1,
      rx1DrOffset: 0,
      maxDutyCycleExponent: 0,
      uplinkDwellTime: false,
      downlinkDwellTime: false,
    },
  },
);

const { battery, marginDb, atMs } = macFields.deviceStatus.properties;
const statusRow = rowOf({ battery, marginDb, atMs });

const macRow = rowOf(
  {
    deviceStatusRequestedAtMs: macFields.deviceStatusRequestedAtMs,
    deviceStatus: macFields.deviceStatus,
    channelsUncertain: macFields.channelsUncertain,
    pending: macFields.pending,
    failures: macFields.failures,
    resting: macFields.resting,
    stickyAnswers: macFields.stickyAnswers,
    linkAdrRefusals: macFields.linkAdrRefusals,
    pingSlotPeriodicity: macFields.pingSlotPeriodicity,
    deviceClass: macFields.deviceClass,
    forceRejoin: macFields.forceRejoin,
  },
  { readers: { deviceStatus: statusRow.read }, usual: { pending: [], failures: {} } },
);

interface WrittenMac {
  readonly region: Region;
  readonly lines: string;
  readonly shared: MacState;
}

const knownLines = new WeakMap<MacState, WrittenMac>();

/** Of a MAC state that was written before they are those of then. */
export const macLines = (mac: MacState, region: Region): string => written(mac, region).lines;

/**
 * The same, with what it has in common with other devices' as the one object for all of them: itself where it is at rest, and the
 * radio parameters where it is not. A server has many devices, and few of these.
 */
export const sharedMac = (mac: MacState, region: Region): MacState => written(mac, region).shared;

function written(mac: MacState, region: Region): WrittenMac {
  const known = knownLines.get(mac);
  if (known?.region === region) return known;
  const parameters = parametersLine(mac.current, region);
  const ownLine = macLine(mac);
  const now = { region, lines: `${parameters}\n${ownLine}`, shared: shared(mac, ownLine === "", region, parameters) };
  knownLines.set(mac, now);
  return now;
}

function shared(mac: MacState, isAtRest: boolean, region: Region, parameters: string): MacState {
  const { current } = mac;
  const atRest = sharedMacState(region, parameters, () => (isAtRest ? mac : { current, pending: [], failures: {} }));
  if (isAtRest) return atRest;
  return atRest.current === current ? mac : { ...mac, current: atRest.current };
}

const knownParameters = new WeakMap<MacParameters, { readonly region: Region; readonly line: string }>();

function parametersLine(current: MacParameters, region: Region): string {
  const known = knownParameters.get(current);
  if (known?.region === region) return known.line;
  const line = lineOf(parametersRow.write(storedParameters(current, region)));
  knownParameters.set(current, { region, line });
  return line;
}

function storedParameters(current: MacParameters, region: Region) {
  const differences = differencesOf(current.channels, region);
  return {
    ...current,
    channels: differences.length > 0 ? differences : undefined,
    enabledChannels: runsUnlessAll(current.enabledChannels, current.channels),
  };
}

function macLine(mac: MacState): string {
  const { deviceStatus, pending, failures } = mac;
  const row = macRow.write({
    ...mac,
    deviceStatus: deviceStatus && statusRow.write(deviceStatus),
    pending: pending.length > 0 ? pending : undefined,
    failures: Object.keys(failures).length > 0 ? failures : undefined,
  });
  return lineOf(row);
}

/** Throws UnreadableSession. */
export function macStateOf(parametersLine: string, macLine: string, region: Region): MacState {
  const atRest = sharedMacState(region, parametersLine, () => ({
    current: parametersOf(parametersLine, region),
    pending: [],
    failures: {},
  }));
  return macLine === "" ? atRest : { ...macRow.read(jsonOf(macLine)), current: atRest.current };
}

function parametersOf(line: string, region: Region): MacParameters {
  const { channels: differences = [], enabledChannels, ...stored } = parametersRow.read(jsonOf(line));
  const channels = withDifferences(region, differences);
  return { ...stored, channels, enabledChannels: numbersOfRuns(enabledChannels, channels) };
}

/** Most devices of a region have one of few MAC states: each is read once. A full memory begins anew. */
const macStates = new Map<Region, Map<string, MacState>>();
const maxMacStates = 2000;

/** The same state for the same text, in whichever format. */
export function sharedMacState(region: Region, text: string, read: () => MacState): MacState {
  const ofRegion = macStates.get(region) ?? new Map<string, MacState>();
  macStates.set(region, ofRegion);
  const known = ofRegion.get(text);
  if (known) return known;
  const state = read();
  if (ofRegion.size >= maxMacStates) ofRegion.clear();
  ofRegion.set(text, state);
  return state;
}
