import type { JoinReq } from "../../lorawan/backend/messages.ts";
import { FrameError, UpchirpError } from "../../lorawan/errors.ts";
import type { DevEui } from "../../lorawan/ids.ts";
import { initialMacState } from "../../lorawan/mac/engine.ts";
import type { MacState } from "../../lorawan/mac/state.ts";
import { decodeFrame } from "../../lorawan/phy/codec.ts";
import type { Region } from "../../lorawan/region/region.ts";
import type { NetworkContext } from "../context.ts";
import { updateDevice } from "../device-documents.ts";
import { answerFacts } from "../downlink/transmit.ts";
import type { ReceiveWindow } from "../downlink/windows.ts";
import { originOf } from "../event-origin.ts";
import { failureContext, joinEvent, logEvent } from "../events.ts";
import type { Reception } from "../gateway/types.ts";
import type { DeviceConfig } from "../ports.ts";
import type { NetworkParameters } from "../region-config.ts";
import type { Session } from "../session.ts";
import { isAnswerable } from "./complete.ts";
import type { Collection } from "./dedup.ts";
import type { JoinGuard } from "./join-limit.ts";
import { type Assignment, type JoinServerAnswer, sessionFromJoin } from "./join-session.ts";

/** What Join-Requests and Rejoin-Requests have in common, step by step. */

/** What the network server asks the device to use, as a Join-Accept says it. */
export type AcceptSettings = Pick<JoinReq, "DLSettings" | "RxDelay" | "CFList">;

export const optNegBit = 0x80;

/** A request is never sent twice with the same nonce, so what comes so much later is a copy or a replay. */
export const copiesDifferMs = 10_000;

/**
 * The settings for a device that begins anew, and the state that they leave it in. The RX2 frequency is not among them: it
 * is the device's own at first.
 */
export function freshStart(
  region: Region,
  parameters: NetworkParameters,
  version11: boolean,
  dataRate: number,
  rx2FrequencyHz: number,
): { readonly settings: AcceptSettings; readonly mac: MacState } {
  const cfList = region.cfList(parameters.channels, new Set(parameters.enabledChannels));
  const fromCfList = cfList && region.applyCfList(cfList);
  const channels = fromCfList?.channels ?? region.defaultChannels;
  const all = channels.flatMap((channel, index) => (channel ? [index] : []));
  const { rx1DelaySeconds, rx1DrOffset, rx2DataRate } = parameters;
  const mac = initialMacState(region, {
    rx1DelaySeconds,
    rx1DrOffset,
    rx2DataRate,
    rx2FrequencyHz,
    channels,
    enabledChannels: fromCfList ? [...fromCfList.enabled].sort((left, right) => left - right) : all,
    dataRate,
  });
  return {
    settings: {
      ...acceptSettings(parameters, version11),
      ...(cfList && { CFList: Buffer.from(cfList).toString("hex") }),
    },
    mac,
  };
}

export const acceptSettings = (
  {
    rx1DelaySeconds,
    rx1DrOffset,
    rx2DataRate,
  }: Pick<NetworkParameters, "rx1DelaySeconds" | "rx1DrOffset" | "rx2DataRate">,
  version11: boolean,
): AcceptSettings => ({
  DLSettings: ((version11 ? optNegBit : 0) | (rx1DrOffset << 4) | rx2DataRate).toString(16).padStart(2, "0"),
  RxDelay: rx1DelaySeconds,
});

/** One question to the Join Server, with what an answer to it will mean. */
export interface Question {
  readonly device: DeviceConfig;
  /** For people: `Join-Request` or `Rejoin-Request`. */
  readonly name: string;
  readonly ask: () => Promise<JoinServerAnswer>;
  readonly assignment: Assignment;
}

export type Accepted = { readonly session: Session; readonly phyPayload: Uint8Array };

