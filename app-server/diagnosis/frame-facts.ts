import { FrameError } from "../../lorawan/errors.ts";
import type { GatewayId } from "../../lorawan/ids.ts";
import { decodeFrame } from "../../lorawan/phy/codec.ts";
import type { DownlinkFrameRecord, FrameRecord, UplinkFrameRecord } from "../../platform/frames/frame-record.ts";
import type { TxInfo } from "../../platform/state/network-event.ts";
import type { JoinEventFact } from "./event-facts.ts";
import type { AttemptFact, DownlinkFact, JoinAttempt, LogFact, StrayFrame } from "./facts.ts";
import type { NearMiss, NearMissKind } from "./near-misses.ts";

const gatewayIdsOf = ({ rxInfo }: UplinkFrameRecord): readonly GatewayId[] => [
  ...new Set(rxInfo.map(({ gatewayId }) => gatewayId)),
];

/** The Join-Requests among the frames of a device. */
function requestsOf(frames: readonly FrameRecord[], logs: readonly LogFact[]): readonly JoinAttempt[] {
  return frames.flatMap((record): readonly JoinAttempt[] => {
    const request = record.direction === "up" ? decodeFrame(record.phyPayload) : undefined;
    if (record.direction === "down" || !request || request instanceof FrameError) return [];
    if (request.kind !== "join-request") return [];
    const { atMs, verdict, reason } = record;
    const refusal = verdict === "accepted" ? undefined : (reason ?? verdict);
    const text = refusal === undefined ? undefined : tellingLog(logs, atMs)?.description;
    return [
      {
        atMs,
        ...(refusal !== undefined && { refusal }),
        ...(text !== undefined && { text }),
        frequencyHz: record.txInfo.frequency,
        devNonce: request.devNonce,
        joinEui: request.joinEui,
        gatewayIds: gatewayIdsOf(record),
      },
    ];
  });
}

/** A Join Server may take some seconds for its answer. */
const answerMs = 10_000;

const tellingLog = (logs: readonly LogFact[], atMs: number): LogFact | undefined =>
  logs.findLast(log => log.code === "OTAA" && log.atMs >= atMs && log.atMs - atMs < answerMs);

/** Of frames where they are kept, and else of events, newest first. */
export function joinAttempts(
  frames: readonly FrameRecord[],
  joins: readonly JoinEventFact[],
  logs: readonly LogFact[],
): readonly JoinAttempt[] {
  const heard = requestsOf(frames, logs);
  if (heard.length > 0) return heard;
  const accepted = joins.map(({ atMs }): JoinAttempt => ({ atMs, gatewayIds: [] }));
  const refused = logs
    .filter(({ code }) => code === "OTAA")
    .map(
      ({ atMs, description, context }): JoinAttempt => ({
        atMs,
        refusal: context.result_code ?? "refused",
        text: description,
        gatewayIds: [],
      }),
    );
  return [...accepted, ...refused].toSorted((left, right) => right.atMs - left.atMs);
}

const joinAcceptType = 1;

function downlinkOf({ atMs, phyPayload, outcome, attempts, txInfo, delayUs }: DownlinkFrameRecord): DownlinkFact {
  const modulation = txInfo && modulationText(txInfo);
  return {
    atMs,
    isJoinAccept: (phyPayload[0] ?? 0) >> 5 === joinAcceptType,
    isSent: outcome === "sent",
    attempts,
    ...(txInfo && { frequencyHz: txInfo.frequency }),
    ...(modulation !== undefined && { modulation }),
    ...(delayUs !== undefined && { delayMs: delayUs / 1000 }),
  };
}

function modulationText({ modulation }: TxInfo): string {
  if ("lora" in modulation) return `SF${modulation.lora.spreadingFactor} at ${modulation.lora.bandwidth / 1000} kHz`;
  return "fsk" in modulation ? "FSK" : "LR-FHSS";
}

/** As DOWNLINK_GATEWAY lists them: `aa...01 in RX1: TOO_LATE; ...`, for a ping slot with its time, for class C without a window. */
const attemptsIn = (description: string): readonly AttemptFact[] =>
  [...description.matchAll(/([0-9a-f]{16})(?: (?:in|at) ([^:;()]+))?: ([A-Z_]+)/g)].map(
    ([, gatewayId = "", window = "immediately", status = ""]) => ({ gatewayId, window, status }),
  );

/** Of frames where they are kept; else those that failed, of events. */
export function downlinkFacts(frames: readonly FrameRecord[], logs: readonly LogFact[]): readonly DownlinkFact[] {
  const sent = frames.flatMap(frame => (frame.direction === "down" && frame.outcome !== "withdrawn" ? [frame] : []));
  if (sent.length > 0) return sent.map(downlinkOf);
  return logs
    .filter(({ code }) => code === "DOWNLINK_GATEWAY")
    .map(({ atMs, description }) => ({
      atMs,
      isJoinAccept: description.includes("Join-Accept"),
      isSent: false,
      attempts: attemptsIn(description),
    }));
}

export const strayFrames = (frames: readonly FrameRecord[]): readonly StrayFrame[] =>
  frames.flatMap(frame =>
    frame.direction === "up" && frame.devAddr !== undefined && frame.subject === undefined
      ? [{ atMs: frame.atMs, devAddr: frame.devAddr, gatewayIds: gatewayIdsOf(frame) }]
      : [],
  );

/** Join-Requests of nobody, as what they nearly are. */
export const nearMissesOf = (
  frames: readonly FrameRecord[],
  kinds: ReadonlyMap<string, NearMissKind>,
  joinEuiIfSwapped: string,
): readonly NearMiss[] =>
  frames.flatMap((frame): readonly NearMiss[] => {
    const request = decodeFrame(frame.phyPayload);
    if (frame.direction === "down" || request instanceof FrameError || request.kind !== "join-request") return [];
    const { devEui, joinEui } = request;
    const kind = kinds.get(devEui);
    // Another device may well have the DevEUI that was typed in as this one's JoinEUI.
    if (kind === undefined || (kind === "swapped" && joinEui !== joinEuiIfSwapped)) return [];
    return [{ kind, atMs: frame.atMs, heard: devEui, gatewayIds: gatewayIdsOf(frame) }];
  });
