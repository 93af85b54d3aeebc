import { readFileSync } from "node:fs";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { type Modulation, type Region, type RegionName, regionNames } from "../../../lorawan/region/region.ts";
import { type RegionalParametersRevision, regionalParametersRevisions } from "../../../lorawan/version.ts";

const BandChannel = Type.Object({ Frequency: Type.Number(), MinDataRate: Type.Number(), MaxDataRate: Type.Number() });
const Rows = Type.Record(Type.String(), Type.Array(Type.Number()));
const Band = Type.Object({
  beacon: Type.Object({
    DataRateIndex: Type.Number(),
    Frequencies: Type.Union([Type.Null(), Type.Array(Type.Number())]),
  }),
  pingSlotFrequencies: Type.Union([Type.Null(), Type.Array(Type.Number())]),
  maxUplinkChannels: Type.Number(),
  uplinkChannels: Type.Array(BandChannel),
  downlinkChannels: Type.Array(BandChannel),
  subBands: Type.Array(
    Type.Object({
      MinFrequency: Type.Number(),
      MaxFrequency: Type.Number(),
      DutyCycle: Type.Number(),
      MaxEIRP: Type.Number(),
    }),
  ),
  dataRates: Type.Record(
    Type.String(),
    Type.Object({
      sf: Type.Optional(Type.Number()),
      bw: Type.Optional(Type.Number()),
      cr: Type.Optional(Type.String()),
      fskBitRate: Type.Optional(Type.Number()),
      lrFhssOcw: Type.Optional(Type.Number()),
      maxMacPayload: Type.Object({ noDwell: Type.Number(), dwell: Type.Number() }),
    }),
  ),
  implementsCFList: Type.Boolean(),
  cfListType: Type.String(),
  txOffset: Type.Array(Type.Number()),
  maxAdrDr: Type.Number(),
  txParamSetupReqSupport: Type.Boolean(),
  defaultMaxEirp: Type.Number(),
  rx1ChannelForUplinkChannel: Type.Array(Type.Number()),
  rx1DataRate: Type.Object({ noDwell: Rows, dwell: Rows }),
  defaultRx2: Type.Object({ DataRateIndex: Type.Number(), Frequency: Type.Number() }),
});
const BandsFile = Type.Object({ bands: Type.Record(Type.String(), Band) });
type Band = Static<typeof Band>;

/** A region's facts, each under a name of its own, in a form that compares and reads well. */
export type Facts = Readonly<Record<string, string>>;

export interface BandVector {
  readonly id: string;
  readonly region: RegionName;
  readonly revision: RegionalParametersRevision;
  readonly band: Band;
}

const regionOfBand: Readonly<Record<string, string>> = {
  EU_863_870: "EU868",
  US_902_928: "US915",
  AU_915_928: "AU915",
  AS_923: "AS923",
  AS_923_2: "AS923-2",
  AS_923_3: "AS923-3",
  AS_923_4: "AS923-4",
  CN_470_510: "CN470",
  CN_470_510_20_A: "CN470-20A",
  CN_470_510_20_B: "CN470-20B",
  CN_470_510_26_A: "CN470-26A",
  CN_470_510_26_B: "CN470-26B",
  CN_779_787: "CN779",
  EU_433: "EU433",
  IN_865_867: "IN865",
  KR_920_923: "KR920",
  RU_864_870: "RU864",
  ISM_2400: "ISM2400",
};

const revisionOf: Readonly<Record<string, string>> = {
  PHY_V1_0: "TS001-1.0.0",
  PHY_V1_0_1: "TS001-1.0.1",
  PHY_V1_0_2_REV_A: "RP001-1.0.2-A",
  PHY_V1_0_2_REV_B: "RP001-1.0.2-B",
  PHY_V1_0_3_REV_A: "RP001-1.0.3-A",
  PHY_V1_1_REV_A: "RP001-1.1-A",
  PHY_V1_1_REV_B: "RP001-1.1-B",
  RP002_V1_0_0: "RP002-1.0.0",
  RP002_V1_0_1: "RP002-1.0.1",
  RP002_V1_0_2: "RP002-1.0.2",
  RP002_V1_0_3: "RP002-1.0.3",
  RP002_V1_0_4: "RP002-1.0.4",
};

