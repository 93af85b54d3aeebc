import type { Evidence, FindingCode } from "../../diagnosis-ports.ts";
import type { DownlinkFact, Facts } from "../facts.ts";
import { type Check, countOf, evidence, finding, gatewayText, mostOften } from "../words.ts";

/** Whether what is to go to the device gets onto the air. */
export const transmissionCheck: Check = {
  name: "transmission",
  found: ({ downlinks }) => {
    const failed = downlinks.filter(({ isSent }) => !isSent).length;
    return downlinks.length === 0 ? "no downlink" : `${countOf(downlinks.length, "downlink")}, ${failed} not sent`;
  },
  findings: facts => {
    const recent = facts.downlinks.slice(0, looksAt);
    const failed = recent.filter(({ isSent }) => !isSent);
    const isTrouble = recent[0]?.isSent === false || failed.length * 4 >= looksAt;
    return failed.length > 0 && isTrouble ? [notSent(facts, recent, failed)] : [];
  },
};

const looksAt = 20;

interface Cause {
  readonly code: FindingCode;
  readonly summary: string;
  readonly whatToDo: readonly string[];
}

const tooLate: Cause = {
  code: "gateway_too_late",
  summary: "Downlinks reach the gateway too late for the device's receive windows.",
  whatToDo: [
    "See how long the way to the gateway is: its round trip is in its status. A mobile network may take a second.",
    "Let receive windows open later: rx1DelaySeconds 5 in the profile or the region's configuration.",
    "See that the gateway's packet forwarder is not busy, and that its clock counts evenly.",
  ],
};
const busy: Cause = {
  code: "gateway_busy",
  summary: "The gateway's transmitter is taken when downlinks for the device are due.",
  whatToDo: [
    "Have devices ask for less: fewer confirmed uplinks, fewer downlinks.",
    "Add a gateway: each can send one frame at a time.",
  ],
};
const causes: Readonly<Record<string, Cause>> = {
  TOO_LATE: tooLate,
  TOO_EARLY: {
    ...busy,
    summary: "The gateway does not take downlinks so long before their time.",
    whatToDo: ["Update the gateway's packet forwarder: it has to take frames some seconds ahead."],
  },
  COLLISION_PACKET: busy,
  COLLISION_BEACON: busy,
  QUEUE_FULL: busy,
  TX_FREQ: {
    code: "gateway_refuses_frequency",
    summary: "The gateway refuses to send on the frequency of the device's receive window.",
    whatToDo: [
      "See the gateway's tx_freq_min and tx_freq_max (Basics Station: its hardware settings): they have to cover RX1 and RX2 of the region.",
      "Compare the region of the gateway with that of the device's profile, and rx2FrequencyHz with what the gateway can send.",
    ],
  },
  TX_POWER: {
    code: "gateway_refuses_power",
    summary: "The gateway refuses to send with the power that is asked for.",
    whatToDo: [
      "See the gateway's tx_gain_lut: it needs an entry for that power.",
      "Enter the gateway's antennaGainDb, by which less power is asked for.",
    ],
  },
  GPS_UNLOCKED: {
    code: "gateway_without_gps",
    summary: "The gateway has no GPS time, which class B needs.",
    whatToDo: ["See that the gateway's GPS antenna sees the sky."],
  },
  DUTY_CYCLE_OVERFLOW: {
    code: "duty_cycle_spent",
    summary: "The gateway has sent as much as the law allows in the sub-band of the device's receive window.",
    whatToDo: [
      "Have devices ask for less: fewer confirmed uplinks, fewer and shorter downlinks, a better data rate.",
      "Add a gateway: each has a share of its own.",
      "Let RX2 be tried first where it has a larger share (EU868: preferredWindow).",
    ],
  },
  GATEWAY_OFFLINE: {
    code: "gateway_unreachable",
    summary: "The gateway that hears the device cannot be reached for downlinks.",
    whatToDo: [
      "See that the gateway sends PULL_DATA: with Semtech's forwarder the port for downlinks (serv_port_down) has to be this server's too.",
      "See that answers get back to the gateway: a firewall or NAT may drop them after a while; let keepalive_interval be 10 s.",
    ],
  },
  NO_TX_ACK: {
    code: "gateway_without_tx_ack",
    summary: "The gateway does not say what became of downlinks; it may not get them.",
    whatToDo: [
      "See that answers get back to the gateway: a firewall or NAT may drop them after a while.",
      "See the packet forwarder's log for PULL_RESP.",
    ],
  },
  INTERNAL_ERROR: {
    code: "gateway_fault",
    summary: "The gateway fails to send downlinks and does not say why.",
    whatToDo: ["See the packet forwarder's log, and restart the gateway."],
  },
};
const unreachable: Cause = causes.GATEWAY_OFFLINE ?? tooLate;

const statusesOf = ({ attempts }: DownlinkFact): readonly string[] =>
  attempts.map(({ status }) => status).filter(status => status !== "OK");

function notSent(facts: Facts, recent: readonly DownlinkFact[], failed: readonly DownlinkFact[]) {
  const status = mostOften(failed.flatMap(statusesOf));
  const { code, summary, whatToDo } = (status === undefined ? undefined : causes[status]) ?? unreachable;
  const [last] = failed;
  const attempts: readonly Evidence[] = (last?.attempts ?? []).map(({ gatewayId, window, status: said }) =>
    evidence(`${gatewayText(gatewayId, facts.gateways)} in ${window}`, said, last?.atMs),
  );
  return finding(
    code,
    "error",
    summary,
    [
      evidence("downlinks not sent", `${failed.length} of the last ${recent.length}`, last?.atMs),
      ...(last?.isJoinAccept ? [evidence("the last of them", "a Join-Accept", last.atMs)] : []),
      ...attempts.slice(0, 6),
      ...(attempts.length === 0 ? [evidence("gateways tried", "none can be reached")] : []),
    ],
    whatToDo,
  );
}
