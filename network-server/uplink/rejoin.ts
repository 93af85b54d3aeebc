import type { RejoinReq } from "../../lorawan/backend/messages.ts";
import { randomDevAddr } from "../../lorawan/dev-addr.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import type { MacState } from "../../lorawan/mac/state.ts";
import type { RejoinRequest1, RejoinRequest02 } from "../../lorawan/phy/frame.ts";
import { verifyRejoinMic } from "../../lorawan/phy/security.ts";
import type { Region } from "../../lorawan/region/region.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import type { RegionConfig } from "../config.ts";
import type { NetworkContext } from "../context.ts";
import { loadDevice, updateDevice } from "../device-documents.ts";
import { dataWindows, joinAcceptWindows, type ReceiveWindow } from "../downlink/windows.ts";
import type { DeviceConfig } from "../ports.ts";
import { networkParameters, ownRx2Hz, profileOfSession, regionConfigFor, regionForProfile } from "../region-config.ts";
import { type DeviceState, regionOfSession, type Session } from "../session.ts";
import type { Collection } from "./dedup.ts";
import type { JoinGuard } from "./join-limit.ts";
import type { Assignment } from "./join-session.ts";
import { acceptSettings, askForSession, copiesDifferMs, freshStart, keepJoined, sendAccept } from "./join-steps.ts";
import { configurationOf } from "./membership.ts";

type RejoinRequest = RejoinRequest1 | RejoinRequest02;

/**
 * Takes Rejoin-Requests to the Join-Accept (TS001-1.1 6.2.4): type 0 begins anew, radio parameters included; type 1 does so
 * for a device whose session may be lost here; type 2 changes keys, address and counters alone. Each is answered.
 */
export function createRejoins(context: NetworkContext, guard: JoinGuard) {
  async function handle(collection: Collection, frame: RejoinRequest): Promise<void> {
    const { gatewayId } = collection.first;
    const joinEui = frame.rejoinType === 1 ? frame.joinEui : undefined;
    if (!guard.admitFrom(gatewayId, joinEui)) return refuse(collection, "gateway_limited");
    if (frame.rejoinType !== 1 && frame.netId !== context.netId) return refuse(collection, "other_network");
    const device = await context.catalog.device(frame.devEui);
    if (!device || device.disabled) return refuse(collection, "unknown_device", device);
    if (!device.profile.supportsOtaa) return refuse(collection, "not_otaa", device);
    if (!(await context.frames.take(collection, copiesDifferMs))) return;
    await context.devices.run(frame.devEui, () => rejoin(collection, frame, device));
  }

  const refuse = (collection: Collection, result: string, device?: DeviceConfig): void => {
    context.metrics.rejoins.inc({ result });
    context.trace.dismissed(collection, { verdict: "refused", reason: result, device });
  };

  async function rejoin(collection: Collection, frame: RejoinRequest, device: DeviceConfig): Promise<void> {
    const checked = frame.rejoinType === 1 ? await unsigned(frame, device) : await signed(collection, frame, device);
    if (typeof checked === "string") return refuse(collection, checked, device);
    const { session } = checked;
    const home = await configurationOf(context, device.profile.region, collection.first.gatewayId);
    const plan = planRejoin(context, device, frame, collection, session, home);
    if (!plan) return refuse(collection, "wrong_channel", device);
    const { request, assignment, windows } = plan;
    const outcome = await askForSession(context, guard, {
      device,
      name: "Rejoin-Request",
      ask: () => context.joinServer.rejoin(request),
      assignment,
    });
    if ("refused" in outcome) return refuse(collection, outcome.refused, device);
    await keepJoined(context, device, outcome.session);
    context.metrics.rejoins.inc({ result: "accepted" });
    await sendAccept(context, device, outcome.phyPayload, windows, collection);
  }

  /** The MIC of type 1 is the Join Server's to check; the session may be lost. */
  async function unsigned(
    frame: RejoinRequest1,
    { devEui, profile }: DeviceConfig,
  ): Promise<{ readonly session?: Session } | string> {
    if (!isVersion11(profile.macVersion)) return "not_version_11";
    if (!guard.admitDevice(frame.devEui)) return "rate_limited";
    const { active, joined } = (await loadDevice(context, devEui)).state;
    const session = active ?? joined;
    return session ? { session } : {};
  }

  /** Types 0 and 2 are signed under the session, and their counter is durable before anything is done (C22, C35). */
  async function signed(
    { first }: Collection,
    frame: RejoinRequest02,
    { devEui }: DeviceConfig,
  ): Promise<{ readonly session: Session } | string> {
    let refusal = "bad_mic";
    const counted = await updateDevice(context, devEui, ({ state }) => {
      const slot = signerOf(state, first.phyPayload);
      const signer = slot && state[slot];
      // A Rejoin-Request under the keys of the last accept is heard before any uplink: the old session is over (C31). An
      // uplink of it that is not completed yet comes first.
      if (!signer || (slot === "joined" && state.open)) return undefined;
      if (frame.rjCount0 <= (signer.rjCount0 ?? -1)) {
        refusal = "replayed";
        return undefined;
      }
      if (!guard.admitDevice(devEui)) {
        refusal = "rate_limited";
        return undefined;
      }
      const active = { ...signer, rjCount0: frame.rjCount0 };
      return { state: slot === "active" ? { ...state, active } : { active } };
    });
    return counted?.state.active ? { session: counted.state.active } : refusal;
  }

  return { handle };
}

