import { MalformedValue } from "../lorawan/errors.ts";
import { parseGatewayId } from "../lorawan/ids.ts";
import { initialMacState } from "../lorawan/mac/engine.ts";
import { isWireFrequency } from "../lorawan/mac/message.ts";
import type { MacParameters, MacState } from "../lorawan/mac/state.ts";
import { readStream } from "../lorawan/mac/stream.ts";
import type { Channel, ChannelPlan, Region } from "../lorawan/region/region.ts";
import { isVersion11 } from "../lorawan/version.ts";
import type { RegionConfig } from "../network-server/config.ts";
import { decodeDeviceState, encodeDeviceState } from "../network-server/device-record.ts";
import { regionConfigFor, regionForProfile } from "../network-server/region-config.ts";
import { counterLimit, type Session } from "../network-server/session.ts";
import type { KeyEnvelope } from "../platform/state/network-event.ts";
import type { CarriedKey, CarriedParameters, CarriedProfile, CarriedSession } from "./carried.ts";

export interface SessionContext {
  readonly regionConfigs: readonly RegionConfig[];
  readonly envelopeOf: (key: CarriedKey) => KeyEnvelope;
}

/** The session as this network server keeps it. Throws MalformedValue for one that no device of the profile can have. */
export function sessionFrom(
  { regionConfigs, envelopeOf }: SessionContext,
  profile: CarriedProfile,
  carried: CarriedSession,
): Session {
  const region = regionForProfile({
    region: profile.region,
    regionalParameters: profile.regionalParameters,
    mac: profile.mac,
  });
  const { devAddr, macVersion, joinEui, fNwkSIntKey, sNwkSIntKey, nwkSEncKey, appSKey, sessionKeyId } = carried;
  const version11 = isVersion11(macVersion);
  if (!version11 && (fNwkSIntKey !== sNwkSIntKey || fNwkSIntKey !== nwkSEncKey)) {
    throw new MalformedValue(`a session of LoRaWAN ${macVersion} has one NwkSKey, and this has several`);
  }
  const { mac, isUncertain } = macStateOf(region, carried);
  const session: Session = {
    devAddr,
    macVersion,
    regionalParameters: profile.regionalParameters,
    region: region.name,
    regionConfigId: configurationOf(regionConfigs, profile, carried.regionConfigId),
    fNwkSIntKey,
    sNwkSIntKey,
    nwkSEncKey,
    ...(appSKey && { appSKey: envelopeOf(appSKey) }),
    ...(sessionKeyId !== undefined && { sessionKeyId }),
    ...(joinEui !== undefined && { joinEui }),
    ...countersOf(carried, version11),
    mac: isUncertain ? { ...mac, channelsUncertain: true } : mac,
    adrHistory: carried.adrHistory,
    ...adrSinceOf(carried),
    ...radioOf(carried),
  };
  // What the network server could not read again would be worse than no session.
  decodeDeviceState(encodeDeviceState({ active: session }));
  return session;
}

function countersOf(carried: CarriedSession, version11: boolean) {
  const { fCntUp, nFCntDown, confFCntDown, rjCount0 } = carried;
  const aFCntDown = version11 ? carried.aFCntDown : nFCntDown;
  for (const [name, value] of Object.entries({ fCntUp, nFCntDown, aFCntDown, confFCntDown })) {
    if (!Number.isInteger(value) || value < 0 || value >= counterLimit) {
      throw new MalformedValue(`${name} is ${value}, where a session has at most ${counterLimit - 1}`);
    }
  }
  return { fCntUp, nFCntDown, aFCntDown, confFCntDown, ...(version11 && rjCount0 !== undefined && { rjCount0 }) };
}

const adrSinceOf = ({ adrHistory: [first, ...others] }: CarriedSession) =>
  first ? { adrSince: { fCnt: first.fCnt, heard: 1 + others.length } } : {};

const mostGateways = 4;

function radioOf({ parameters, lastUplinkAtMs, heardBy, awaitedAck }: CarriedSession) {
  const known = heardBy.slice(0, mostGateways).map(link => ({ ...link, gatewayId: parseGatewayId(link.gatewayId) }));
  return {
    ...(lastUplinkAtMs !== undefined && { lastUplinkAtMs }),
    ...(lastUplinkAtMs !== undefined && parameters.dataRate !== undefined && { lastDataRate: parameters.dataRate }),
    ...(known.length > 0 && { heardBy: known }),
    ...(awaitedAck && { awaitedAck }),
  };
}

/** Theirs where this server has one of that name, else the one that the profile leads to. */
function configurationOf(
  configs: readonly RegionConfig[],
  profile: CarriedProfile,
  theirs: string | undefined,
): string {
  const { region, regionalParameters } = profile;
  const regionConfigId = theirs ?? profile.regionConfigId ?? undefined;
  return regionConfigFor(configs, {
    region,
    regionalParameters,
    ...(regionConfigId !== undefined && { regionConfigId }),
  }).id;
}