/** The Join Server's accept as a session, or the reason for which there is none, which the device's log then says. */
export async function askForSession(
  context: NetworkContext,
  guard: JoinGuard,
  { device, name, ask, assignment }: Question,
): Promise<Accepted | { readonly refused: string }> {
  const answer = await guard.ask(() => answered(context, device.devEui, ask));
  if (!answer) return { refused: "join_server_busy" };
  const { ResultCode, Description } = answer.Result;
  if (ResultCode !== "Success") {
    const text = `The Join Server refused the ${name}: ${Description ?? ResultCode}`;
    await explain(context, device, text, ResultCode);
    return { refused: ResultCode };
  }
  const phyPayload = joinAcceptOf(answer);
  if (!phyPayload) {
    await explain(context, device, "The Join Server sent no Join-Accept");
    return { refused: "no_join_accept" };
  }
  const session = sessionFromJoin(context.vault, device, assignment, answer);
  if (!session) {
    await explain(
      context,
      device,
      "The Join Server sent session keys under a key-encryption key that this server lacks",
    );
    return { refused: "no_session_keys" };
  }
  guard.learn(assignment.joinEui);
  return { session, phyPayload };
}

async function answered(
  context: NetworkContext,
  devEui: DevEui,
  ask: () => Promise<JoinServerAnswer>,
): Promise<JoinServerAnswer> {
  try {
    return await ask();
  } catch (error) {
    context.log.warn({ err: error, devEui }, "the Join Server did not answer");
    const Description = error instanceof UpchirpError ? error.message : "the Join Server did not answer";
    return { Result: { ResultCode: "Other", Description } };
  }
}

function joinAcceptOf({ PHYPayload }: JoinServerAnswer): Uint8Array | undefined {
  if (PHYPayload === undefined) return undefined;
  const phyPayload = Uint8Array.from(Buffer.from(PHYPayload.replace(/^0x/i, ""), "hex"));
  const frame = decodeFrame(phyPayload);
  return !(frame instanceof FrameError) && frame.kind === "join-accept" ? phyPayload : undefined;
}

/** Tells the device's owner why it does not get in. */
export async function explain(
  context: NetworkContext,
  device: DeviceConfig,
  text: string,
  resultCode?: string,
): Promise<void> {
  const event = logEvent(originOf(context, device), "ERROR", "OTAA", text, {
    ...(resultCode && { result_code: resultCode }),
  });
  await updateDevice(context, device.devEui, loaded => ({ state: loaded.state, events: [event] }));
}

/** The new keys beside the old session, which lives until the first uplink under them (C31). */
export async function keepJoined(context: NetworkContext, device: DeviceConfig, session: Session): Promise<void> {
  const event = joinEvent(originOf(context, device, session), session);
  await updateDevice(context, device.devEui, ({ state }) => ({
    state: { ...state, ...(state.active && { active: withoutOrder(state.active) }), joined: session },
    events: [event],
  }));
}

/** The device has obeyed: it is not to be ordered again should this accept get lost, since it repeats by itself. */
function withoutOrder(session: Session): Session {
  const { forceRejoin: _, ...mac } = session.mac;
  return { ...session, mac };
}

/** Hands the Join-Accept to the gateways, once every copy of the request is known. */
export async function sendAccept(
  context: NetworkContext,
  device: DeviceConfig,
  phyPayload: Uint8Array,
  windows: readonly ReceiveWindow[],
  collection: Collection,
): Promise<void> {
  const receptions = await collection.collected;
  context.trace.uplink(receptions, { verdict: "accepted", device });
  if (!isAnswerable(receptions)) return;
  context.background(() => transmit(context, device, phyPayload, windows, receptions));
}

async function transmit(
  context: NetworkContext,
  device: DeviceConfig,
  phyPayload: Uint8Array,
  windows: readonly ReceiveWindow[],
  receptions: readonly Reception[],
): Promise<void> {
  const downlinkId = Buffer.from(context.randomBytes(4)).readUInt32BE(0);
  const outcome = await context.transmitter.answer({ downlinkId, phyPayload, windows, receptions });
  context.metrics.downlinks.inc({ result: outcome.kind });
  context.trace.downlink({ device, downlinkId, phyPayload, ...answerFacts(outcome) });
  if (outcome.kind === "sent") return;
  const reasons = outcome.attempts.map(attempt => `${attempt.gatewayId} in ${attempt.window}: ${attempt.reason}`);
  const event = logEvent(
    originOf(context, device),
    "ERROR",
    "DOWNLINK_GATEWAY",
    `No gateway took the Join-Accept (${reasons.join("; ") || "none that heard the device can be reached"})`,
    failureContext(downlinkId, outcome.attempts),
  );
  await context.devices.run(device.devEui, async () => {
    await updateDevice(context, device.devEui, loaded => ({ state: loaded.state, events: [event] }));
  });
}
