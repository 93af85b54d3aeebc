import type { Channel, ChannelMask, Region } from "../lorawan/region/region.ts";
import { channelPlanOf, type MacAnswer, type RadioParameters } from "./device-state.ts";

/** What a device makes of the MAC commands of one downlink (TS001-1.0.4 5). */
export interface MacOutcome {
  readonly parameters: RadioParameters;
  /** In the order of the requests. */
  readonly answers: readonly MacAnswer[];
  readonly reports: readonly MacReport[];
  /** CIDs of indications that the network has confirmed (LoRaWAN 1.1). */
  readonly confirmed: readonly number[];
}

export type MacReport =
  | { readonly kind: "link-check"; readonly marginDb: number; readonly gatewayCount: number }
  /** Milliseconds since the GPS epoch, at the end of the uplink that asked (C49). */
  | { readonly kind: "device-time"; readonly gpsTimeMs: number }
  /** The network knows when the device listens in class B. */
  | { readonly kind: "ping-slot-info" }
  | ({ readonly kind: "force-rejoin" } & ForcedRejoin)
  /** C52: parsing ended here. */
  | { readonly kind: "unknown-command"; readonly cid: number }
  | { readonly kind: "truncated-command"; readonly cid: number };

/** ForceRejoinReq (TS001-1.1 5.13). */
export interface ForcedRejoin {
  readonly rejoinType: 0 | 2;
  /** Repeats after 32 x 2^period s and a random time more. */
  readonly period: number;
  readonly maxRetries: number;
  readonly dataRate: number;
}

export interface MacContext {
  readonly region: Region;
  /** 0 external power, 1 to 254, 255 unknown. */
  readonly battery: number;
  /** SNR of this downlink. */
  readonly snrDb: number;
  readonly adr: boolean;
  /** False: it agrees to LinkADRReq and goes on as before. */
  readonly followsAdr?: boolean;
  /** LoRaWAN 1.1 was agreed on; false by default. */
  readonly version11?: boolean;
}

/** Bytes after the CID, from the network to the device. */
const requestLengths: ReadonlyMap<number, number> = new Map([
  [0x02, 2],
  [0x03, 4],
  [0x04, 1],
  [0x05, 4],
  [0x06, 0],
  [0x07, 5],
  [0x08, 1],
  [0x09, 1],
  [0x0a, 4],
  [0x0d, 5],
  [0x10, 0],
  [0x11, 4],
  [0x13, 3],
]);

/** What LoRaWAN 1.1 adds. */
const requestLengths11: ReadonlyMap<number, number> = new Map([
  ...requestLengths,
  [0x01, 1],
  [0x0b, 1],
  [0x0c, 1],
  [0x0e, 2],
  [0x0f, 1],
  [0x20, 1],
]);
/** ResetConf, RekeyConf and DeviceModeConf. */
const confirmations: readonly number[] = [0x01, 0x0b, 0x20];

interface Request {
  readonly cid: number;
  readonly body: Uint8Array;
}

/** What a command of its own CID changes. */
interface Step {
  readonly parameters?: RadioParameters;
  readonly answer?: string;
  readonly sticky?: boolean;
  readonly report?: MacReport;
}

const hexOf = (...bytes: readonly number[]): string => Buffer.from(bytes).toString("hex");
const u24 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);

/** MaxEIRP of TxParamSetupReq in dBm (TS001-1.0.4 5.9). */
const eirpTableDbm = [8, 10, 12, 13, 14, 16, 18, 20, 21, 24, 26, 27, 29, 30, 33, 36];
/** A value of 15 in LinkADRReq leaves data rate or power as it is. */
const unchanged = 15;

function parse(
  bytes: Uint8Array,
  lengths: ReadonlyMap<number, number>,
): { readonly requests: readonly Request[]; readonly report?: MacReport } {
  const requests: Request[] = [];
  let at = 0;
  while (at < bytes.length) {
    const cid = bytes[at] ?? 0;
    const length = lengths.get(cid);
    if (length === undefined) return { requests, report: { kind: "unknown-command", cid } };
    if (at + 1 + length > bytes.length) return { requests, report: { kind: "truncated-command", cid } };
    requests.push({ cid, body: bytes.subarray(at + 1, at + 1 + length) });
    at += 1 + length;
  }
  return { requests };
}