const vectorOf = (id: string, band: Band): BandVector => {
  const parts = /^(.*)_((?:PHY|RP002)_.*)$/.exec(id);
  const region = regionNames.find(name => name === regionOfBand[parts?.[1] ?? ""]);
  const revision = regionalParametersRevisions.find(name => name === revisionOf[parts?.[2] ?? ""]);
  if (region === undefined || revision === undefined) throw new Error(`no region or revision for ${id}`);
  return { id, region, revision, band };
};

/** The tables of test/vectors/bands_tts.json. */
export const readBandVectors = (): readonly BandVector[] => {
  const file = new URL("../../vectors/bands_tts.json", import.meta.url);
  const { bands } = Value.Parse(BandsFile, JSON.parse(readFileSync(file, "utf8")));
  return Object.entries(bands).map(([id, band]) => vectorOf(id, band));
};

const mHz = (frequencyHz: number): string => `${frequencyHz / 1e6}`;

const modulationText = (modulation: Modulation): string => {
  switch (modulation.kind) {
    case "lora":
      return `SF${modulation.spreadingFactor} ${modulation.bandwidthHz}`;
    case "fsk":
      return `FSK ${modulation.bitRate}`;
    case "lr-fhss":
      return `LR-FHSS ${modulation.operatingChannelWidthHz} ${modulation.codingRate}`;
  }
};

const bandModulationText = (dataRate: Band["dataRates"][string]): string => {
  if (dataRate.fskBitRate !== undefined) return `FSK ${dataRate.fskBitRate}`;
  if (dataRate.lrFhssOcw !== undefined) return `LR-FHSS ${dataRate.lrFhssOcw} ${dataRate.cr}`;
  return `SF${dataRate.sf} ${dataRate.bw}`;
};

/** RX1 frequency of each channel, by the band's own mapping of channel numbers. */
const bandRx1 = (band: Band): readonly string[] =>
  band.uplinkChannels.map((_, number) =>
    mHz(band.downlinkChannels[band.rx1ChannelForUplinkChannel[number] ?? -1]?.Frequency ?? 0),
  );

const channelText = (frequencyHz: number, minDataRate: number, maxDataRate: number): string =>
  `${mHz(frequencyHz)} DR${minDataRate}-${maxDataRate}`;

/** What the vectors say. RX1 rows of data rates that do not exist, and M below the header, say nothing. */
export const bandFacts = ({ band }: BandVector): Facts => {
  const facts: Record<string, string> = {
    beacon: `DR${band.beacon.DataRateIndex} ${(band.beacon.Frequencies ?? []).map(mHz)}`,
    pingSlot: `${(band.pingSlotFrequencies ?? []).map(mHz)}`,
    maxChannels: `${band.maxUplinkChannels}`,
    channels: `${band.uplinkChannels.map(c => channelText(c.Frequency, c.MinDataRate, c.MaxDataRate))}`,
    rx1Frequencies: `${bandRx1(band)}`,
    cfList: band.implementsCFList ? (band.cfListType === "FREQUENCIES" ? "0" : "1") : "none",
    txPower: `${band.txOffset}`,
    maxAdrDataRate: `${band.maxAdrDr}`,
    txParamSetup: `${band.txParamSetupReqSupport}`,
    maxEirp: `${band.defaultMaxEirp}`,
    rx2: `DR${band.defaultRx2.DataRateIndex} ${mHz(band.defaultRx2.Frequency)}`,
    dataRates: `${Object.keys(band.dataRates)}`,
  };
  for (const [index, dataRate] of Object.entries(band.dataRates)) {
    const { noDwell, dwell } = dataRate.maxMacPayload;
    facts[`DR${index}`] = bandModulationText(dataRate);
    facts[`DR${index} payload`] = `${Math.max(0, noDwell - 8)}`;
    facts[`DR${index} payload dwell`] = `${Math.max(0, dwell - 8)}`;
    const rows = [band.rx1DataRate.noDwell[index], band.rx1DataRate.dwell[index]];
    if (rows[0] !== undefined) facts[`DR${index} rx1`] = `${rows[0]}`;
    if (rows[1] !== undefined) facts[`DR${index} rx1 dwell`] = `${rows[1]}`;
  }
  for (const { MinFrequency, MaxFrequency, DutyCycle, MaxEIRP } of band.subBands) {
    facts[`sub-band ${mHz(MinFrequency)}-${mHz(MaxFrequency)}`] = `${DutyCycle} ${MaxEIRP}`;
  }
  return facts;
};

