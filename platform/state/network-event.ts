import type { ApplicationId, DevAddr, DevEui, GatewayId } from "../../lorawan/ids.ts";

/**
 * What the network server appends to the event log for the application server, as JSON. Names and shapes of `rxInfo` and
 * `txInfo` are those of the application MQTT contract, so that they pass through untouched. Times are RFC 3339 in UTC,
 * bytes standard base64.
 */
export type NetworkEvent = UplinkEvent | JoinEvent | AckEvent | TxAckEvent | LogEvent | StatusEvent;

/** How a device listens: after its uplinks, in ping slots too, or all the time. */
export type DeviceClass = "A" | "B" | "C";

interface EventBase {
  /** UUID, the same for every delivery of this event. */
  readonly deduplicationId: string;
  readonly time: string;
  readonly devEui: DevEui;
  readonly applicationId: ApplicationId;
  /** How the device listened then, where that is known. */
  readonly deviceClass?: DeviceClass;
}

/** What the network server knows of a session's AppSKey. With neither it is known to the device and its Join Server alone. */
export interface AppSKeyKnowledge {
  readonly appSKey?: KeyEnvelope;
  /** By what name its Join Server gives it to an application (TS002-1.1.0 `SessionKeyID`); hex. */
  readonly sessionKeyId?: string;
}

export interface UplinkEvent extends EventBase, AppSKeyKnowledge {
  readonly kind: "up";
  readonly devAddr: DevAddr;
  readonly adr: boolean;
  readonly dr: number;
  /** 32 bits. */
  readonly fCnt: number;
  /** Absent: the frame carried no payload. 0 never comes here: its payload is the network's. */
  readonly fPort?: number;
  readonly confirmed: boolean;
  /** FRMPayload still encrypted under the AppSKey. */
  readonly frmPayload: string;
  readonly regionConfigId: string;
  readonly rxInfo: readonly RxInfo[];
  readonly txInfo: TxInfo;
}

export interface JoinEvent extends EventBase, AppSKeyKnowledge {
  readonly kind: "join";
  readonly devAddr: DevAddr;
  readonly regionConfigId: string;
}

export interface AckEvent extends EventBase {
  readonly kind: "ack";
  readonly queueItemId: string;
  readonly acknowledged: boolean;
  readonly fCntDown: number;
}

export interface TxAckEvent extends EventBase {
  readonly kind: "txack";
  readonly downlinkId: number;
  /** Absent for a frame without application payload. */
  readonly queueItemId?: string;
  readonly fCntDown: number;
  readonly gatewayId: GatewayId;
  readonly txInfo: TxInfo;
}

export type LogCode =
  | "DOWNLINK_PAYLOAD_SIZE"
  | "UPLINK_CODEC"
  | "DOWNLINK_CODEC"
  | "OTAA"
  | "UPLINK_F_CNT_RESET"
  | "UPLINK_MIC"
  | "UPLINK_F_CNT_RETRANSMISSION"
  | "DOWNLINK_GATEWAY"
  | "RELAY_NEW_END_DEVICE"
  | "F_CNT_DOWN"
  | "EXPIRED"
  // Ours, beyond the contract.
  | "ADR"
  | "ADR_SCRIPT"
  | "MAC_REQUEST_GIVEN_UP";

export interface LogEvent extends EventBase {
  readonly kind: "log";
  readonly level: "INFO" | "WARNING" | "ERROR";
  readonly code: LogCode;
  readonly description: string;
  readonly context: Readonly<Record<string, string>>;
}

export interface StatusEvent extends EventBase {
  readonly kind: "status";
  readonly margin: number;
  readonly externalPowerSource: boolean;
  readonly batteryLevelUnavailable: boolean;
  /** Percent, 0 to 100. */
  readonly batteryLevel: number;
}

/** TS002 13: a key wrapped (RFC 3394) under the named KEK, or in the clear when there is no label. Hex. */
export interface KeyEnvelope {
  readonly kekLabel?: string;
  readonly aesKey: string;
}

export interface RxInfo {
  readonly gatewayId: GatewayId;
  readonly uplinkId: number;
  readonly gwTime?: string;
  readonly nsTime?: string;
  readonly timeSinceGpsEpoch?: string;
  readonly fineTimeSinceGpsEpoch?: string;
  readonly rssi?: number;
  readonly snr?: number;
  readonly channel?: number;
  readonly rfChain?: number;
  readonly board?: number;
  readonly antenna?: number;
  readonly location?: { readonly latitude?: number; readonly longitude?: number; readonly altitude?: number };
  readonly context?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly crcStatus?: "NO_CRC" | "BAD_CRC" | "CRC_OK";
}

export interface TxInfo {
  /** Hz. */
  readonly frequency: number;
  readonly modulation: TxModulation;
}

export type TxModulation =
  | {
      readonly lora: {
        readonly bandwidth: number;
        readonly spreadingFactor: number;
        readonly codeRate: string;
        readonly polarizationInversion?: boolean;
      };
    }
  | { readonly fsk: { readonly frequencyDeviation?: number; readonly datarate: number } }
  | {
      readonly lrFhss: {
        readonly operatingChannelWidth: number;
        readonly codeRate: string;
        readonly gridSteps?: number;
      };
    };