/** Pure: parameters and commands in, parameters and answers out. */
export function answerMacCommands(bytes: Uint8Array, current: RadioParameters, context: MacContext): MacOutcome {
  const { requests, report } = parse(bytes, context.version11 ? requestLengths11 : requestLengths);
  let parameters = current;
  const answers: MacAnswer[] = [];
  const reports: MacReport[] = [];
  for (let at = 0; at < requests.length; at += 1) {
    const request = requests[at];
    if (request === undefined) break;
    if (request.cid === 0x03) {
      const block = linkAdrBlock(requests, at);
      const outcome = linkAdr(block, parameters, context);
      if (context.followsAdr !== false) parameters = outcome.parameters;
      answers.push(...block.map(() => ({ bytes: hexOf(0x03, outcome.status), sticky: false })));
      at += block.length - 1;
      continue;
    }
    const step = answerOne(request, parameters, context);
    parameters = step.parameters ?? parameters;
    if (step.answer !== undefined) answers.push({ bytes: step.answer, sticky: step.sticky ?? false });
    if (step.report) reports.push(step.report);
  }
  const confirmed = requests.map(({ cid }) => cid).filter(cid => confirmations.includes(cid));
  return { parameters, answers, reports: report ? [...reports, report] : reports, confirmed };
}

function answerOne(request: Request, parameters: RadioParameters, context: MacContext): Step {
  const { cid, body } = request;
  const first = body[0] ?? 0;
  switch (cid) {
    case 0x02:
      return { report: { kind: "link-check", marginDb: first, gatewayCount: body[1] ?? 0 } };
    case 0x04:
      return { parameters: { ...parameters, maxDutyCycleExponent: first & 0x0f }, answer: hexOf(cid) };
    case 0x05:
      return rxParamSetup(body, parameters, context.region);
    case 0x06:
      return { answer: hexOf(cid, context.battery, Math.max(-32, Math.min(31, Math.round(context.snrDb))) & 0x3f) };
    case 0x07:
      return newChannel(body, parameters, context.region);
    case 0x08:
      // 0 reads as 1.
      return { parameters: { ...parameters, rx1DelaySeconds: first & 0x0f || 1 }, answer: hexOf(cid), sticky: true };
    case 0x09:
      return txParamSetup(first, parameters, context.region);
    case 0x0a:
      return dlChannel(body, parameters, context.region);
    // ADRParamSetupReq: taken note of.
    case 0x0c:
      return { answer: hexOf(cid) };
    case 0x0e:
      return forceRejoin(first | ((body[1] ?? 0) << 8));
    case 0x0f: {
      const rejoin = { rejoinMaxTimeExponent: first >> 4, rejoinMaxCountExponent: first & 0x0f };
      return { parameters: { ...parameters, ...rejoin }, answer: hexOf(cid, 0x01) };
    }
    case 0x0d: {
      const seconds = (u24(body, 0) | ((body[3] ?? 0) << 24)) >>> 0;
      return { report: { kind: "device-time", gpsTimeMs: seconds * 1000 + ((body[4] ?? 0) * 1000) / 256 } };
    }
    case 0x10:
      return { report: { kind: "ping-slot-info" } };
    case 0x11:
      return pingSlotChannel(body, parameters, context.region);
    case 0x13:
      return beaconFreq(body, parameters, context.region);
    default:
      return {};
  }
}

/** Types 0 and 1 ask for type 0; those after 2 are reserved. */
function forceRejoin(word: number): Step {
  const type = (word >> 4) & 0x07;
  if (type > 2) return {};
  const schedule = { period: (word >> 11) & 0x07, maxRetries: (word >> 8) & 0x07 };
  return { report: { kind: "force-rejoin", rejoinType: type === 2 ? 2 : 0, ...schedule, dataRate: word & 0x0f } };
}

/** C55: LinkADRReqs that follow each other are one block. */
function linkAdrBlock(requests: readonly Request[], start: number): readonly Request[] {
  const rest = requests.slice(start);
  const end = rest.findIndex(({ cid }) => cid !== 0x03);
  return end < 0 ? rest : rest.slice(0, end);
}

