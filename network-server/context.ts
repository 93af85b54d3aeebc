import type { DevEui, GatewayId, NetId } from "../lorawan/ids.ts";
import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Peers } from "../platform/peers/peers.ts";
import type { Serial } from "../platform/serial.ts";
import type { Alarms } from "./alarms.ts";
import type { DeviceDocuments } from "./device-documents.ts";
import type { ImmediateTransmitter } from "./downlink/immediate.ts";
import type { PingTransmitter } from "./downlink/ping-slots.ts";
import type { Transmitter } from "./downlink/transmit.ts";
import type { FrameTrace } from "./frame-trace.ts";
import type { Neighbours } from "./neighbours.ts";
import type { AdrScripts, AppSKeyVault, Catalog, JoinServerClient, RegionConfigs } from "./ports.ts";
import type { SharedFrames } from "./uplink/shared-frames.ts";

/** What every stage of the network server is given. */
export interface NetworkContext extends DeviceDocuments {
  readonly catalog: Catalog;
  readonly joinServer: JoinServerClient;
  readonly vault: AppSKeyVault;
  readonly adrScripts: AdrScripts;
  readonly transmitter: Transmitter;
  readonly immediate: ImmediateTransmitter;
  readonly pings: PingTransmitter;
  /** How long a frame that this gateway heard is usually on its way here; 0 where nobody knows. */
  readonly usualWayMs: (gatewayId: GatewayId) => number;
  readonly alarms: Alarms;
  /** The other network servers of the installation. */
  readonly peers: Peers;
  readonly neighbours: Neighbours;
  readonly frames: SharedFrames;
  readonly trace: FrameTrace;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly netId: NetId;
  /** As they are now: they change while the server runs. */
  readonly regionConfigs: RegionConfigs;
  /** Work on one device, in order. */
  readonly devices: Serial<DevEui>;
  /** Runs work that nobody waits for; failures are logged and counted, and a stop waits for it. */
  readonly background: (work: () => Promise<void>) => void;
  readonly newUuid: () => string;
  readonly randomBytes: (count: number) => Uint8Array;
}
