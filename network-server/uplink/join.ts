import type { JoinReq } from "../../lorawan/backend/messages.ts";
import { randomDevAddr } from "../../lorawan/dev-addr.ts";
import type { JoinRequest } from "../../lorawan/phy/frame.ts";
import type { JoinChannel, Region } from "../../lorawan/region/region.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import type { NetworkContext } from "../context.ts";
import { joinAcceptWindows } from "../downlink/windows.ts";
import type { Reception } from "../gateway/types.ts";
import type { DeviceConfig } from "../ports.ts";
import {
  type NetworkParameters,
  networkParameters,
  profileOfSession,
  regionConfigFor,
  regionForProfile,
} from "../region-config.ts";
import type { Collection } from "./dedup.ts";
import type { JoinGuard } from "./join-limit.ts";
import { askForSession, explain, freshStart, keepJoined, sendAccept } from "./join-steps.ts";

/** Where a Join-Request was heard, in the terms of the device's region. */
interface JoinRadio {
  readonly region: Region;
  readonly channel: JoinChannel;
  readonly dataRate: number;
  readonly parameters: NetworkParameters;
  readonly regionConfigId: string;
}

/** Takes Join-Requests from their first copy to the Join-Accept in RX1 or RX2 (TS001-1.0.4 6.2). */
export function createJoins(context: NetworkContext, guard: JoinGuard) {
  async function handle(collection: Collection, frame: JoinRequest): Promise<void> {
    if (!guard.admitFrom(collection.first.gatewayId, frame.joinEui)) return refuse(collection, "gateway_limited");
    const device = await context.catalog.device(frame.devEui);
    if (!device || device.disabled) return refuse(collection, "unknown_device");
    if (!guard.admitDevice(frame.devEui)) return refuse(collection, "rate_limited");
    if (!device.profile.supportsOtaa) {
      await explain(context, device, "The device profile does not allow over-the-air activation");
      return refuse(collection, "not_otaa");
    }
    const radio = radioOf(context, device, collection.first);
    if (!radio) {
      await explain(
        context,
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
    const { macVersion } = device.profile;
    const start = freshStart(
      radio.region,
      radio.parameters,
      isVersion11(macVersion),
      radio.dataRate,
      radio.channel.rx2FrequencyHz,
    );
    const devAddr = randomDevAddr(context.netId, context.randomBytes);
    const request: JoinReq = {
      ProtocolVersion: "1.1",
      SenderID: context.netId,
      ReceiverID: frame.joinEui,
      TransactionID: Buffer.from(context.randomBytes(4)).readUInt32BE(0),
      MessageType: "JoinReq",
      MACVersion: macVersion,
      PHYPayload: Buffer.from(collection.first.phyPayload).toString("hex"),
      DevEUI: frame.devEui,
      DevAddr: devAddr,
      ...start.settings,
    };
    const outcome = await askForSession(context, guard, {
      device,
      name: "Join-Request",
      ask: () => context.joinServer.join(request),
      assignment: {
        joinEui: frame.joinEui,
        devAddr,
        region: radio.region.name,
        regionConfigId: radio.regionConfigId,
        mac: start.mac,
      },
    });
    if ("refused" in outcome) return refuse(collection, outcome.refused);
    if (device.profile.flushQueueOnActivate) await context.store.flushQueue(device.devEui);
    await keepJoined(context, device, outcome.session);
    context.metrics.joins.inc({ result: "accepted" });
    const windows = joinAcceptWindows(radio.region, radio.channel, radio.dataRate);
    await sendAccept(context, device, outcome.phyPayload, windows, collection);
  }

  return { handle };
}

function radioOf(context: NetworkContext, device: DeviceConfig, first: Reception): JoinRadio | undefined {
  const { joinChannels, strayJoinChannels } = regionForProfile(device.profile);
  const candidates = [...joinChannels, ...strayJoinChannels];
  const channel = candidates.find(({ uplinkFrequencyHz }) => uplinkFrequencyHz === first.frequencyHz);
  if (!channel) return undefined;
  const profile = profileOfSession(device.profile, channel);
  const region = regionForProfile(profile);
  const dataRate = region.dataRateOf(first.modulation, "up");
  if (dataRate === undefined) return undefined;
  const config = regionConfigFor(context.regionConfigs, profile, device);
  const number = region.channelOf(region.defaultChannels, first.frequencyHz, dataRate);
  return {
    region,
    channel,
    dataRate,
    parameters: networkParameters(config, region, number),
    regionConfigId: config.id,
  };
}
