import type { Finding } from "../../diagnosis-ports.ts";
import { type Facts, type GatewayFact, isSilent, lastSignMs } from "../facts.ts";
import type { NearMiss, NearMissKind } from "../near-misses.ts";
import { type Check, countOf, evidence, finding, gatewayText, gatewayTexts, timeSince } from "../words.ts";

/** Whether anything of the device is heard at all, and by what. */
export const reachCheck: Check = {
  name: "reception",
  found: facts => {
    const signMs = lastSignMs(facts);
    const online = facts.gateways.filter(({ status }) => status === "online").length;
    const gateways = `${online} of ${countOf(facts.gateways.length, "gateway")} online`;
    return signMs === undefined ? `never heard; ${gateways}` : `heard ${timeSince(facts, signMs)}; ${gateways}`;
  },
  findings: facts => {
    if (!isHeard(facts)) return [...facts.nearMisses.slice(0, 1).map(miss => nearMiss(facts, miss)), ...unheard(facts)];
    return isSilent(facts) ? silent(facts) : [];
  },
};

/** Frames that are refused, or may be recordings, are heard all the same. */
const isHeard = (facts: Facts): boolean =>
  lastSignMs(facts) !== undefined ||
  facts.unsigned.length > 0 ||
  facts.unowned.length > 0 ||
  facts.logs.some(({ code }) => code === "UPLINK_F_CNT_RETRANSMISSION");

const nearMissCodes = {
  reversed: "eui_reversed",
  swapped: "eui_swapped",
  mistyped: "eui_mistyped",
  "address-reversed": "address_reversed",
} as const;

const nearMissTexts: Readonly<
  Record<NearMissKind, { readonly summary: string; readonly whatToDo: readonly string[] }>
> = {
  reversed: {
    summary: "A device is heard under this DevEUI with its bytes the other way round.",
    whatToDo: [
      "Create the device anew with the DevEUI as it was heard. Source code often has EUIs least significant byte first; here they are written as on labels.",
      "See whether the JoinEUI was turned round as well.",
    ],
  },
  swapped: {
    summary: "A device is heard with DevEUI and JoinEUI (AppEUI) exchanged.",
    whatToDo: ["Create the device anew with the DevEUI as it was heard, and its JoinEUI accordingly."],
  },
  mistyped: {
    summary: "A device that nobody here knows is heard under a DevEUI that differs from this one in one place.",
    whatToDo: [
      "Compare the DevEUI with the label, digit by digit. If it was mistyped, create the device anew.",
      "If the label says what was entered, it is another device of the same series: then this one has not been heard.",
    ],
  },
  "address-reversed": {
    summary: "Frames are heard under this DevAddr with its bytes the other way round.",
    whatToDo: ["Activate the device anew with the DevAddr as it was heard."],
  },
};

function nearMiss({ nearMisses, gateways, device, session }: Facts, { kind }: NearMiss): Finding {
  const same = nearMisses.filter(miss => miss.kind === kind);
  const [last] = same;
  const { summary, whatToDo } = nearMissTexts[kind];
  return finding(
    nearMissCodes[kind],
    "error",
    summary,
    [
      evidence("entered", kind === "address-reversed" ? (session?.devAddr ?? "") : device.devEui),
      evidence("heard", last?.heard ?? "", last?.atMs),
      evidence("how often", same.length),
      evidence("heard by", gatewayTexts(last?.gatewayIds ?? [], gateways)),
    ],
    whatToDo,
  );
}

const near = (facts: Facts): readonly GatewayFact[] => facts.gateways.filter(({ isOwn }) => isOwn);

