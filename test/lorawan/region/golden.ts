import { readFileSync, writeFileSync } from "node:fs";
import type { Channel, ChannelPlan, Modulation, Region, RegionName } from "../../../lorawan/region/region.ts";
import { regionNames } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { regionalParametersRevisions } from "../../../lorawan/version.ts";

/*
 * The tables of a region as people read them, for each revision that has them: one file for each region, written by
 * `node test/lorawan/region/golden.ts`. A change of a number shows in it as it would in the document.
 */

const mHz = (frequencyHz: number): string => `${frequencyHz / 1e6}`;
const yesNo = (flag: boolean): string => (flag ? "yes" : "no");

/** Equally spaced frequencies as first, last and step. */
function series(frequenciesHz: readonly number[]): string {
  const [first = 0, second = 0] = frequenciesHz;
  const step = second - first;
  const isEven = frequenciesHz.every((frequencyHz, index) => frequencyHz === first + index * step);
  if (frequenciesHz.length < 4 || !isEven) return frequenciesHz.map(mHz).join(" ");
  return `${mHz(first)} to ${mHz(frequenciesHz.at(-1) ?? 0)} by ${mHz(step)}`;
}

/** Numbers with those that follow each other as a range. */
function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last && last[1] + 1 === number) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(" ") || "none";
}

function modulationText(modulation: Modulation): string {
  switch (modulation.kind) {
    case "lora":
      return `SF${modulation.spreadingFactor} ${modulation.bandwidthHz / 1000} kHz`;
    case "fsk":
      return `FSK ${modulation.bitRate / 1000} kbit/s`;
    case "lr-fhss":
      return `LR-FHSS ${modulation.codingRate} ${modulation.operatingChannelWidthHz / 1000} kHz`;
  }
}

/** N without limits, under the dwell-time limit, and by way of a repeater. */
const payloads = (region: Region, dataRate: number, direction: "up" | "down"): string =>
  [
    [false, false],
    [true, false],
    [false, true],
  ]
    .map(([dwellTime = false, repeater = false]) =>
      String(region.maxPayload(dataRate, { direction, dwellTime, repeater })).padStart(4),
    )
    .join("");

const rx1Row = (region: Region, dataRate: number, dwellTime: boolean): string =>
  Array.from({ length: region.maxRx1DrOffset + 1 }, (_, offset) => region.rx1DataRate(dataRate, offset, dwellTime))
    .map(rate => String(rate).padStart(3))
    .join("");

const hasOwnDwellRows = (region: Region): boolean =>
  region.uplinkDataRates.some(
    (modulation, rate) => modulation && rx1Row(region, rate, true) !== rx1Row(region, rate, false),
  );

const dataRateLines = (region: Region, direction: "up" | "down"): readonly string[] => {
  const table = direction === "up" ? region.uplinkDataRates : region.downlinkDataRates;
  const isDwelling = hasOwnDwellRows(region);
  return table.flatMap((modulation, rate) => {
    if (!modulation) return [];
    const head = `  DR${rate}`.padEnd(7) + modulationText(modulation).padEnd(22) + payloads(region, rate, direction);
    if (direction === "down") return [head];
    const dwell = isDwelling ? `   | ${rx1Row(region, rate, true)}` : "";
    return [`${head}   ${rx1Row(region, rate, false)}${dwell}`];
  });
};

const ratesOf = (region: Region, channel: Channel): string =>
  ranges(
    [...region.uplinkDataRates.keys()].filter(rate => region.uplinkDataRates[rate] && region.carries(channel, rate)),
  );

/** Channels that follow each other with the same data rates, as one line. */
function channelLines(region: Region, channels: readonly Channel[]): readonly string[] {
  const lines: string[] = [];
  let from = 0;
  channels.forEach((channel, index) => {
    const next = channels[index + 1];
    const step = (channels[from + 1]?.uplinkFrequencyHz ?? 0) - (channels[from]?.uplinkFrequencyHz ?? 0);
    const goesOn =
      next &&
      ratesOf(region, next) === ratesOf(region, channel) &&
      next.uplinkFrequencyHz - channel.uplinkFrequencyHz === step;
    if (goesOn) return;
    const run = channels.slice(from, index + 1);
    lines.push(
      `  ${from === index ? from : `${from}-${index}`}: ${series(run.map(({ uplinkFrequencyHz }) => uplinkFrequencyHz))}, ` +
        `DR ${ratesOf(region, channel)}`,
    );
    from = index + 1;
  });
  return lines;
}

/** RX1 frequencies by channel number: as many as there are before they begin again. */
function rx1Lines(channels: readonly Channel[]): readonly string[] {
  const downlinks = channels.map(channel => channel.downlinkFrequencyHz);
  if (channels.every((channel, index) => channel.uplinkFrequencyHz === downlinks[index]))
    return ["  RX1 as the uplink"];
  const count = new Set(downlinks).size;
  const isCyclic = downlinks.every((frequencyHz, index) => frequencyHz === downlinks[index % count]);
  return [`  RX1 by channel${isCyclic ? ` modulo ${count}` : ""}: ${series(downlinks.slice(0, count))}`];
}

