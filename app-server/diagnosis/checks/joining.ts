import type { FindingCode } from "../../diagnosis-ports.ts";
import { type DownlinkFact, type Facts, isInTouch, type JoinAttempt, lastUplinkMs } from "../facts.ts";
import {
  type Check,
  countOf,
  evidence,
  finding,
  gatewayText,
  gatewayTexts,
  megahertz,
  mostOften,
  timeSince,
} from "../words.ts";

/** Whether the device gets in, and what of its joins comes after the last uplink that was delivered. */
export const joiningCheck: Check = {
  name: "joining",
  found: facts => {
    const { joins } = facts;
    if (joins.length === 0) return "no Join-Request heard";
    const accepted = joins.filter(isAccepted).length;
    return `${countOf(joins.length, "Join-Request")}, ${accepted} answered; the last ${timeSince(facts, joins[0]?.atMs ?? 0)}`;
  },
  findings: facts => {
    const open = unsettled(facts);
    const [last] = open;
    if (last === undefined) return [];
    return isAccepted(last) ? unheardAccept(facts, open) : refused(facts, open);
  },
};

const isAccepted = ({ refusal }: JoinAttempt): boolean => refusal === undefined;

/** Since the device was heard in a session. A single request beside a session that works may be anybody's recording. */
function unsettled(facts: Facts): readonly JoinAttempt[] {
  const uplinkMs = lastUplinkMs(facts) ?? Number.NEGATIVE_INFINITY;
  const open = facts.joins.filter(({ atMs }) => atMs > uplinkMs);
  return isInTouch(facts) && open.length < 2 ? [] : open;
}

interface Refusal {
  readonly code: FindingCode;
  readonly summary: string;
  readonly whatToDo: readonly string[];
}

const wrongKey: Refusal = {
  code: "wrong_root_key",
  summary: "The device's Join-Requests are signed with another root key than is stored here.",
  whatToDo: [
    "Enter the AppKey of the device's label anew (LoRaWAN 1.1: the NwkKey, which signs the request). Mind the order of its bytes and mistyped digits.",
    "If the device was provisioned again elsewhere, it has the key of there.",
  ],
};
const replayed: Refusal = {
  code: "dev_nonce_reused",
  summary: "The device uses DevNonces again that it has used before: it has forgotten how far it had counted.",
  whatToDo: [
    "Have the device keep its DevNonce over a restart: LoRaWAN 1.0.4 asks for it. Many stacks forget it with their flash.",
    "Let it start again once: forget the used DevNonces of the device here (DELETE /api/devices/{devEui}/nonces).",
    "If the device has counted past what it used before, it gets in by itself.",
  ],
};
const withoutKeys: Refusal = {
  code: "no_root_keys",
  summary: "The device asks to join, and the Join Server has no root keys of it.",
  whatToDo: ["Enter the AppKey of its label (LoRaWAN 1.1: NwkKey and AppKey)."],
};
const wrongRegion: Refusal = {
  code: "wrong_region",
  summary: "The device asks to join on a frequency that is no join channel of its profile's region.",
  whatToDo: [
    "Compare the region of the device, as it was bought or configured, with that of its profile.",
    "If the region is right, the device's firmware sends on channels that its region does not have.",
  ],
};
const refusals: Readonly<Record<string, Refusal>> = {
  MICFailed: wrongKey,
  FrameReplayed: replayed,
  UnknownDevEUI: withoutKeys,
  UnknownDevEui: withoutKeys,
  wrong_channel: wrongRegion,
  other_configuration: {
    code: "wrong_region_configuration",
    summary: "The device is heard only by gateways of another region configuration than its profile asks for.",
    whatToDo: [
      "Let the profile ask for the configuration of the gateways, or for none.",
      "Or say at the gateway which configuration it is set up for.",
    ],
  },
  not_otaa: {
    code: "otaa_not_allowed",
    summary: "The device asks to join, and its profile says that it is personalised (ABP).",
    whatToDo: ["Choose a profile that allows over-the-air activation, and enter the device's root keys."],
  },
  ActivationDisallowed: {
    code: "otaa_not_allowed",
    summary: "The Join Server knows the device and does not let it join.",
    whatToDo: ["Enable the device and choose a profile that allows over-the-air activation."],
  },
  Other: {
    code: "join_server_unavailable",
    summary: "The Join Server did not answer.",
    whatToDo: [
      "See that the Join Server runs and that networkServer.joinServer has its address, token and certificates.",
      "The device tries again by itself.",
    ],
  },
  join_server_busy: {
    code: "join_server_unavailable",
    summary: "The Join Server had too many questions to answer when the device asked.",
    whatToDo: ["Wait: devices try again by themselves. If it lasts, see how busy the Join Server is."],
  },
  rate_limited: {
    code: "joins_too_often",
    summary: "The device asks to join more often than once a second.",
    whatToDo: ["See its firmware: a device has to wait between Join-Requests (TS001-1.0.4 7)."],
  },
  gateway_limited: {
    code: "joins_too_often",
    summary: "So many Join-Requests come through the gateway that this one was left out.",
    whatToDo: ["Wait until other devices have joined, or find the one that asks without end in the gateway's frames."],
  },
};

