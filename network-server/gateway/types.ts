import type { GatewayId } from "../../lorawan/ids.ts";
import type { Modulation } from "../../lorawan/region/region.ts";
import type { RxInfo, TxInfo } from "../../platform/state/network-event.ts";

/** One copy of a frame, as one gateway (or one of its antennas) heard it. CRC was good and the gateway is known. */
export interface Reception {
  readonly gatewayId: GatewayId;
  readonly phyPayload: Uint8Array;
  readonly frequencyHz: number;
  readonly modulation: Modulation;
  readonly rssiDbm: number;
  /** 0 for FSK and LR-FHSS, where gateways report none. */
  readonly snrDb: number;
  /** The gateway's microsecond counter at the end of the frame, u32, wraps (C37, C38). */
  readonly counterUs: number;
  /** Monotonic clock of the server when the datagram came. */
  readonly receivedAtUs: number;
  /** Wall clock of the server, milliseconds. */
  readonly receivedAtMs: number;
  /** Of a copy that another network server of the installation heard: which one, and when on its monotonic clock. */
  readonly heard?: { readonly instance: string; readonly atUs: number };
  /** How much longer this frame was on its way from the gateway than its quickest ones; see lateness.ts. */
  readonly lateByUs?: number;
  /** GPS time at the end of the frame, milliseconds since the GPS epoch, from gateways that have it. */
  readonly gpsTimeMs?: number;
  /** In the application contract's form; `context` inside is what the gateway wants echoed. */
  readonly rxInfo: RxInfo;
  readonly txInfo: TxInfo;
}

/** A frame for one gateway to send once. */
export interface Transmission {
  /** u32, for logs and txack events; a transport may use other tokens on its wire. */
  readonly downlinkId: number;
  readonly gatewayId: GatewayId;
  readonly phyPayload: Uint8Array;
  readonly timing:
    | { readonly kind: "at-counter"; readonly counterUs: number }
    | { readonly kind: "at-gps-time"; readonly gpsTimeMs: number }
    | { readonly kind: "immediately" };
  readonly frequencyHz: number;
  readonly modulation: Modulation;
  readonly eirpDbm: number;
  /** True for every LoRa downlink but beacons (C11). */
  readonly invertPolarization: boolean;
  /** The reception that this answers: antenna, board and opaque context are echoed from it (C44). */
  readonly answerTo?: Reception;
}

export type TransmissionFailure =
  | "TOO_LATE"
  | "TOO_EARLY"
  | "COLLISION_PACKET"
  | "COLLISION_BEACON"
  | "TX_FREQ"
  | "TX_POWER"
  | "GPS_UNLOCKED"
  | "QUEUE_FULL"
  | "DUTY_CYCLE_OVERFLOW"
  | "INTERNAL_ERROR"
  /** No return path to the gateway is known now. */
  | "GATEWAY_OFFLINE"
  /** The gateway did not answer in time, and should have. */
  | "NO_TX_ACK";

export type TransmissionOutcome =
  | { readonly kind: "sent"; readonly warning?: string }
  | { readonly kind: "failed"; readonly reason: TransmissionFailure };

/** What a transport (Semtech UDP, Basics Station, MQTT) calls. */
export interface GatewayEvents {
  reception(reception: Reception): void;
  /** False while so much is under way that what is heard now had better not be acknowledged; always true when absent. */
  hasRoom?(): boolean;
}

/** What every transport offers. */
export interface GatewayTransport {
  /** True when a downlink for this gateway would have somewhere to go. */
  reaches(gatewayId: GatewayId): boolean;
  /** Resolves once the gateway has answered or will not; never rejects. */
  transmit(transmission: Transmission): Promise<TransmissionOutcome>;
  /** How long before its time a downlink must leave here to reach this gateway in time; absent where nobody knows. */
  leadMs?(gatewayId: GatewayId): number;
  /** Whether the gateway has GPS time (C47), by the last frame that it heard or refused; undefined before either. */
  hasGpsTime?(gatewayId: GatewayId): boolean | undefined;
}

/** The state the server keeps of each gateway, known or not; JSON in the state store. */
export interface GatewayStatus {
  readonly gatewayId: GatewayId;
  /** False: it is not in the catalog; its frames are refused, and it is listed so that it can be added. */
  readonly registered: boolean;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
  readonly online: boolean;
  /** `address:port` of the last datagram or connection. */
  readonly remoteAddress: string;
  /** With the source rule `pin`: the address that frames must come from until it is released. */
  readonly pinnedAddress?: string;
  /** Semtech UDP: where its last PULL_DATA came from; a server that starts again sends there until the next one. */
  readonly returnPath?: {
    readonly address: string;
    readonly port: number;
    readonly version: 1 | 2;
    readonly heardAtMs: number;
    /** Where the gateway sent it to, when it may have been another server of the installation. */
    readonly server?: string;
  };
  /** Median of recent PULL_RESP to TX_ACK times. */
  readonly roundTripMs?: number;
  readonly location?: { readonly latitude: number; readonly longitude: number; readonly altitude: number };
  /** Whether it had GPS time when it showed that last, and when that was. */
  readonly gps?: { readonly hasTime: boolean; readonly atMs: number };
  /** Totals since the first packet. */
  readonly counts: {
    readonly uplinks: number;
    readonly downlinks: number;
    readonly downlinkFailures: number;
    readonly refused: number;
  };
  /** The forwarder's last `stat` object, numbers and short texts only. */
  readonly lastStatistics?: Readonly<Record<string, string | number>>;
}
