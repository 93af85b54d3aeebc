import type { DevAddr } from "../lorawan/ids.ts";
import type { FrameSource } from "../platform/frames/frame-feed.ts";
import {
  type FrameAttempt,
  type FrameSubject,
  frameIdOf,
  type UplinkVerdict,
} from "../platform/frames/frame-record.ts";
import type { TxInfo } from "../platform/state/network-event.ts";
import type { Reception } from "./gateway/types.ts";
import type { DeviceConfig } from "./ports.ts";
import type { Collection } from "./uplink/dedup.ts";

/** What is known of a frame beside its bytes. */
export interface FrameFacts {
  readonly device?: DeviceConfig | undefined;
  readonly devAddr?: DevAddr;
  readonly fCnt?: number;
}

export interface UplinkFacts extends FrameFacts {
  readonly verdict: UplinkVerdict;
  readonly reason?: string;
  readonly deduplicationId?: string;
}

export interface DownlinkFacts extends FrameFacts {
  readonly device: DeviceConfig;
  readonly phyPayload: Uint8Array;
  readonly downlinkId: number;
  readonly queueItemId?: string | undefined;
  readonly outcome: "sent" | "failed" | "withdrawn";
  readonly attempts: readonly FrameAttempt[];
  readonly txInfo?: TxInfo;
  readonly delayUs?: number;
}

/** Tells whoever looks into the radio traffic what became of each frame. It costs nothing while nobody looks. */
export interface FrameTrace {
  /** A frame of which every copy is here. */
  uplink(receptions: readonly Reception[], facts: UplinkFacts): void;
  /** A frame that nothing more is done with: its collection ends now, or with its window when somebody wants its copies. */
  dismissed(collection: Collection, facts: UplinkFacts): void;
  downlink(facts: DownlinkFacts): void;
}

export interface FrameTraceOptions {
  readonly source: FrameSource | undefined;
  readonly newUuid: () => string;
  readonly nowMs: () => number;
}

export function createFrameTrace({ source, newUuid, nowMs }: FrameTraceOptions): FrameTrace {
  function uplink(receptions: readonly Reception[], facts: UplinkFacts): void {
    const [first] = receptions;
    if (!source?.isWanted || first === undefined) return;
    const { device, ...rest } = facts;
    source.add(() => ({
      direction: "up",
      id: frameIdOf(first.receivedAtMs, newUuid()),
      atMs: first.receivedAtMs,
      phyPayload: first.phyPayload,
      ...(device && { subject: subjectOf(device) }),
      ...rest,
      txInfo: first.txInfo,
      rxInfo: receptions.map(({ rxInfo }) => rxInfo),
    }));
  }

  return {
    uplink,
    dismissed(collection, facts) {
      if (source?.isWanted) void collection.collected.then(receptions => uplink(receptions, facts));
      else collection.close();
    },
    downlink({ device, queueItemId, ...rest }) {
      if (!source?.isWanted) return;
      const atMs = nowMs();
      source.add(() => ({
        direction: "down",
        id: frameIdOf(atMs, newUuid()),
        atMs,
        subject: subjectOf(device),
        ...(queueItemId !== undefined && { queueItemId }),
        ...rest,
      }));
    },
  };
}

const subjectOf = ({ tenantId, applicationId, devEui }: DeviceConfig): FrameSubject => ({
  tenantId,
  applicationId,
  devEui,
});
