import Type, { type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { gpsMsOf } from "../../lorawan/gps-time.ts";
import type { GatewayId } from "../../lorawan/ids.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import type { Peers } from "../../platform/peers/peers.ts";
import type { TransmissionFailure } from "../gateway/types.ts";
import type { GatewayPlaces } from "../gateway-places.ts";
import { fromReceptionRecord, receptionRecord, toReceptionRecord } from "../reception-record.ts";
import type { DownlinkPriority } from "./duty-cycle.ts";
import {
  type Channel,
  type GatewaySender,
  type GpsTimedFrame,
  type LocalSender,
  longestWaitMs,
  type PromptFrame,
  type PromptResult,
  type TimedFrame,
  type TimedResult,
} from "./gateway-sender.ts";
import type { ReceiveWindow } from "./windows.ts";

export interface PeerSenderOptions {
  readonly local: LocalSender;
  readonly places: GatewayPlaces;
  readonly peers: Peers;
  readonly clock: Clock;
}

const topics = { timed: "send-timed", prompt: "send-prompt", gps: "send-at-gps" };

/** A gateway answers within 2 s of the frame's time, and both ways between the servers take time. */
const longestAnswerMs = 3_000;

const base64 = Type.String();
const timedRecord = parserOf(
  Type.Object({
    downlinkId: Type.Integer(),
    phyPayload: base64,
    priority: Type.Unsafe<DownlinkPriority>(Type.String()),
    window: Type.Unsafe<ReceiveWindow>(Type.Object({ delayUs: Type.Number(), frequencyHz: Type.Number() })),
    reception: receptionRecord,
  }),
);
const promptFields = {
  downlinkId: Type.Integer(),
  phyPayload: base64,
  gatewayId: Type.Unsafe<GatewayId>(Type.String()),
  channel: Type.Unsafe<Channel>(Type.Object({ frequencyHz: Type.Number() })),
};
const promptRecord = parserOf(Type.Object(promptFields));
const gpsRecord = parserOf(Type.Object({ ...promptFields, gpsTimeMs: Type.Number() }));
const resultRecord = parserOf(
  Type.Union([
    Type.Object({ kind: Type.Literal("sent"), endsInMs: Type.Optional(Type.Number()) }),
    Type.Object({ kind: Type.Literal("failed"), reason: Type.Unsafe<TransmissionFailure>(Type.String()) }),
    Type.Object({ kind: Type.Literal("busy"), freeInMs: Type.Number() }),
    Type.Object({ kind: Type.Literal("withdrawn") }),
  ]),
);
type Result = ReturnType<typeof resultRecord>;

/**
 * Sends through the gateways of every network server of the installation. The server that a gateway is connected to keeps
 * its timeline and duty cycle, judges by its own clock whether a frame is late, and says what became of it.
 */
export function createPeerSender({
  local,
  places,
  peers,
  clock,
}: PeerSenderOptions): GatewaySender & { close(): void } {
  async function ask(instance: string, topic: string, question: object, timeoutMs: number): Promise<Result> {
    const answer = await peers.ask(instance, topic, JSON.stringify(question), timeoutMs);
    if (answer.kind === "absent") places.gone(instance);
    if (answer.kind === "absent") return { kind: "failed", reason: "GATEWAY_OFFLINE" };
    // It may be on the air.
    if (answer.kind === "silent") return { kind: "failed", reason: "NO_TX_ACK" };
    return resultRecord(answer.message);
  }

  async function sendTimed(instance: string, frame: TimedFrame): Promise<TimedResult> {
    const { reception, phyPayload, window } = frame;
    const question = {
      ...frame,
      phyPayload: Buffer.from(phyPayload).toString("base64"),
      reception: toReceptionRecord(reception, peers.instance),
    };
    const startsInMs = (reception.receivedAtUs + window.delayUs - clock.monotonicUs()) / 1000;
    return timedResult(await ask(instance, topics.timed, question, Math.max(0, startsInMs) + longestAnswerMs));
  }

  async function sendAtGps(instance: string, frame: GpsTimedFrame): Promise<TimedResult> {
    const question = { ...frame, phyPayload: Buffer.from(frame.phyPayload).toString("base64") };
    const startsInMs = frame.gpsTimeMs - gpsMsOf(clock.nowMs());
    return timedResult(await ask(instance, topics.gps, question, Math.max(0, startsInMs) + longestAnswerMs));
  }

  async function sendPrompt(
    instance: string,
    frame: PromptFrame,
    stillDue: () => Promise<boolean>,
  ): Promise<PromptResult> {
    const question = { ...frame, phyPayload: Buffer.from(frame.phyPayload).toString("base64") };
    const givingUpAtUs = clock.monotonicUs() + longestWaitMs * 1000;
    for (;;) {
      const result = await ask(instance, topics.prompt, question, longestAnswerMs);
      if (result.kind === "sent") return { kind: "sent", endsInMs: result.endsInMs ?? 0 };
      if (result.kind !== "busy") return result;
      if (clock.monotonicUs() + result.freeInMs * 1000 > givingUpAtUs) {
        return { kind: "failed", reason: "COLLISION_PACKET" };
      }
      await sleep(clock, result.freeInMs);
      if (!(await stillDue())) return { kind: "withdrawn" };
    }
  }

  const ending = [
    peers.onAsked(topics.timed, async text => {
      const { phyPayload, reception, ...rest } = timedRecord(text);
      const heard = fromReceptionRecord(reception, peers.instance, clock);
      return JSON.stringify(await local.sendTimed({ ...rest, phyPayload: bytesOf(phyPayload), reception: heard }));
    }),
    peers.onAsked(topics.gps, async text => {
      const { phyPayload, ...rest } = gpsRecord(text);
      return JSON.stringify(await local.sendAtGps({ ...rest, phyPayload: bytesOf(phyPayload) }));
    }),
    peers.onAsked(topics.prompt, async text => {
      const { phyPayload, ...rest } = promptRecord(text);
      return JSON.stringify(await local.tryPrompt({ ...rest, phyPayload: bytesOf(phyPayload) }));
    }),
  ];

  return {
    reaches: gatewayId => places.elsewhere(gatewayId) !== undefined || local.reaches(gatewayId),
    reservedUs: gatewayId => (places.elsewhere(gatewayId) === undefined ? local.reservedUs(gatewayId) : 0),
    hasGpsTime: gatewayId => (places.elsewhere(gatewayId) === undefined ? local.hasGpsTime(gatewayId) : undefined),
    leadMs: gatewayId => (places.elsewhere(gatewayId) === undefined ? local.leadMs(gatewayId) : 0),
    sendAtGps(frame) {
      const instance = places.elsewhere(frame.gatewayId);
      return instance === undefined ? local.sendAtGps(frame) : sendAtGps(instance, frame);
    },
    sendTimed(frame) {
      const instance = places.elsewhere(frame.reception.gatewayId);
      return instance === undefined ? local.sendTimed(frame) : sendTimed(instance, frame);
    },
    sendPrompt(frame, stillDue) {
      const instance = places.elsewhere(frame.gatewayId);
      return instance === undefined ? local.sendPrompt(frame, stillDue) : sendPrompt(instance, frame, stillDue);
    },
    close() {
      for (const end of ending) end();
    },
  };
}

const timedResult = (result: Result): TimedResult =>
  result.kind === "sent" || result.kind === "failed" ? result : { kind: "failed", reason: "INTERNAL_ERROR" };

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

/** Throws SyntaxError or TypeError for what a server of the same version does not send. */
function parserOf<Schema extends TSchema>(schema: Schema): (text: string) => Static<Schema> {
  const compiled = Compile(schema);
  return text => {
    const value: unknown = JSON.parse(text);
    if (!compiled.Check(value)) throw new TypeError("another network server sent what this one does not understand");
    return value;
  };
}
