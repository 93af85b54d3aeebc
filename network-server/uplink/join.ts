import type { JoinAns, JoinReq } from "../../lorawan/backend/messages.ts";
import { randomDevAddr } from "../../lorawan/dev-addr.ts";
import { UpchirpError } from "../../lorawan/errors.ts";
import type { DevAddr } from "../../lorawan/ids.ts";
import { initialMacState } from "../../lorawan/mac/engine.ts";
import type { JoinRequest } from "../../lorawan/phy/frame.ts";
import type { Region } from "../../lorawan/region/region.ts";
import type { NetworkContext } from "../context.ts";
import { updateDevice } from "../device-documents.ts";
import { joinAcceptWindows } from "../downlink/windows.ts";
import { type EventOrigin, joinEvent, logEvent } from "../events.ts";
import type { Reception } from "../gateway/types.ts";
import type { DeviceConfig } from "../ports.ts";
import { type NetworkParameters, networkParameters, regionConfigFor, regionForProfile } from "../region-config.ts";
import type { Session } from "../session.ts";
import { isAnswerable } from "./complete.ts";
import type { Collection } from "./dedup.ts";
import { createJoinLimit } from "./join-limit.ts";
import { sessionFromJoin } from "./join-session.ts";

/** Where a Join-Request was heard, in the terms of the device's region. */
interface JoinRadio {
  readonly region: Region;
  readonly dataRate: number;
  readonly frequencyHz: number;
  readonly parameters: NetworkParameters;
  readonly regionConfigId: string;
}

/** Takes Join-Requests from their first copy to the Join-Accept in RX1 or RX2 (TS001-1.0.4 6.2). */
export function createJoins(context: NetworkContext) {
  const limit = createJoinLimit(context.clock);

  async function handle(collection: Collection, frame: JoinRequest): Promise<void> {
    const device = await context.catalog.device(frame.devEui);
    if (!device || device.disabled) return refuse(collection, "unknown_device");
    if (!limit.admit(frame.devEui)) return refuse(collection, "rate_limited");
    if (!device.profile.supportsOtaa) {
      await explain(device, "The device profile does not allow over-the-air activation");
      return refuse(collection, "not_otaa");
    }
    const radio = radioOf(context, device, collection.first);
    if (!radio) {
      await explain(
        device,
        `The Join-Request was heard on ${collection.first.frequencyHz} Hz, which is no join channel of ` +
          `${device.profile.region}; check the region of the device profile`,
      );
      return refuse(collection, "wrong_channel");
    }
    await context.devices.run(frame.devEui, () => join(collection, frame, device, radio));
  }

  const refuse = (collection: Collection, result: string): void => {
    context.metrics.joins.inc({ result });
    collection.close();
  };

  async function join(
    collection: Collection,
    frame: JoinRequest,
    device: DeviceConfig,
    radio: JoinRadio,
  ): Promise<void> {
    const devAddr = randomDevAddr(context.netId, context.randomBytes);
    const request = joinReqOf(context, device, frame, collection.first, radio, devAddr);
    const answer = await askJoinServer(context, request);
    if (answer.Result.ResultCode !== "Success" || answer.PHYPayload === undefined) {
      await explain(device, refusalText(answer), answer.Result.ResultCode);
      return refuse(collection, answer.Result.ResultCode);
    }
    const session = sessionFromJoin(context.vault, device, radio, devAddr, answer, macStateOf(radio, request));
    if (!session) {
      await explain(device, "The Join Server sent session keys under a key-encryption key that this server lacks");
      return refuse(collection, "no_session_keys");
    }
    await keep(context, device, session);
    context.metrics.joins.inc({ result: "accepted" });
    sendAccept(context, device, Buffer.from(answer.PHYPayload, "hex"), radio, await collection.collected);
  }

  async function explain(device: DeviceConfig, text: string, resultCode?: string): Promise<void> {
    const event = logEvent(originOf(context, device), "ERROR", "OTAA", text, {
      ...(resultCode && { result_code: resultCode }),
    });
    await updateDevice(context.store, device.devEui, loaded => ({ state: loaded.state, events: [event] }));
  }

  return { handle };
}

const originOf = (context: NetworkContext, device: DeviceConfig): EventOrigin => ({
  device,
  atMs: context.clock.nowMs(),
  deduplicationId: context.newUuid(),
});

function radioOf(context: NetworkContext, device: DeviceConfig, first: Reception): JoinRadio | undefined {
  const region = regionForProfile(device.profile);
  const dataRate = region.dataRateOf(first.modulation, "up");
  if (dataRate === undefined) return undefined;
  const channel = region.channelOf(region.defaultChannels, first.frequencyHz, dataRate);
  if (channel === undefined) return undefined;
  const config = regionConfigFor(context.regionConfigs, device.profile);
  return {
    region,
    dataRate,
    frequencyHz: first.frequencyHz,
    parameters: networkParameters(config, region, channel),
    regionConfigId: config.id,
  };
}

