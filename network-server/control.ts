import { UpchirpError } from "../lorawan/errors.ts";
import type { Explanation } from "../lorawan/explain/explanation.ts";
import type { DevAddr, DevEui, GatewayId } from "../lorawan/ids.ts";
import type { AesKey } from "../lorawan/keys.ts";
import type { Region } from "../lorawan/region/region.ts";
import { isVersion11 } from "../lorawan/version.ts";
import type { AppSKeyKnowledge, DeviceClass, KeyEnvelope } from "../platform/state/network-event.ts";
import type { NetworkContext } from "./context.ts";
import { loadDevice, updateDevice } from "./device-documents.ts";
import { maxPingPayload } from "./downlink/class-b.ts";
import { classCWindow } from "./downlink/class-c.ts";
import { deviceClassOf } from "./downlink/device-class.ts";
import { type ForceRejoinRequest, forceRejoin } from "./force-rejoin.ts";
import { explainFrame, type FrameQuestion } from "./frame-explanation.ts";
import { freeDevAddr } from "./free-dev-addr.ts";
import type { GatewayStatus } from "./gateway/types.ts";
import { mostPayload } from "./payload-bounds.ts";
import type { DeviceConfig, DeviceProfileConfig } from "./ports.ts";
import {
  isDownlinkRate,
  personalisedMacState,
  profileOfSession,
  regionConfigFor,
  regionForProfile,
} from "./region-config.ts";
import { nextFCntDown, regionOfSession, type Session } from "./session.ts";

/** What people order of the network server and ask it. */
export interface NetworkServerControl {
  /** Throws DeviceNotFound, InvalidActivation. */
  activate(devEui: DevEui, activation: Activation): Promise<void>;
  /** As `activate`, but a session with this address and these keys goes on, with the counters that it has by now. */
  ensureActive(devEui: DevEui, activation: Activation): Promise<void>;
  /** True if there was a session. */
  deactivate(devEui: DevEui): Promise<boolean>;
  /** Throws RejoinImpossible. */
  forceRejoin(devEui: DevEui, request: ForceRejoinRequest): Promise<void>;
  session(devEui: DevEui): Promise<SessionView | undefined>;
  downlinkSession(devEui: DevEui): Promise<DownlinkSession | undefined>;
  /** Most application bytes that a downlink can ever have; undefined for a device that nobody has. */
  mostPayload(devEui: DevEui): Promise<number | undefined>;
  /** Of the network's NetID; no session has it, as far as there is such a one. */
  freeDevAddr(): Promise<DevAddr>;
  explainFrame(
    question: FrameQuestion,
    openAppSKey: (envelope: KeyEnvelope) => AesKey | undefined,
  ): Promise<Explanation | undefined>;
  gateways(): Promise<readonly GatewayStatus[]>;
  gateway(gatewayId: GatewayId): Promise<GatewayStatus | undefined>;
  releaseGatewayAddress(gatewayId: GatewayId): Promise<void>;
}

/** A session without its keys. */
export interface SessionView {
  readonly session: Omit<Session, "fNwkSIntKey" | "sNwkSIntKey" | "nwkSEncKey" | "appSKey">;
  readonly deviceClass: DeviceClass;
  readonly maxPayload: number;
}

/** What it takes to encrypt a payload for the next downlinks of a device. */
export interface DownlinkSession extends AppSKeyKnowledge {
  readonly devAddr: DevAddr;
  /** The next counter of a frame with application payload. */
  readonly fCntDown: number;
}

/** Every change is a compare-and-set on the state store, so it may be made in any process. */
export type ControlContext = Pick<
  NetworkContext,
  "catalog" | "store" | "devices" | "regionConfigs" | "netId" | "randomBytes"
>;

export type DeviceControl = Pick<
  NetworkServerControl,
  | "activate"
  | "ensureActive"
  | "deactivate"
  | "forceRejoin"
  | "session"
  | "downlinkSession"
  | "mostPayload"
  | "freeDevAddr"
  | "explainFrame"
>;

export const createDeviceControl = (context: ControlContext): DeviceControl => ({
  activate: (devEui, activation) => activate(context, devEui, activation, () => true),
  ensureActive: (devEui, activation) =>
    activate(context, devEui, activation, session => session === undefined || !isSessionOf(session, activation)),
  deactivate: devEui => deactivate(context, devEui),
  forceRejoin: (devEui, request) => forceRejoin(context, devEui, request),
  async mostPayload(devEui) {
    const device = await context.catalog.device(devEui);
    if (!device) return undefined;
    const session = await currentSession(context, devEui);
    const profile = session ? profileOfSession(device.profile, session) : device.profile;
    return mostPayload(device, regionConfigFor(context.regionConfigs(), profile, device), session);
  },
  freeDevAddr: () => freeDevAddr(context.store, context.netId, context.randomBytes),
  explainFrame: (question, openAppSKey) => explainFrame(context, question, openAppSKey),
  async session(devEui) {
    const found = await currentSession(context, devEui);
    if (!found) return undefined;
    const { fNwkSIntKey, sNwkSIntKey, nwkSEncKey, appSKey, ...session } = found;
    const device = await context.catalog.device(devEui);
    const deviceClass = device ? deviceClassOf(found, device.profile) : "A";
    return { session, deviceClass, maxPayload: maxPayloadOf(found, device) };
  },
  async downlinkSession(devEui) {
    const { active, joined } = (await loadDevice(context, devEui)).state;
    // After a join nothing is sent before the first uplink under the new keys (C31).
    const session = joined ?? active;
    if (!session) return undefined;
    const { devAddr, appSKey, sessionKeyId } = session;
    return {
      devAddr,
      fCntDown: nextFCntDown(session, true),
      ...(appSKey && { appSKey }),
      ...(sessionKeyId !== undefined && { sessionKeyId }),
    };
  },
});