function macStateOf(
  region: Region,
  carried: CarriedSession,
): { readonly mac: MacState; readonly isUncertain: boolean } {
  const { parameters, macVersion } = carried;
  const channels = channelsOf(region, parameters);
  const all = channels.flatMap((channel, index) => (channel ? [index] : []));
  const said = [...new Set(parameters.enabledChannels ?? [])].sort((one, other) => one - other);
  // One that is enabled and that nobody can tell the frequency of is about to be disabled; the next LinkADRReq says it.
  const defined = said.filter(index => channels[index]);
  const start = initialMacState(region, {
    rx1DelaySeconds: 1,
    rx1DrOffset: 0,
    rx2DataRate: region.rx2.dataRate,
    rx2FrequencyHz: region.rx2.frequencyHz,
    channels,
    enabledChannels: defined.length > 0 ? defined : all,
  });
  const current = checked(region, { ...start.current, ...givenIn(parameters), channels });
  return {
    mac: {
      ...start,
      current,
      pending: carried.pendingRequests.filter(request => isReadable(request, macVersion)),
      ...(carried.pingSlotPeriodicity !== undefined && { pingSlotPeriodicity: carried.pingSlotPeriodicity }),
      ...(carried.deviceClass !== undefined && isVersion11(macVersion) && { deviceClass: carried.deviceClass }),
      ...(carried.deviceStatusRequestedAtMs !== undefined && {
        deviceStatusRequestedAtMs: carried.deviceStatusRequestedAtMs,
      }),
    },
    isUncertain: defined.length < said.length,
  };
}

function givenIn({ extraChannels: _, enabledChannels: __, ...given }: CarriedParameters): Partial<MacParameters> {
  return given;
}

function isReadable(request: string, macVersion: CarriedSession["macVersion"]): boolean {
  const { entries, end } = readStream(Buffer.from(request, "hex"), "down", macVersion);
  return end.kind === "complete" && entries.length > 0;
}

function channelsOf(region: Region, { extraChannels }: CarriedParameters): ChannelPlan {
  if (region.plan === "fixed" || extraChannels.size === 0) return region.defaultChannels;
  const channels: (Channel | undefined)[] = [...region.defaultChannels];
  for (const [index, channel] of [...extraChannels].sort(([one], [other]) => one - other)) {
    const own = region.defaultChannels[index];
    if (own) {
      // A default channel is what it is but for where the device listens, which DlChannelReq may have changed.
      const isMoved =
        own.uplinkFrequencyHz === channel.uplinkFrequencyHz && isWireFrequency(channel.downlinkFrequencyHz);
      if (isMoved) channels[index] = { ...own, downlinkFrequencyHz: channel.downlinkFrequencyHz };
      continue;
    }
    if (index >= region.maxChannels) {
      throw new MalformedValue(`channel ${index} is beyond the ${region.maxChannels} of ${region.name}`);
    }
    checkFrequency(`channel ${index}`, channel.uplinkFrequencyHz);
    checkFrequency(`channel ${index}, downlink`, channel.downlinkFrequencyHz);
    for (const dataRate of [channel.minDataRate, channel.maxDataRate]) checkUplinkRate(region, dataRate);
    while (channels.length < index) channels.push(undefined);
    channels[index] = channel;
  }
  return channels;
}

function checkFrequency(name: string, frequencyHz: number): void {
  if (!isWireFrequency(frequencyHz)) throw new MalformedValue(`${name}: ${frequencyHz} Hz is no frequency`);
}

function checkUplinkRate(region: Region, dataRate: number): void {
  if (region.uplinkDataRates[dataRate] === undefined) {
    throw new MalformedValue(`DR${dataRate} is no uplink of ${region.name}`);
  }
}

function checkRange(name: string, value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new MalformedValue(`${name} is ${value}, where 0 to ${most} are`);
  }
}

function checked(region: Region, parameters: MacParameters): MacParameters {
  const { dataRate, rx2DataRate, rx2FrequencyHz, rx1DelaySeconds, rx1DrOffset, nbTrans } = parameters;
  checkUplinkRate(region, dataRate);
  if (region.downlinkDataRates[rx2DataRate] === undefined) {
    throw new MalformedValue(`DR${rx2DataRate}, of RX2, is no downlink of ${region.name}`);
  }
  checkFrequency("RX2", rx2FrequencyHz);
  checkRange("RX1 delay", rx1DelaySeconds, 15);
  checkRange("RX1DROffset", rx1DrOffset, region.maxRx1DrOffset);
  checkRange("NbTrans", nbTrans, 15);
  checkRange("TXPower", parameters.txPowerIndex, 15);
  return {
    ...parameters,
    rx1DelaySeconds: Math.max(1, rx1DelaySeconds),
    nbTrans: Math.max(1, nbTrans),
    txPowerIndex: Math.min(parameters.txPowerIndex, region.maxTxPowerIndex),
  };
}
