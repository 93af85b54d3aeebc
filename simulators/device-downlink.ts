import type { Region } from "../lorawan/region/region.ts";
import type { AirReception } from "./air.ts";
import type { DeviceEvent, ViolationKind } from "./device-events.ts";
import { openDownlink } from "./device-frames.ts";
import { answerMacCommands, type ForcedRejoin, type MacReport } from "./device-mac.ts";
import type { DeviceSession } from "./device-state.ts";
import type { WindowName } from "./device-windows.ts";
import type { DownlinkFields } from "./frames.ts";
import type { Counter11 } from "./frames11.ts";

export interface DownlinkContext {
  readonly region: Region;
  readonly battery: number;
  readonly adr: boolean;
  readonly followsAdr?: boolean;
  /** The device waits for the ACK of a confirmed uplink. */
  readonly ackExpected: boolean;
  /** Counter of the uplink that an ACK would be for. */
  readonly acknowledgeable: number;
  /** Class B and C. */
  readonly alwaysListens: boolean;
}

export interface DownlinkOutcome {
  readonly session: DeviceSession;
  readonly events: readonly DeviceEvent[];
  /** False for frames of others and those that are dropped. */
  readonly accepted: boolean;
  readonly acknowledged: boolean;
  /** The network waits for an ACK, or has more to send. */
  readonly answerSoon: boolean;
  /** The network orders the device to rejoin. */
  readonly forcedRejoin?: ForcedRejoin;
}

const violation = (kind: ViolationKind, detail: string): DeviceEvent => ({
  kind: "violation",
  violation: kind,
  detail,
});

/** What one heard frame makes of a session: pure. */
export function receiveDownlink(
  reception: AirReception,
  window: WindowName,
  session: DeviceSession,
  context: DownlinkContext,
): DownlinkOutcome {
  const refused = (...events: readonly DeviceEvent[]): DownlinkOutcome => ({
    session,
    events,
    accepted: false,
    acknowledged: false,
    answerSoon: false,
  });
  const opened = openDownlink(session, reception.transmission.phyPayload, context.acknowledgeable);
  switch (opened.kind) {
    case "not-mine":
      return refused();
    case "bad-mic":
      return refused({ kind: "bad-mic", window });
    case "repeated":
      return refused(violation("counter-reused", `FCntDown ${opened.fCnt} (${opened.counter}) again`));
    case "downlink":
      break;
  }
  const { downlink, counter } = opened;
  // C5: such a frame is discarded.
  if (downlink.fPort === 0 && downlink.fOpts.length > 0) {
    return refused(violation("f-opts-with-port-0", `FCntDown ${downlink.fCnt}`));
  }
  return accept(reception, window, session, context, downlink, counter);
}

function accept(
  reception: AirReception,
  window: WindowName,
  session: DeviceSession,
  context: DownlinkContext,
  downlink: DownlinkFields,
  counter: Counter11,
): DownlinkOutcome {
  const commands = downlink.fPort === 0 ? downlink.payload : downlink.fOpts;
  const mac = answerMacCommands(commands, session.parameters, {
    ...context,
    snrDb: reception.snrDb,
    version11: session.version11 !== undefined,
  });
  // C58: only a downlink in a window of class A shows that the answers arrived.
  const kept = session.answers.filter(({ sticky }) => !sticky || !isOfClassA(window));
  const { fOpts: _, ...fields } = downlink;
  const macCommands = Buffer.from(commands).toString("hex");
  const { rssiDbm, snrDb } = reception;
  const forcedRejoin = mac.reports.find(report => report.kind === "force-rejoin");
  return {
    ...(forcedRejoin && { forcedRejoin }),
    session: {
      ...session,
      ...counted(session, downlink, counter, mac.confirmed),
      adrAckCounter: 0,
      ackOwed: session.ackOwed || downlink.confirmed,
      parameters: mac.parameters,
      answers: [...kept, ...mac.answers],
    },
    events: [
      { kind: "downlink", window, ...fields, macCommands, rssiDbm, snrDb },
      ...mac.reports.flatMap(reportEvent),
      ...checks(reception, session, context, downlink),
    ],
    accepted: true,
    acknowledged: downlink.ack && context.ackExpected,
    // TS001-1.0.4 4.3.1.4: FPending asks a device for an uplink that must open windows first; class C listens anyway.
    answerSoon: downlink.confirmed || (downlink.fPending && isOfClassA(window) && !context.alwaysListens),
  };
}

const isOfClassA = (window: WindowName): boolean => window === "RX1" || window === "RX2";

/** The counter that the frame has used, and what it confirms or wants confirmed in LoRaWAN 1.1. */
function counted(
  { version11 }: DeviceSession,
  { fCnt, confirmed }: DownlinkFields,
  counter: Counter11,
  confirmedCids: readonly number[],
): Partial<DeviceSession> {
  const used = counter === "network" ? { lastFCntDown: fCnt } : {};
  if (version11 === undefined) return used;
  const { indications, ...keys } = version11;
  return {
    ...used,
    version11: {
      ...keys,
      ...(counter === "application" && { lastAFCntDown: fCnt }),
      ...(confirmed && { confFCnt: fCnt & 0xffff }),
      indications: indications.filter(bytes => !confirmedCids.includes(Number.parseInt(bytes.slice(0, 2), 16))),
    },
  };
}

function reportEvent(report: MacReport): readonly DeviceEvent[] {
  switch (report.kind) {
    case "link-check":
    case "device-time":
    case "ping-slot-info":
      return [report];
    case "force-rejoin":
      return [];
    case "unknown-command":
      return [violation("unknown-mac-command", `CID ${report.cid}`)];
    case "truncated-command":
      return [violation("truncated-mac-command", `CID ${report.cid}`)];
  }
}

/** Faults that do not make the device drop the frame. */
function checks(
  { transmission }: AirReception,
  { parameters }: DeviceSession,
  { region, ackExpected }: DownlinkContext,
  downlink: DownlinkFields,
): readonly DeviceEvent[] {
  const faults: DeviceEvent[] = [];
  const dataRate = region.dataRateOf(transmission.modulation, "down");
  const limits = { direction: "down", dwellTime: parameters.downlinkDwellTime, repeater: false } as const;
  const most = dataRate === undefined ? 0 : region.maxPayload(dataRate, limits);
  const length = downlink.fOpts.length + downlink.payload.length;
  // C7.
  if (length > most) faults.push(violation("payload-too-long", `${length} bytes, ${most} at this data rate`));
  if (downlink.ack && !ackExpected) faults.push(violation("unexpected-ack", `FCntDown ${downlink.fCnt}`));
  return faults;
}