const refused = (facts: Facts, open: readonly JoinAttempt[]) => {
  const rejected = open.filter(attempt => !isAccepted(attempt));
  const reason = mostOften(rejected.slice(0, 5).map(({ refusal }) => refusal)) ?? "";
  if (reason === "unknown_device" && facts.device.isDisabled) return [];
  const same = rejected.filter(({ refusal }) => refusal === reason);
  const [last] = same;
  const { code, summary, whatToDo } = refusals[reason] ?? {
    code: "join_refused" as const,
    summary: `The device's Join-Requests are refused: ${last?.text ?? reason}.`,
    whatToDo: ["See the description of the device's OTAA events, and docs/errors.md for the code."],
  };
  return [
    finding(
      code,
      "error",
      summary,
      [
        evidence("Join-Requests refused so", same.length),
        evidence("the last one", last?.text ?? reason, last?.atMs),
        ...(last?.frequencyHz === undefined ? [] : [evidence("heard on", megahertz(last.frequencyHz))]),
        ...(last?.devNonce === undefined ? [] : [evidence("DevNonce", last.devNonce)]),
        ...(last?.joinEui === undefined ? [] : [evidence("JoinEUI", last.joinEui)]),
        evidence("heard by", gatewayTexts(last?.gatewayIds ?? [], facts.gateways)),
      ],
      whatToDo,
    ),
  ];
};

/** A device sends soon after it has joined: one accept may still be young, a second request says that it was not heard. */
function unheardAccept(facts: Facts, open: readonly JoinAttempt[]) {
  const accepted = open.filter(isAccepted);
  const [last] = accepted;
  if (last === undefined) return [];
  const isYoung = facts.nowMs - last.atMs <= 2000 * facts.profile.expectedUplinkIntervalSeconds;
  if (accepted.length < 2 && isYoung) return [];
  // What could not be sent is told by the check of downlinks, and a sub-band that nobody hears by that of channels.
  const accept = facts.downlinks.find(({ isJoinAccept }) => isJoinAccept);
  if (accept?.isSent === false) return [];
  return [
    finding(
      "join_accept_not_heard",
      "error",
      accepted.length < 2
        ? "The device was let in, and has sent nothing since."
        : "The device is let in again and again: it does not hear the Join-Accept.",
      [
        evidence("Join-Accepts without an uplink after them", accepted.length, last.atMs),
        ...(accept ? acceptEvidence(facts, accept) : []),
        evidence("request heard by", gatewayTexts(last.gatewayIds, facts.gateways)),
      ],
      [
        "See whether the gateway really transmits: its antenna, its transmit power, and whether other devices get downlinks through it.",
        "Compare region and window: the Join-Accept comes 5 s after the request in RX1 on the same channel (other in fixed plans), or 6 s after it in RX2.",
        "See that the device's clock is good enough to open its window in time: let its firmware open windows earlier.",
        "See that the device uses the sync word of public networks (0x34), and listens with inverted polarity.",
      ],
    ),
  ];
}

function acceptEvidence({ gateways }: Facts, { attempts, frequencyHz, modulation, delayMs, atMs }: DownlinkFact) {
  const last = attempts.at(-1);
  return [
    evidence(
      "last Join-Accept",
      [
        last && `by ${gatewayText(last.gatewayId, gateways)} in ${last.window}`,
        frequencyHz !== undefined && `on ${megahertz(frequencyHz)}`,
        modulation,
        delayMs !== undefined && `${delayMs / 1000} s after the request`,
      ]
        .filter(Boolean)
        .join(", "),
      atMs,
    ),
  ];
}