function linkAdr(
  block: readonly Request[],
  parameters: RadioParameters,
  { region, adr }: MacContext,
): { readonly parameters: RadioParameters; readonly status: number } {
  const masks = block.map(
    ({ body }): ChannelMask => ({
      control: ((body[3] ?? 0) >> 4) & 0x07,
      mask: (body[1] ?? 0) | ((body[2] ?? 0) << 8),
    }),
  );
  // Data rate, power and repetitions are those of the last request.
  const last = block.at(-1)?.body ?? new Uint8Array(4);
  const wantedRate = (last[0] ?? 0) >> 4;
  const wantedPower = (last[0] ?? 0) & 0x0f;
  const dataRate = wantedRate === unchanged ? parameters.dataRate : wantedRate;
  const txPowerIndex = wantedPower === unchanged ? parameters.txPowerIndex : wantedPower;
  const channels = channelPlanOf(parameters);
  const enabled = region.applyChannelMasks(masks, new Set(parameters.enabledChannels), channels);
  const carries = (number: number): boolean => {
    const channel = channels[number];
    return channel !== undefined && region.carries(channel, dataRate);
  };
  const maskGood = enabled !== undefined;
  const rateGood =
    region.uplinkDataRates[dataRate] !== undefined && (enabled === undefined || [...enabled].some(carries));
  const powerGood = txPowerIndex <= region.maxTxPowerIndex;
  const status = (maskGood ? 1 : 0) | (rateGood ? 2 : 0) | (powerGood ? 4 : 0);
  if (!maskGood || !rateGood || !powerGood) return { parameters, status };
  const enabledChannels = [...enabled].sort((one, other) => one - other);
  // Without ADR a device may still follow masks and repetitions, but keeps its own data rate and power.
  const adapted = adr ? { dataRate, txPowerIndex } : {};
  const nbTrans = (last[3] ?? 0) & 0x0f || parameters.nbTrans;
  return { parameters: { ...parameters, ...adapted, nbTrans, enabledChannels }, status };
}

const frequencyKnown = (region: Region, frequencyHz: number): boolean => {
  if (region.plan === "fixed" || region.subBands.length === 0) return frequencyHz > 0;
  return region.subBands.some(({ fromHz, toHz }) => fromHz <= frequencyHz && frequencyHz < toHz);
};

/** Steps in which a frequency is written; 200 Hz at 2.4 GHz (RP002-1.0.4 2.15). */
const frequencyOf = (body: Uint8Array, at: number, region: Region): number =>
  u24(body, at) * (region.rx2.frequencyHz > 1_677_721_500 ? 200 : 100);

function rxParamSetup(body: Uint8Array, parameters: RadioParameters, region: Region): Step {
  const settings = body[0] ?? 0;
  const rx1DrOffset = (settings >> 4) & 0x07;
  const rx2DataRate = settings & 0x0f;
  const rx2FrequencyHz = frequencyOf(body, 1, region);
  const channelGood = frequencyKnown(region, rx2FrequencyHz);
  const rateGood = region.downlinkDataRates[rx2DataRate] !== undefined;
  const offsetGood = rx1DrOffset <= region.maxRx1DrOffset;
  const answer = hexOf(0x05, (channelGood ? 1 : 0) | (rateGood ? 2 : 0) | (offsetGood ? 4 : 0));
  if (!channelGood || !rateGood || !offsetGood) return { answer, sticky: true };
  return { parameters: { ...parameters, rx1DrOffset, rx2DataRate, rx2FrequencyHz }, answer, sticky: true };
}

/** A MaxDR under MinDR says DR(MinDR - 1) to DR5 and the fast rates (RP002-1.0.5). */
function channelRates(minDr: number, maxDr: number): Omit<Channel, "uplinkFrequencyHz" | "downlinkFrequencyHz"> {
  return maxDr === 0 && minDr > 0
    ? { minDataRate: minDr - 1, maxDataRate: 5, fastDataRates: true }
    : { minDataRate: minDr, maxDataRate: maxDr };
}

