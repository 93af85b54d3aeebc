import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { ApplicationId, DevAddr, DevEui, GatewayId, TenantId } from "../../lorawan/ids.ts";
import type { RxInfo, TxInfo } from "../state/network-event.ts";
import type { FrameBatch } from "./frame-feed.ts";
import type { FrameRecord, UplinkVerdict } from "./frame-record.ts";

const devEui = Type.Unsafe<DevEui>(Type.String({ pattern: "^[0-9a-f]{16}$" }));
const gatewayId = Type.Unsafe<GatewayId>(Type.String({ pattern: "^[0-9a-f]{16}$" }));
// In the contract's form, made by a process of the same installation: only the outline is checked.
const txInfo = Type.Unsafe<TxInfo>(Type.Object({ frequency: Type.Integer(), modulation: Type.Object({}) }));
const rxInfo = Type.Unsafe<RxInfo>(Type.Object({ gatewayId, uplinkId: Type.Integer() }));
const base = {
  id: Type.String(),
  atMs: Type.Number(),
  /** Base64. */
  phyPayload: Type.String(),
  subject: Type.Optional(
    Type.Object({
      tenantId: Type.Unsafe<TenantId>(Type.String()),
      applicationId: Type.Unsafe<ApplicationId>(Type.String()),
      devEui,
    }),
  ),
  devAddr: Type.Optional(Type.Unsafe<DevAddr>(Type.String({ pattern: "^[0-9a-f]{8}$" }))),
  fCnt: Type.Optional(Type.Integer()),
};
const frameSchema = Type.Union([
  Type.Object({
    direction: Type.Literal("up"),
    ...base,
    verdict: Type.Unsafe<UplinkVerdict>(Type.String()),
    reason: Type.Optional(Type.String()),
    deduplicationId: Type.Optional(Type.String()),
    txInfo,
    rxInfo: Type.Array(rxInfo),
  }),
  Type.Object({
    direction: Type.Literal("down"),
    ...base,
    outcome: Type.Enum(["sent", "failed", "withdrawn"]),
    downlinkId: Type.Integer(),
    queueItemId: Type.Optional(Type.String()),
    attempts: Type.Array(Type.Object({ gatewayId, window: Type.String(), status: Type.String() })),
    txInfo: Type.Optional(txInfo),
    delayUs: Type.Optional(Type.Number()),
  }),
]);
const frameCheck = Compile(frameSchema);
const letter = Compile(Type.Object({ frames: Type.Array(frameSchema), leftOut: Type.Integer() }));

/** A batch on its way from one process to another. */
export const writeFrames = ({ frames, leftOut }: FrameBatch): string =>
  `{"frames":[${frames.map(frameText).join(",")}],"leftOut":${leftOut}}`;

/** A record on its way, or while it waits. */
export const frameText = (frame: FrameRecord): string =>
  JSON.stringify({ ...frame, phyPayload: base64(frame.phyPayload) });

/** The record again; undefined for a text that is none. */
export function frameOfText(text: string): FrameRecord | undefined {
  const value = parsed(text);
  return frameCheck.Check(value) ? withBytes(value) : undefined;
}

/** Undefined for a text that is none. */
export function readFrames(text: string): FrameBatch | undefined {
  const value = parsed(text);
  return letter.Check(value) ? { frames: value.frames.map(withBytes), leftOut: value.leftOut } : undefined;
}

/** All of a record but its bytes, as text to be kept. */
export const writeFrame = ({ phyPayload: _, ...rest }: FrameRecord): string => JSON.stringify(rest);

/** The record again, with its bytes as base64; undefined for a text that is none. */
export function readFrame(text: string, phyPayload: string): FrameRecord | undefined {
  const value = parsed(text);
  const whole = typeof value === "object" && value !== null ? { ...value, phyPayload } : undefined;
  return frameCheck.Check(whole) ? withBytes(whole) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const withBytes = (frame: Static<typeof frameSchema>): FrameRecord => ({
  ...frame,
  phyPayload: new Uint8Array(Buffer.from(frame.phyPayload, "base64")),
});

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