function signerOf(state: DeviceState, phyPayload: Uint8Array): "active" | "joined" | undefined {
  return (["active", "joined"] as const).find(slot => {
    const session = state[slot];
    if (!session || !isVersion11(session.macVersion) || session.joinEui === undefined) return false;
    return verifyRejoinMic(parseAesKey(session.sNwkSIntKey), phyPayload);
  });
}

interface RejoinPlan {
  readonly request: RejoinReq;
  readonly assignment: Assignment;
  readonly windows: readonly ReceiveWindow[];
}

/**
 * Undefined when the frame was heard where the device's region has no uplinks.
 * @param home configuration of the gateway that heard it, which counts where the session is lost.
 */
function planRejoin(
  context: NetworkContext,
  device: DeviceConfig,
  frame: RejoinRequest,
  { first }: Collection,
  session: Session | undefined,
  home: string | undefined,
): RejoinPlan | undefined {
  const region = session ? regionOfSession(session) : regionForProfile(device.profile);
  const dataRate = region.dataRateOf(first.modulation, "up");
  if (dataRate === undefined) return undefined;
  const heard = { frequencyHz: first.frequencyHz, dataRate };
  const profile = session
    ? profileOfSession(device.profile, session)
    : { ...device.profile, ...(home !== undefined && { settledConfigId: home }) };
  const config = regionConfigFor(context.regionConfigs(), profile, device);
  const after =
    frame.rejoinType === 2 && session
      ? { settings: acceptSettings(session.mac.current, true), mac: keptState(session.mac) }
      : fromTheStart(config, regionForProfile(profile), session, heard);
  const devAddr = randomDevAddr(context.netId, context.randomBytes);
  const joinEui = frame.rejoinType === 1 ? frame.joinEui : (session?.joinEui ?? device.joinEui);
  return {
    request: {
      ProtocolVersion: "1.1",
      SenderID: context.netId,
      ReceiverID: joinEui,
      TransactionID: Buffer.from(context.randomBytes(4)).readUInt32BE(0),
      MessageType: "RejoinReq",
      MACVersion: "1.1.0",
      PHYPayload: Buffer.from(first.phyPayload).toString("hex"),
      DevEUI: frame.devEui,
      DevAddr: devAddr,
      ...after.settings,
    },
    assignment: {
      joinEui,
      devAddr,
      region: profile.region,
      regionConfigId: config.id,
      ...(session?.joinChannelHz !== undefined && { joinChannelHz: session.joinChannelHz }),
      mac: after.mac,
    },
    windows: windowsOf(region, session, heard),
  };
}

interface Heard {
  readonly frequencyHz: number;
  readonly dataRate: number;
}

function fromTheStart(config: RegionConfig, region: Region, session: Session | undefined, heard: Heard) {
  const channels = session?.mac.current.channels ?? region.defaultChannels;
  const channel = region.channelOf(channels, heard.frequencyHz, heard.dataRate);
  const rx2FrequencyHz = session ? ownRx2Hz(region, session.mac.current.rx2FrequencyHz) : region.rx2.frequencyHz;
  return freshStart(region, networkParameters(config, region, channel), true, heard.dataRate, rx2FrequencyHz);
}

/** Radio parameters stay; what was asked and not answered is asked anew under the new keys. */
function keptState({ forceRejoin: _, stickyAnswers: __, ...mac }: MacState): MacState {
  return { ...mac, pending: [] };
}

/**
 * TS001-1.1 6.2.4.4: with the delay of a Join-Accept, and else in the windows that the device has now: it asks while its
 * session goes on.
 */
function windowsOf(region: Region, session: Session | undefined, heard: Heard): readonly ReceiveWindow[] {
  return session
    ? dataWindows(region, { ...session.mac.current, rx1DelaySeconds: region.joinAcceptDelaySeconds }, heard)
    : joinAcceptWindows(region, windowFrequencies(region, heard.frequencyHz), heard.dataRate);
}

/** Where a device listens whose session is lost here, on a channel of which nothing else is known. */
const windowFrequencies = (region: Region, frequencyHz: number) =>
  region.joinChannels.find(({ uplinkFrequencyHz }) => uplinkFrequencyHz === frequencyHz) ?? {
    downlinkFrequencyHz: region.rx1FrequencyHz(region.defaultChannels, frequencyHz) ?? frequencyHz,
    rx2FrequencyHz: region.rx2.frequencyHz,
  };
