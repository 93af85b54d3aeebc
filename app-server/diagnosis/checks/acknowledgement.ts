import { isVersion11 } from "../../../lorawan/version.ts";
import type { Facts } from "../facts.ts";
import { type Check, countOf, evidence, finding } from "../words.ts";

/** Whether the device hears what is sent to it. */
export const acknowledgementCheck: Check = {
  name: "acknowledgement",
  found: ({ session, acks }) =>
    `${session ? `class ${session.deviceClass}` : "no session"}; ${countOf(acks.length, "confirmed downlink")}, ${acks.filter(({ isAcknowledged }) => isAcknowledged).length} acknowledged`,
  findings: facts => [...unannounced(facts), ...unanswered(facts)],
};

/** TS001-1.1 5.13: a device of LoRaWAN 1.1 is of class C once it says so. */
function unannounced({ profile, session, uplinks }: Facts) {
  if (!profile.supportsClassC || session === undefined || !isVersion11(profile.macVersion)) return [];
  const [last] = uplinks;
  if (session.deviceClass === "C" || last === undefined) return [];
  return [
    finding(
      "class_c_not_announced",
      "warning",
      "The profile says class C, and the device has not said that it listens all the time: it gets downlinks after its uplinks alone.",
      [
        evidence("it listens as", `class ${session.deviceClass}`),
        evidence("its last uplink", `FCnt ${last.fCnt}`, last.atMs),
      ],
      [
        "Have the device send DeviceModeInd once it has joined: LoRaWAN 1.1 asks for it.",
        "If it is in truth a device of LoRaWAN 1.0.x, choose a profile of that version.",
      ],
    ),
  ];
}

const looksAt = 5;

function unanswered({ acks, session, downlinks }: Facts) {
  const recent = acks.slice(0, looksAt);
  const [last] = recent;
  if (last === undefined || recent.length < 2 || recent.some(({ isAcknowledged }) => isAcknowledged)) return [];
  const sent = downlinks.find(({ isSent }) => isSent)?.attempts.at(-1);
  return [
    finding(
      "downlinks_not_acknowledged",
      "warning",
      "Confirmed downlinks are sent, and the device acknowledges none.",
      [
        evidence("confirmed downlinks without an answer", recent.length, last.atMs),
        ...(session ? [evidence("it listens as", `class ${session.deviceClass}`)] : []),
        ...(sent ? [evidence("the last was sent", `by ${sent.gatewayId}, ${sent.window}`)] : []),
      ],
      [
        ...(session?.deviceClass === "C"
          ? [
              `See that the device really listens all the time, on ${(session.rx2FrequencyHz / 1e6).toFixed(3)} MHz at DR${session.rx2DataRate}: both are of RX2.`,
            ]
          : []),
        "See that the gateway really transmits, and is near enough: a gateway hears farther than it is heard.",
        "See that the device's receive windows are those of its profile: delay, offset, and frequency and data rate of RX2.",
      ],
    ),
  ];
}