function joinReqOf(
  context: NetworkContext,
  device: DeviceConfig,
  frame: JoinRequest,
  first: Reception,
  radio: JoinRadio,
  devAddr: DevAddr,
): JoinReq {
  const { parameters, region } = radio;
  const cfList = region.cfList(parameters.channels, new Set(parameters.enabledChannels));
  const optNeg = device.profile.macVersion === "1.1.0" ? 0x80 : 0;
  const dlSettings = optNeg | (parameters.rx1DrOffset << 4) | parameters.rx2DataRate;
  return {
    ProtocolVersion: "1.0",
    SenderID: context.netId,
    ReceiverID: frame.joinEui,
    TransactionID: Buffer.from(context.randomBytes(4)).readUInt32BE(0),
    MessageType: "JoinReq",
    MACVersion: device.profile.macVersion,
    PHYPayload: Buffer.from(first.phyPayload).toString("hex"),
    DevEUI: frame.devEui,
    DevAddr: devAddr,
    DLSettings: dlSettings.toString(16).padStart(2, "0"),
    RxDelay: parameters.rx1DelaySeconds,
    ...(cfList && { CFList: Buffer.from(cfList).toString("hex") }),
  };
}

/** What the device uses once it has read the Join-Accept (C30). The RX2 frequency is not in it. */
function macStateOf(radio: JoinRadio, request: JoinReq) {
  const { region, parameters } = radio;
  const fromCfList = request.CFList === undefined ? undefined : region.applyCfList(Buffer.from(request.CFList, "hex"));
  const channels = fromCfList?.channels ?? region.defaultChannels;
  const all = channels.flatMap((channel, index) => (channel ? [index] : []));
  return initialMacState(region, {
    rx1DelaySeconds: parameters.rx1DelaySeconds,
    rx1DrOffset: parameters.rx1DrOffset,
    rx2DataRate: parameters.rx2DataRate,
    rx2FrequencyHz: region.rx2.frequencyHz,
    channels,
    enabledChannels: fromCfList ? [...fromCfList.enabled].sort((left, right) => left - right) : all,
    dataRate: radio.dataRate,
  });
}

async function askJoinServer(context: NetworkContext, request: JoinReq): Promise<JoinAns> {
  try {
    return await context.joinServer.join(request);
  } catch (error) {
    context.log.warn({ err: error, devEui: request.DevEUI }, "the Join Server did not answer");
    const Description = error instanceof UpchirpError ? error.message : "the Join Server did not answer";
    return { ...request, MessageType: "JoinAns", Result: { ResultCode: "Other", Description } };
  }
}

function refusalText(answer: JoinAns): string {
  const { ResultCode, Description } = answer.Result;
  return `The Join Server refused the Join-Request: ${Description ?? ResultCode}`;
}

/** The new keys beside the old session, which lives until the first uplink under them (C31). */
async function keep(context: NetworkContext, device: DeviceConfig, session: Session): Promise<void> {
  const event = joinEvent(originOf(context, device), session);
  if (device.profile.flushQueueOnActivate) await context.store.flushQueue(device.devEui);
  await updateDevice(context.store, device.devEui, loaded => ({
    state: { ...loaded.state, joined: session },
    events: [event],
  }));
}

function sendAccept(
  context: NetworkContext,
  device: DeviceConfig,
  phyPayload: Uint8Array,
  radio: JoinRadio,
  receptions: readonly Reception[],
): void {
  if (!isAnswerable(receptions)) return;
  const downlinkId = Buffer.from(context.randomBytes(4)).readUInt32BE(0);
  const windows = joinAcceptWindows(radio.region, radio);
  context.background(async () => {
    const outcome = await context.transmitter.answer({ downlinkId, phyPayload, windows, receptions });
    context.metrics.downlinks.inc({ result: outcome.kind });
    if (outcome.kind === "sent") return;
    const reasons = outcome.attempts.map(attempt => `${attempt.gatewayId} in ${attempt.window}: ${attempt.reason}`);
    const event = logEvent(
      originOf(context, device),
      "ERROR",
      "DOWNLINK_GATEWAY",
      `No gateway took the Join-Accept (${reasons.join("; ") || "none that heard the device can be reached"})`,
      { downlink_id: String(downlinkId) },
    );
    await context.devices.run(device.devEui, async () => {
      await updateDevice(context.store, device.devEui, loaded => ({ state: loaded.state, events: [event] }));
    });
  });
}