/** Keys and counters of an activation by personalisation; keys are hex. In 1.0.x the three network keys are one. */
export interface Activation {
  readonly devAddr: DevAddr;
  readonly appSKey: KeyEnvelope;
  readonly fNwkSIntKey: string;
  readonly sNwkSIntKey: string;
  readonly nwkSEncKey: string;
  readonly fCntUp: number;
  readonly nFCntDown: number;
  readonly aFCntDown: number;
}

export class DeviceNotFound extends UpchirpError {
  readonly code = "device_not_found";
}

export class InvalidActivation extends UpchirpError {
  readonly code = "invalid_activation";
}

/** The order of an import that was cut off and is done again must not take a device's counters back. */
const isSessionOf = (session: Session, { devAddr, ...keys }: Activation): boolean =>
  session.devAddr === devAddr &&
  session.fNwkSIntKey === keys.fNwkSIntKey &&
  session.sNwkSIntKey === keys.sNwkSIntKey &&
  session.nwkSEncKey === keys.nwkSEncKey;

/** Starts a session with given keys, if the one that there is may end. */
async function activate(
  context: ControlContext,
  devEui: DevEui,
  activation: Activation,
  mayReplace: (session: Session | undefined) => boolean,
): Promise<void> {
  const device = await context.catalog.device(devEui);
  if (!device) throw new DeviceNotFound(`there is no device ${devEui}`, { devEui });
  const { macVersion } = device.profile;
  const oneKey = activation.fNwkSIntKey === activation.sNwkSIntKey && activation.fNwkSIntKey === activation.nwkSEncKey;
  if (!isVersion11(macVersion) && !oneKey) {
    throw new InvalidActivation(`a LoRaWAN ${macVersion} device has one NwkSKey: give it as all three network keys`);
  }
  const session = personalised(context, device, activation);
  await context.devices.run(devEui, async () => {
    await updateDevice(context, devEui, ({ state }) =>
      mayReplace(state.active) ? { state: { active: session } } : undefined,
    );
  });
}

async function deactivate(context: ControlContext, devEui: DevEui): Promise<boolean> {
  return context.devices.run(devEui, async () => {
    const ended = await updateDevice(context, devEui, loaded =>
      loaded.state.active || loaded.state.joined ? { state: {} } : undefined,
    );
    return ended !== undefined;
  });
}

/** The session in use, else the one that waits for its first uplink. */
async function currentSession(context: ControlContext, devEui: DevEui): Promise<Session | undefined> {
  const { state } = await loadDevice(context, devEui);
  return state.active ?? state.joined;
}

/** Most application bytes that the next downlink can carry: in a ping slot, in class C, else in answer to an uplink like the last one. */
function maxPayloadOf(session: Session, device: DeviceConfig | undefined): number {
  const deviceClass = device ? deviceClassOf(session, device.profile) : "A";
  if (deviceClass === "C") return classCWindow(session)?.maxPayload ?? 0;
  if (device && deviceClass === "B") return maxPingPayload(session, device.profile);
  const region = regionOfSession(session);
  const { current } = session.mac;
  const uplinkDataRate = session.lastDataRate ?? current.dataRate;
  const rx1DataRate = region.rx1DataRate(uplinkDataRate, current.rx1DrOffset, current.downlinkDwellTime);
  return region.maxPayload(rx1DataRate, {
    direction: "down",
    dwellTime: current.downlinkDwellTime,
    repeater: false,
  });
}

function personalised(context: ControlContext, device: DeviceConfig, activation: Activation): Session {
  const { profile } = device;
  const region = regionForProfile(profile);
  checkReceiveWindows(profile, region);
  return {
    ...activation,
    macVersion: profile.macVersion,
    regionalParameters: profile.regionalParameters,
    region: profile.region,
    regionConfigId: regionConfigFor(context.regionConfigs(), profile, device).id,
    confFCntDown: 0,
    adrHistory: [],
    mac: personalisedMacState(region, profile),
  };
}

function checkReceiveWindows({ abp, region: name }: DeviceProfileConfig, region: Region): void {
  if (abp.rx1DrOffset > region.maxRx1DrOffset) {
    throw new InvalidActivation(
      `${name} has RX1DROffset 0 to ${region.maxRx1DrOffset}, and the device profile says ${abp.rx1DrOffset}`,
    );
  }
  if (abp.rx2DataRate !== undefined && !isDownlinkRate(region, abp.rx2DataRate)) {
    throw new InvalidActivation(
      `DR${abp.rx2DataRate}, which the device profile has for RX2, is no downlink of ${name}`,
    );
  }
}
