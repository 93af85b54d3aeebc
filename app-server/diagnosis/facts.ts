import type { GatewayId, JoinEui } from "../../lorawan/ids.ts";
import type { Device, DeviceProfile } from "../catalog-ports.ts";
import type { SessionSummary } from "../ports.ts";
import type { NearMiss } from "./near-misses.ts";

/** What is known of a device when somebody asks what is the matter with it. Lists are newest first. */
export interface Facts {
  readonly nowMs: number;
  readonly sinceMs: number;
  readonly device: Device;
  readonly profile: DeviceProfile;
  readonly hasRootKeys: boolean;
  readonly session?: SessionSummary;
  readonly uplinks: readonly UplinkFact[];
  readonly logs: readonly LogFact[];
  readonly acks: readonly AckFact[];
  readonly joins: readonly JoinAttempt[];
  readonly downlinks: readonly DownlinkFact[];
  /** Data frames under an address of the device that it did not sign, as far as anybody can tell. */
  readonly unsigned: readonly StrayFrame[];
  /** Data frames under an address that the device had, and nobody has now. */
  readonly unowned: readonly StrayFrame[];
  /** Frames that nobody owns, and that may be this device's. Looked for only while nothing was heard of the device itself. */
  readonly nearMisses: readonly NearMiss[];
  readonly gateways: readonly GatewayFact[];
  readonly queue: {
    /** In the order in which they leave. */
    readonly waiting: readonly { readonly bytes: number; readonly atMs: number }[];
    readonly capacity: number;
  };
}

/** How one gateway heard a frame. */
export interface HeardFact {
  readonly gatewayId: GatewayId;
  readonly rssi?: number;
  readonly snr?: number;
  /** It held the frame back. */
  readonly isLate: boolean;
}

/** An uplink that was delivered. */
export interface UplinkFact {
  readonly id: string;
  readonly atMs: number;
  readonly devAddr: string;
  readonly fCnt: number;
  readonly dataRate: number;
  readonly frequencyHz: number;
  readonly heardBy: readonly HeardFact[];
}

export interface LogFact {
  readonly atMs: number;
  readonly code: string;
  readonly level: string;
  readonly description: string;
  readonly context: Readonly<Record<string, string>>;
}

export interface AckFact {
  readonly atMs: number;
  readonly isAcknowledged: boolean;
}

/** A Join-Request of the device. */
export interface JoinAttempt {
  readonly atMs: number;
  /** Why it was not answered, like the label of the counter of joins; absent for one that was. */
  readonly refusal?: string;
  /** What the device's owner was told of it. */
  readonly text?: string;
  readonly frequencyHz?: number;
  readonly devNonce?: number;
  readonly joinEui?: JoinEui;
  readonly gatewayIds: readonly GatewayId[];
}

/** One try to send a downlink. */
export interface AttemptFact {
  readonly gatewayId: string;
  readonly window: string;
  /** `OK`, or the gateway's or the server's code. */
  readonly status: string;
}

export interface DownlinkFact {
  readonly atMs: number;
  readonly isJoinAccept: boolean;
  readonly isSent: boolean;
  readonly attempts: readonly AttemptFact[];
  readonly frequencyHz?: number;
  /** Like `SF7`. */
  readonly modulation?: string;
  readonly delayMs?: number;
}

export interface StrayFrame {
  readonly atMs: number;
  readonly devAddr: string;
  readonly gatewayIds: readonly GatewayId[];
}

/** A gateway that heard the device or, while none has, that its tenant has. */
export interface GatewayFact {
  readonly gatewayId: GatewayId;
  /** It is of the device's tenant; of others nothing is told but what frames say. */
  readonly isOwn: boolean;
  readonly name?: string;
  readonly isDisabled: boolean;
  readonly hasHeardDevice: boolean;
  readonly status: "online" | "offline" | "never-seen";
  readonly lastSeenAtMs?: number;
  readonly uplinkCount: number;
  readonly hasGpsTime?: boolean;
  /** How far its wall clock was ahead when it told the time last. */
  readonly clockAheadMs?: number;
}

export const lastUplinkMs = ({ uplinks, session }: Facts): number | undefined => {
  const known = [uplinks[0]?.atMs, session?.lastUplinkAtMs].filter(atMs => atMs !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};

/** When the device showed any sign of life: an uplink, a Join-Request, or a frame that was refused. */
export const lastSignMs = (facts: Facts): number | undefined => {
  const signs = [lastUplinkMs(facts), facts.joins[0]?.atMs, facts.logs.find(isSign)?.atMs];
  const known = signs.filter(atMs => atMs !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};

const isSign = ({ code }: LogFact): boolean => code === "OTAA" || code === "UPLINK_F_CNT_RESET";

/** Not heard for more than twice the interval that its profile says. */
export const isSilent = (facts: Facts): boolean => {
  const signMs = lastSignMs(facts);
  return signMs !== undefined && facts.nowMs - signMs > 2000 * facts.profile.expectedUplinkIntervalSeconds;
};

/** An uplink was delivered within twice the interval. */
export const isInTouch = (facts: Facts): boolean => {
  const uplinkMs = lastUplinkMs(facts);
  return uplinkMs !== undefined && facts.nowMs - uplinkMs <= 2000 * facts.profile.expectedUplinkIntervalSeconds;
};
