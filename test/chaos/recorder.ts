import type { DeviceEvent } from "../../simulators/device-events.ts";
import type { FleetDevice } from "../../simulators/fleet.ts";
import { type JoinCredentials, openJoinAccept } from "../../simulators/frames.ts";
import type { GatewayEvent } from "../../simulators/gateway-udp.ts";
import { commandPort } from "./commander.ts";
import type { DeviceFinding, HeardCommand, Hearing, SeenDownlink, SeenJoinAccept, SentUplink, Truth } from "./truth.ts";

export interface Recorder {
  device(device: FleetDevice, event: DeviceEvent): void;
  /** `server` is the number of the one that the gateway sends to. */
  gateway(gatewayId: string, server: number, event: GatewayEvent): void;
  isJoined(devEui: string): boolean;
  truth(): Truth;
}

type Draft<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };
type DraftUplink = Omit<Draft<SentUplink>, "hearings"> & { readonly hearings: Draft<Hearing>[] };

/** A frame that a gateway has heard, under the counter that a downlink for it is counted from. */
interface Heard {
  readonly phyPayload: string;
  readonly uplink: DraftUplink | undefined;
}

/** Windows open 1 to 15 s after an uplink and RX2 one second later (TS001-1.0.4 5.7). */
const longestDelaySeconds = 16;
const wrap = 2 ** 32;
const joinAcceptBytes = [17, 33];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const reversedHex = (bytes: Uint8Array): string => hex(Uint8Array.from(bytes).reverse());
const frameType = (phyPayload: Uint8Array): number => (phyPayload[0] ?? 0) >> 5;

/** Writes down what devices send and what gateways hear and are asked to send. */
export function createRecorder(nowMs: () => number): Recorder {
  const credentials = new Map<string, JoinCredentials>();
  const devAddrs = new Map<string, string>();
  const uplinks: DraftUplink[] = [];
  const uplinksByFrame = new Map<string, DraftUplink>();
  const lastHearings = new Map<string, Draft<Hearing>>();
  const heardByCounter = new Map<string, Heard>();
  const downlinks: SeenDownlink[] = [];
  const joinAccepts: SeenJoinAccept[] = [];
  const commandsHeard: HeardCommand[] = [];
  const deviceFindings: DeviceFinding[] = [];

  const sent = (devEui: string, event: Extract<DeviceEvent, { kind: "uplink-sent" }>): void => {
    const { fPort, fCnt, attempt, confirmed, payload, phyPayload } = event;
    // Frames without application data are the device's own affair.
    if (attempt > 1 || fPort === undefined || fPort === 0) return;
    const data = Buffer.from(payload).toString("base64");
    const uplink = { devEui, devAddr: devAddrs.get(devEui) ?? "", fCnt, fPort, data, confirmed, hearings: [] };
    uplinks.push(uplink);
    uplinksByFrame.set(hex(phyPayload), uplink);
  };

  const heard = (gatewayId: string, server: number, event: Extract<GatewayEvent, { kind: "heard" }>): void => {
    const phyPayload = hex(event.phyPayload);
    const uplink = uplinksByFrame.get(phyPayload);
    heardByCounter.set(`${gatewayId} ${event.counterUs}`, { phyPayload, uplink });
    if (uplink === undefined) return;
    const hearing = { gatewayId, server, atMs: nowMs() };
    uplink.hearings.push(hearing);
    lastHearings.set(`${gatewayId} ${phyPayload}`, hearing);
  };

  /** What a downlink with this counter value was timed after. */
  const answeredBy = (gatewayId: string, tmst: number): Heard | undefined => {
    for (let seconds = 1; seconds <= longestDelaySeconds; seconds += 1) {
      const found = heardByCounter.get(`${gatewayId} ${(tmst - seconds * 1_000_000 + wrap) % wrap}`);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  const joinAccept = (phyPayload: Uint8Array, request: Heard | undefined): void => {
    const bytes = Buffer.from(request?.phyPayload ?? "", "hex");
    // TS001-1.0.4 6.2.4: MHDR, JoinEUI, DevEUI, DevNonce.
    const devEui = reversedHex(bytes.subarray(9, 17));
    const known = credentials.get(devEui);
    if (known === undefined || !joinAcceptBytes.includes(phyPayload.length)) return;
    const devNonce = bytes.readUInt16LE(17);
    const accept = openJoinAccept(phyPayload, known, devNonce);
    if (accept === undefined) return;
    joinAccepts.push({ atMs: nowMs(), devEui, devNonce, joinNonce: accept.joinNonce, phyPayload: hex(phyPayload) });
  };

  const asked = (gatewayId: string, { txpk }: Extract<GatewayEvent, { kind: "downlink" }>): void => {
    const phyPayload = Buffer.from(txpk.data, "base64");
    const cause = txpk.tmst === undefined ? undefined : answeredBy(gatewayId, txpk.tmst);
    if (frameType(phyPayload) === 1) {
      joinAccept(phyPayload, cause);
      return;
    }
    if (cause?.uplink) cause.uplink.answeredAtMs ??= nowMs();
    // TS001-1.0.4 4.3: MHDR, DevAddr, FCtrl, FCnt.
    const devAddr = reversedHex(phyPayload.subarray(1, 5));
    const fCnt = phyPayload.readUInt16LE(6);
    downlinks.push({ atMs: nowMs(), gatewayId, devAddr, fCnt, phyPayload: hex(phyPayload) });
  };

  return {
    device(device, event) {
      const { devEui } = device.credentials;
      credentials.set(devEui, device.credentials);
      if (event.kind === "joined") devAddrs.set(devEui, event.devAddr);
      else if (event.kind === "uplink-sent") sent(devEui, event);
      else if (event.kind === "downlink" && event.fPort === commandPort) {
        commandsHeard.push({ devEui, data: Buffer.from(event.payload).toString("base64") });
      } else if (event.kind === "violation") {
        deviceFindings.push({ atMs: nowMs(), devEui, violation: event.violation, detail: event.detail });
      }
    },
    gateway(gatewayId, server, event) {
      if (event.kind === "heard") heard(gatewayId, server, event);
      else if (event.kind === "downlink") asked(gatewayId, event);
      else {
        for (const phyPayload of event.phyPayloads) {
          const hearing = lastHearings.get(`${gatewayId} ${hex(phyPayload)}`);
          if (hearing !== undefined) hearing.pushAckedAtMs ??= nowMs();
        }
      }
    },
    isJoined: devEui => devAddrs.has(devEui),
    truth: () => ({ uplinks, downlinks, joinAccepts, commandsHeard, deviceFindings }),
  };
}