const rx1Row = (region: Region, dataRate: number, dwellTime: boolean): readonly number[] =>
  Array.from({ length: region.maxRx1DrOffset + 1 }, (_, offset) => region.rx1DataRate(dataRate, offset, dwellTime));

const subBandText = (region: Region, fromHz: number, toHz: number): string => {
  const found = region.subBands.find(subBand => subBand.fromHz <= fromHz && toHz <= subBand.toHz);
  return found === undefined ? "none" : `${found.dutyCycle} ${found.maxEirpDbm}`;
};

/** Every number that means something, upwards where it does. Before RP002-1.0.5 no number means two things. */
const dataRatesOf = (region: Region) => {
  const count = Math.max(region.uplinkDataRates.length, region.downlinkDataRates.length);
  return Array.from({ length: count }, (_, index) => index).flatMap(index => {
    const uplink = region.uplinkDataRates[index];
    const modulation = uplink ?? region.downlinkDataRates[index];
    return modulation ? [{ index, modulation, uplink: uplink !== undefined }] : [];
  });
};

const cfListText = (region: Region): string => {
  const cfLists = [0, 1].map(type => Uint8Array.of(...new Array<number>(15).fill(0), type));
  const type = cfLists.findIndex(cfList => {
    try {
      region.applyCfList(cfList);
      return true;
    } catch {
      return false;
    }
  });
  return type < 0 ? "none" : `${type}`;
};

/** The same facts of one of our regions; sub-bands are asked for by the vectors' edges. */
export const regionFacts = (region: Region, { band }: BandVector): Facts => {
  const channels = region.defaultChannels.flatMap(channel => channel ?? []);
  const dataRates = dataRatesOf(region);
  const powers = Array.from({ length: region.maxTxPowerIndex + 1 }, (_, index) => region.txPowerDbm(index, 0));
  const facts: Record<string, string> = {
    beacon: `DR${region.beacon.dataRate} ${region.beacon.frequenciesHz.map(mHz)}`,
    pingSlot: `${region.pingSlot.frequenciesHz.map(mHz)}`,
    maxChannels: `${region.maxChannels}`,
    channels: `${channels.map(c => channelText(c.uplinkFrequencyHz, c.minDataRate, c.maxDataRate))}`,
    rx1Frequencies: `${channels.map(c => mHz(region.rx1FrequencyHz(channels, c.uplinkFrequencyHz) ?? 0))}`,
    cfList: cfListText(region),
    txPower: `${powers}`,
    maxAdrDataRate: `${region.maxAdrDataRate}`,
    txParamSetup: `${region.txParamSetup}`,
    maxEirp: `${region.maxEirpDbm}`,
    rx2: `DR${region.rx2.dataRate} ${mHz(region.rx2.frequencyHz)}`,
    dataRates: `${dataRates.map(dataRate => dataRate.index)}`,
  };
  for (const { index, modulation, uplink } of dataRates) {
    const direction = uplink ? "up" : "down";
    const payload = (dwellTime: boolean) => region.maxPayload(index, { direction, dwellTime, repeater: false });
    facts[`DR${index}`] = modulationText(modulation);
    facts[`DR${index} payload`] = `${payload(false)}`;
    facts[`DR${index} payload dwell`] = `${payload(true)}`;
    if (!uplink) continue;
    facts[`DR${index} rx1`] = `${rx1Row(region, index, false)}`;
    facts[`DR${index} rx1 dwell`] = `${rx1Row(region, index, true)}`;
  }
  for (const { MinFrequency, MaxFrequency } of band.subBands) {
    facts[`sub-band ${mHz(MinFrequency)}-${mHz(MaxFrequency)}`] = subBandText(region, MinFrequency, MaxFrequency);
  }
  return facts;
};