const joinLines = (region: Region): readonly string[] => {
  const isDefault = region.joinChannels.every(
    (channel, index) =>
      channel.uplinkFrequencyHz === region.defaultChannels[index]?.uplinkFrequencyHz &&
      channel.rx2FrequencyHz === region.rx2.frequencyHz,
  );
  if (isDefault && region.joinChannels.length === region.defaultChannels.length)
    return ["join on the default channels"];
  return [
    "join on (request, RX1 of the accept, RX2, plan, beacon, ping slots)",
    ...region.joinChannels.map(
      (channel, index) =>
        `  ${index}: ${mHz(channel.uplinkFrequencyHz)}, ${mHz(channel.downlinkFrequencyHz)}, ${mHz(channel.rx2FrequencyHz)}, ` +
        `${channel.region}, ${series(channel.beaconFrequenciesHz)}, ${series(channel.pingSlotFrequenciesHz)}`,
    ),
  ];
};

/** What each ChMaskCntl makes of all channels, with the bits 0 and 15 set, and with none. */
const maskLines = (region: Region, channels: ChannelPlan): readonly string[] =>
  [0, 1, 2, 3, 4, 5, 6, 7].map(control => {
    const results = [0x0001, 0x8000, 0x0000].map(mask => {
      const enabled = region.applyChannelMasks([{ control, mask }], new Set(channels.keys()), channels);
      return enabled ? ranges([...enabled].sort((left, right) => left - right)) : "refused";
    });
    return `  ${control}: ${results.join(" | ")}`;
  });

const cfListType = (region: Region): string => {
  const types = [0, 1].filter(type => {
    try {
      return region.applyCfList(Uint8Array.of(...new Array<number>(15).fill(0), type)) !== undefined;
    } catch {
      return false;
    }
  });
  return types.join(" ") || "none";
};

function regionText(region: Region): string {
  const channels = region.defaultChannels.flatMap(channel => channel ?? []);
  const powers = Array.from({ length: region.maxTxPowerIndex + 1 }, (_, index) => region.txPowerDbm(index, 0));
  const { uplink, downlink } = region.dwellTimeAtStart;
  return [
    `plan ${region.plan}, ${region.maxChannels} channels; CFList type ${cfListType(region)}`,
    `RX2 ${mHz(region.rx2.frequencyHz)} DR${region.rx2.dataRate}; RX1 after ${region.rx1DelaySeconds} s, accept after ${region.joinAcceptDelaySeconds} s`,
    `EIRP ${region.maxEirpDbm} dBm; TXPower 0-${region.maxTxPowerIndex}: ${powers.join(" ")}`,
    `TxParamSetupReq ${yesNo(region.txParamSetup)}; dwell time at start: uplink ${yesNo(uplink)}, downlink ${yesNo(downlink)}`,
    `ADR up to DR${region.maxAdrDataRate}`,
    `beacon DR${region.beacon.dataRate} ${series(region.beacon.frequenciesHz) || "by join channel"}`,
    `ping slot DR${region.pingSlot.dataRate} ${series(region.pingSlot.frequenciesHz) || "by join channel"}`,
    `uplinks: N, N under dwell time, N by repeater; RX1 by RX1DROffset${hasOwnDwellRows(region) ? " | under dwell time" : ""}`,
    ...dataRateLines(region, "up"),
    "downlinks: N, N under dwell time, N by repeater",
    ...dataRateLines(region, "down"),
    "default channels",
    ...channelLines(region, channels),
    ...rx1Lines(channels),
    ...joinLines(region),
    "ChMaskCntl on all channels: ChMask 0x0001 | 0x8000 | 0x0000",
    ...maskLines(region, region.defaultChannels),
    "gateway limits",
    ...region.subBands.map(
      ({ fromHz, toHz, dutyCycle, maxEirpDbm }) =>
        `  ${mHz(fromHz)}-${mHz(toHz)}: ${dutyCycle * 100} %, ${maxEirpDbm} dBm`,
    ),
  ].join("\n");
}

/** Sections of one text each, under the revisions that share it. */
export function goldenText(name: RegionName): string {
  const sections = new Map<string, string[]>();
  for (const revision of regionalParametersRevisions) {
    const region = regionOf(name, revision);
    if (region.revision !== revision) continue;
    const text = regionText(region);
    sections.set(text, [...(sections.get(text) ?? []), revision]);
  }
  return `${[...sections].map(([text, revisions]) => `${name}: ${revisions.join(", ")}\n\n${text}\n`).join("\n\n")}`;
}

const fileOf = (name: RegionName): URL => new URL(`../../vectors/regions/${name}.txt`, import.meta.url);

export const readGolden = (name: RegionName): string => readFileSync(fileOf(name), "utf8");

if (import.meta.main) for (const name of regionNames) writeFileSync(fileOf(name), goldenText(name));
