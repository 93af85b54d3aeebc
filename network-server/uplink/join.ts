import type { JoinReq } from "../../lorawan/backend/messages.ts";
import { randomDevAddr } from "../../lorawan/dev-addr.ts";
import type { JoinRequest } from "../../lorawan/phy/frame.ts";
import type { JoinChannel, Region } from "../../lorawan/region/region.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import type { NetworkContext } from "../context.ts";
import { joinAcceptWindows } from "../downlink/windows.ts";
import type { DeviceConfig } from "../ports.ts";
import {
  type NetworkParameters,
  networkParameters,
  profileOfSession,
  type RegionChoice,
  regionConfigFor,
  regionForProfile,
} from "../region-config.ts";
import type { Collection } from "./dedup.ts";
import type { JoinGuard } from "./join-limit.ts";
import { askForSession, copiesDifferMs, explain, freshStart, keepJoined, sendAccept } from "./join-steps.ts";
import { membershipOf } from "./membership.ts";

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
    if (!device || device.disabled) return refuse(collection, "unknown_device", device);
    if (!guard.admitDevice(frame.devEui)) return refuse(collection, "rate_limited", device);
    if (!device.profile.supportsOtaa) {
      await explain(context, device, "The device profile does not allow over-the-air activation");
      return refuse(collection, "not_otaa", device);
    }
    if (!(await context.frames.take(collection, copiesDifferMs))) return;
    const radio = await radioOf(context, device, collection);
    if ("refused" in radio) {
      await explain(context, device, radio.text);
      return refuse(collection, radio.refused, device);
    }
    await context.devices.run(frame.devEui, () => join(collection, frame, device, radio));
  }

  const refuse = (collection: Collection, result: string, device?: DeviceConfig): void => {
    context.metrics.joins.inc({ result });
    context.trace.dismissed(collection, { verdict: "refused", reason: result, device });
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
        ...(radio.region.pingSlot.frequenciesHz.length === 0 && { joinChannelHz: radio.channel.uplinkFrequencyHz }),
        mac: start.mac,
      },
    });
    if ("refused" in outcome) return refuse(collection, outcome.refused, device);
    if (device.profile.flushQueueOnActivate) await context.store.flushQueue(device.devEui);
    await keepJoined(context, device, outcome.session);
    context.metrics.joins.inc({ result: "accepted" });
    const windows = joinAcceptWindows(radio.region, radio.channel, radio.dataRate);
    await sendAccept(context, device, outcome.phyPayload, windows, collection);
  }

  return { handle };
}

interface Misheard {
  readonly refused: string;
  /** For the device's owner. */
  readonly text: string;
}

async function radioOf(
  context: NetworkContext,
  device: DeviceConfig,
  collection: Collection,
): Promise<JoinRadio | Misheard> {
  const { frequencyHz, modulation } = collection.first;
  const { joinChannels, strayJoinChannels } = regionForProfile(device.profile);
  const candidates = [...joinChannels, ...strayJoinChannels];
  const channel = candidates.find(({ uplinkFrequencyHz }) => uplinkFrequencyHz === frequencyHz);
  if (!channel) return wrongChannel(device, frequencyHz);
  const asked = profileOfSession(device.profile, channel);
  const region = regionForProfile(asked);
  const dataRate = region.dataRateOf(modulation, "up");
  if (dataRate === undefined) return wrongChannel(device, frequencyHz);
  const membership = await membershipOf(context, asked, collection);
  if (membership.kind === "elsewhere") return otherConfiguration(asked, membership.regionConfigIds);
  const profile = { ...asked, ...(membership.regionConfigId && { settledConfigId: membership.regionConfigId }) };
  const config = regionConfigFor(context.regionConfigs(), profile, device);
  const number = region.channelOf(region.defaultChannels, frequencyHz, dataRate);
  return {
    region,
    channel,
    dataRate,
    parameters: networkParameters(config, region, number),
    regionConfigId: config.id,
  };
}

const wrongChannel = ({ profile }: DeviceConfig, frequencyHz: number): Misheard => ({
  refused: "wrong_channel",
  text:
    `The Join-Request was heard on ${frequencyHz} Hz, which is no join channel of ${profile.region}; ` +
    "check the region of the device profile",
});

const otherConfiguration = ({ regionConfigId }: RegionChoice, heardBy: readonly string[]): Misheard => ({
  refused: "other_configuration",
  text:
    `The Join-Request was heard by gateways of the region configuration ${heardBy.join(", ")} alone; ` +
    `the device profile asks for ${regionConfigId}`,
});