function newChannel(body: Uint8Array, parameters: RadioParameters, region: Region): Step {
  // C59: a device of a fixed plan does not answer.
  if (region.plan === "fixed") return {};
  const number = body[0] ?? 0;
  const frequencyHz = frequencyOf(body, 1, region);
  const rates = channelRates((body[4] ?? 0) & 0x0f, (body[4] ?? 0) >> 4);
  const allowed = number >= region.defaultChannels.length && number < region.maxChannels;
  const frequencyGood = allowed && (frequencyHz === 0 || frequencyKnown(region, frequencyHz));
  const exists = (dataRate: number): boolean => region.uplinkDataRates[dataRate] !== undefined;
  const rangeGood =
    allowed &&
    rates.minDataRate <= rates.maxDataRate &&
    exists(rates.minDataRate) &&
    exists(rates.maxDataRate) &&
    (!rates.fastDataRates || region.fastDataRates.length > 0);
  const answer = hexOf(0x07, (frequencyGood ? 1 : 0) | (rangeGood ? 2 : 0));
  if (!frequencyGood || !rangeGood) return { answer };
  const channels = [...parameters.channels];
  while (channels.length <= number) channels.push(null);
  channels[number] =
    frequencyHz === 0 ? null : { uplinkFrequencyHz: frequencyHz, downlinkFrequencyHz: frequencyHz, ...rates };
  const others = parameters.enabledChannels.filter(enabled => enabled !== number);
  const enabledChannels = frequencyHz === 0 ? others : [...others, number].sort((one, other) => one - other);
  return { parameters: { ...parameters, channels, enabledChannels }, answer };
}

function txParamSetup(settings: number, parameters: RadioParameters, region: Region): Step {
  // C60: where the command does not exist it is dropped without an answer.
  if (!region.txParamSetup) return {};
  const changed = {
    maxEirpDbm: eirpTableDbm[settings & 0x0f] ?? parameters.maxEirpDbm,
    uplinkDwellTime: (settings & 0x10) !== 0,
    downlinkDwellTime: (settings & 0x20) !== 0,
  };
  return { parameters: { ...parameters, ...changed }, answer: hexOf(0x09) };
}

function dlChannel(body: Uint8Array, parameters: RadioParameters, region: Region): Step {
  if (region.plan === "fixed") return {};
  const number = body[0] ?? 0;
  const downlinkFrequencyHz = frequencyOf(body, 1, region);
  const frequencyGood = frequencyKnown(region, downlinkFrequencyHz);
  const channel = parameters.channels[number];
  const answer = hexOf(0x0a, (frequencyGood ? 1 : 0) | (channel ? 2 : 0));
  if (!frequencyGood || !channel) return { answer, sticky: true };
  const channels = parameters.channels.map((known, index) =>
    index === number ? { ...channel, downlinkFrequencyHz } : known,
  );
  return { parameters: { ...parameters, channels }, answer, sticky: true };
}

function pingSlotChannel(body: Uint8Array, parameters: RadioParameters, region: Region): Step {
  const pingSlotFrequencyHz = frequencyOf(body, 0, region);
  const pingSlotDataRate = (body[3] ?? 0) & 0x0f;
  const frequencyGood = pingSlotFrequencyHz === 0 || frequencyKnown(region, pingSlotFrequencyHz);
  const rateGood = region.downlinkDataRates[pingSlotDataRate] !== undefined;
  const answer = hexOf(0x11, (frequencyGood ? 1 : 0) | (rateGood ? 2 : 0));
  if (!frequencyGood || !rateGood) return { answer, sticky: true };
  return { parameters: { ...parameters, pingSlotFrequencyHz, pingSlotDataRate }, answer, sticky: true };
}

function beaconFreq(body: Uint8Array, parameters: RadioParameters, region: Region): Step {
  const beaconFrequencyHz = frequencyOf(body, 0, region);
  const frequencyGood = beaconFrequencyHz === 0 || frequencyKnown(region, beaconFrequencyHz);
  const answer = hexOf(0x13, frequencyGood ? 1 : 0);
  return frequencyGood ? { parameters: { ...parameters, beaconFrequencyHz }, answer } : { answer };
}
