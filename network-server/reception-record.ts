import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { GatewayId } from "../lorawan/ids.ts";
import type { Modulation } from "../lorawan/region/region.ts";
import type { Clock } from "../platform/clock.ts";
import type { RxInfo, TxInfo } from "../platform/state/network-event.ts";
import type { Reception } from "./gateway/types.ts";

/** A reception on its way from one network server to another; both are of one version or near, and trust each other. */
export const receptionRecord = Type.Object({
  gatewayId: Type.Unsafe<GatewayId>(Type.String({ pattern: "^[0-9a-f]{16}$" })),
  /** Base64. */
  phyPayload: Type.String(),
  frequencyHz: Type.Number(),
  modulation: Type.Unsafe<Modulation>(Type.Object({ kind: Type.String() })),
  rssiDbm: Type.Number(),
  snrDb: Type.Number(),
  counterUs: Type.Integer(),
  receivedAtMs: Type.Number(),
  lateByUs: Type.Optional(Type.Number()),
  gpsTimeMs: Type.Optional(Type.Number()),
  rxInfo: Type.Unsafe<RxInfo>(Type.Object({ gatewayId: Type.String() })),
  txInfo: Type.Unsafe<TxInfo>(Type.Object({ frequency: Type.Number() })),
  /** Who heard it, and when on the monotonic clock of that process. */
  heard: Type.Object({ instance: Type.String(), atUs: Type.Number() }),
});
type ReceptionRecord = Static<typeof receptionRecord>;

const compiled = Compile(receptionRecord);

/** Clocks of machines differ, and a frame is never heard in the future or long ago. */
const longestAgoMs = 10_000;

/** `instance` is this process. */
export function toReceptionRecord(reception: Reception, instance: string): ReceptionRecord {
  const { receivedAtUs, phyPayload, heard = { instance, atUs: receivedAtUs }, ...rest } = reception;
  return { ...rest, phyPayload: Buffer.from(phyPayload).toString("base64"), heard };
}

/** The reception as this process may use it: `receivedAtUs` is on its own clock, exactly so if it was heard here. */
export function fromReceptionRecord(record: ReceptionRecord, instance: string, clock: Clock): Reception {
  const { phyPayload, heard, ...rest } = record;
  const agoMs = Math.min(Math.max(clock.nowMs() - record.receivedAtMs, 0), longestAgoMs);
  return {
    ...rest,
    phyPayload: new Uint8Array(Buffer.from(phyPayload, "base64")),
    heard,
    receivedAtUs: heard.instance === instance ? heard.atUs : clock.monotonicUs() - agoMs * 1000,
  };
}

/** Undefined for a text that is no reception. */
export function parseReception(text: string, instance: string, clock: Clock): Reception | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return compiled.Check(value) ? fromReceptionRecord(value, instance, clock) : undefined;
  } catch {
    return undefined;
  }
}