/** From what makes hearing impossible to what is left. */
function unheard(facts: Facts): readonly Finding[] {
  const own = near(facts);
  if (own.length === 0) return [withoutGateway()];
  if (own.every(({ status }) => status !== "online")) return [offline(facts, own)];
  const online = own.filter(({ status }) => status === "online");
  if (online.every(({ uplinkCount }) => uplinkCount === 0)) return [deaf(facts, online)];
  return [
    finding(
      "never_heard",
      "error",
      "Nothing of the device has been heard, though gateways are there and hear others.",
      [
        evidence("gateways online", online.length),
        evidence("looked at", `the last ${timeSince(facts, facts.sinceMs).replace(" ago", "")}`, facts.sinceMs),
      ],
      [
        "See that the device has power and its antenna, and make it join: most do after a restart or a press of a button.",
        `Compare the DevEUI with its label: it was entered as ${facts.device.devEui}.`,
        `See that the device is built and set for ${facts.profile.region}, and the gateways too.`,
        "Bring the device to within 50 m of a gateway, but not closer than 2 m. If it is heard there, it is out of reach where it stood.",
      ],
    ),
  ];
}

const withoutGateway = (): Finding =>
  finding(
    "no_gateway",
    "error",
    "The tenant has no gateway, and no other has heard the device.",
    [],
    ["Register a gateway with its EUI, and point its packet forwarder at this server."],
  );

function offline(facts: Facts, gateways: readonly GatewayFact[]): Finding {
  const what = gateways.length === 1 ? "The gateway is" : "All gateways are";
  return finding(
    "gateway_offline",
    "error",
    facts.uplinks.length > 0 ? `${what} offline through which the device was heard.` : `${what} offline.`,
    gateways
      .slice(0, 10)
      .map(({ gatewayId, status, lastSeenAtMs }) =>
        evidence(
          gatewayText(gatewayId, gateways),
          status === "never-seen"
            ? "never seen"
            : lastSeenAtMs === undefined
              ? status
              : `last seen ${timeSince(facts, lastSeenAtMs)}`,
          lastSeenAtMs,
        ),
      ),
    [
      "See that the gateway has power and a network.",
      "See that its packet forwarder has this server's address, UDP port and the gateway's own EUI, and that no firewall is between them.",
    ],
  );
}

const deaf = (facts: Facts, gateways: readonly GatewayFact[]): Finding =>
  finding(
    "gateway_not_receiving",
    "error",
    "Gateways are online and have not received a single frame of anybody.",
    gateways
      .slice(0, 10)
      .map(({ gatewayId, uplinkCount }) => evidence(gatewayText(gatewayId, gateways), `${uplinkCount} frames`)),
    [
      `See that the gateway's radio is set for ${facts.profile.region} and that its antenna is connected.`,
      "See the packet forwarder's own log: it says whether the concentrator started, and counts frames with a wrong CRC.",
    ],
  );

/** It was heard, and is not heard any more. */
function silent(facts: Facts): readonly Finding[] {
  const own = near(facts).filter(({ hasHeardDevice }) => hasHeardDevice);
  if (own.length > 0 && own.every(({ status }) => status !== "online") && facts.gateways.every(({ isOwn }) => isOwn)) {
    return [offline(facts, own)];
  }
  const signMs = lastSignMs(facts) ?? facts.sinceMs;
  const [last] = facts.uplinks;
  const best = last?.heardBy.toSorted((left, right) => (right.snr ?? 0) - (left.snr ?? 0))[0];
  return [
    finding(
      "silent",
      "error",
      `The device has not been heard for ${timeSince(facts, signMs).replace(" ago", "")}; its profile expects it every ${facts.profile.expectedUplinkIntervalSeconds} seconds.`,
      [
        evidence("last sign of it", timeSince(facts, signMs), signMs),
        ...(best
          ? [
              evidence(
                "then heard by",
                `${gatewayText(best.gatewayId, facts.gateways)}, RSSI ${best.rssi ?? "?"} dBm, SNR ${best.snr ?? "?"} dB`,
              ),
            ]
          : []),
      ],
      [
        "See whether the device has power: batteries fail in the cold first.",
        "See whether something about its place has changed: a metal door, water, another antenna.",
        "If it sends more seldom on purpose, say so in its profile: expectedUplinkIntervalSeconds.",
      ],
    ),
  ];
}
