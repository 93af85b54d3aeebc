import { regionOf } from "../../../lorawan/region/regions.ts";
import { type Facts, lastUplinkMs } from "../facts.ts";
import { type Check, evidence, finding, megahertz } from "../words.ts";

/** Whether the device is heard where its channels are. */
export const channelsCheck: Check = {
  name: "channels",
  found: ({ session, uplinks }) =>
    session
      ? `${session.uplinkFrequenciesHz.length} channels in use; ${new Set(uplinks.map(({ frequencyHz }) => frequencyHz)).size} of them heard`
      : "no session",
  findings: facts => [...joinsElsewhere(facts), ...sendsElsewhere(facts)],
};

const isOutside = ({ session }: Facts, frequencyHz: number | undefined): boolean =>
  frequencyHz !== undefined && session !== undefined && !session.uplinkFrequenciesHz.includes(frequencyHz);

/**
 * Gateways of a fixed plan mostly hear one sub-band. A device that is heard in one as it joins, and told to use another, is
 * not heard any more.
 */
function joinsElsewhere(facts: Facts) {
  const { profile, session } = facts;
  if (session === undefined || regionOf(profile.region, profile.regionalParameters).plan !== "fixed") return [];
  const accepted = facts.joins.filter(
    ({ atMs, refusal }) => refusal === undefined && atMs > (lastUplinkMs(facts) ?? 0),
  );
  const [last] = accepted;
  const isQuiet =
    accepted.length >= 2 || facts.nowMs - (last?.atMs ?? 0) > 2000 * profile.expectedUplinkIntervalSeconds;
  if (last === undefined || !isQuiet || !accepted.every(({ frequencyHz }) => isOutside(facts, frequencyHz))) return [];
  return [
    finding(
      "wrong_sub_band",
      "error",
      "The device is heard in one sub-band as it joins, and is told to use another in which no gateway hears it.",
      [
        evidence("heard joining on", megahertz(last.frequencyHz ?? 0), last.atMs),
        evidence("told to use", rangeText(session.uplinkFrequenciesHz)),
        evidence("joins without an uplink after them", accepted.length),
      ],
      [
        "Let networkServer.regions have the sub-band that the gateways listen to (subBand; 0 takes the one in which devices join), or set the gateways to that one.",
        "If gateways differ, give each sub-band a configuration of its own and say at each gateway which it is set up for.",
      ],
    ),
  ];
}

const rangeText = (frequencies: readonly number[]): string =>
  `${megahertz(Math.min(...frequencies))} to ${megahertz(Math.max(...frequencies))}`;

const looksAt = 10;

/** It is heard, but mostly where it was not told to send. */
function sendsElsewhere(facts: Facts) {
  const recent = facts.uplinks.filter(({ devAddr }) => devAddr === facts.session?.devAddr).slice(0, looksAt);
  const stray = recent.filter(({ frequencyHz }) => isOutside(facts, frequencyHz));
  const [last] = stray;
  if (facts.session === undefined || last === undefined || stray.length < 3 || stray.length * 2 < recent.length)
    return [];
  return [
    finding(
      "wrong_sub_band",
      "warning",
      "The device sends on channels that it has not been told to use.",
      [
        evidence("uplinks on other channels", `${stray.length} of the last ${recent.length}`, last.atMs),
        evidence("the last one on", megahertz(last.frequencyHz)),
        evidence("told to use", rangeText(facts.session.uplinkFrequenciesHz)),
      ],
      [
        "Compare the channels or the sub-band that its firmware is set to with those of networkServer.regions.",
        "Personalised (ABP) devices know only what they were built with: let their firmware have these channels.",
      ],
    ),
  ];
}
