import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { ApplicationId, DevAddr, DevEui, GatewayId } from "../lorawan/ids.ts";
import type { LogCode, NetworkEvent, RxInfo, TxInfo } from "../platform/state/network-event.ts";

// The patterns make the brands true: a text that passes is what the parse functions of lorawan/ids.ts give.
const devEui = Type.Unsafe<DevEui>(Type.String({ pattern: "^[0-9a-f]{16}$" }));
const gatewayId = Type.Unsafe<GatewayId>(Type.String({ pattern: "^[0-9a-f]{16}$" }));
const devAddr = Type.Unsafe<DevAddr>(Type.String({ pattern: "^[0-9a-f]{8}$" }));
const applicationId = Type.Unsafe<ApplicationId>(
  Type.String({ pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" }),
);
const text = Type.String({ maxLength: 1000 });
const u32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });
// Both come from the network server in the contract's form and pass through: only their outline is checked.
const txInfo = Type.Unsafe<TxInfo>(Type.Object({ frequency: Type.Integer(), modulation: Type.Object({}) }));
const rxInfo = Type.Unsafe<RxInfo>(Type.Object({ gatewayId, uplinkId: Type.Integer() }));
const logCode = Type.Unsafe<LogCode>(Type.String({ pattern: "^[A-Z_]{1,64}$" }));

const appSKeyKnowledge = {
  appSKey: Type.Optional(Type.Object({ kekLabel: Type.Optional(text), aesKey: text })),
  sessionKeyId: Type.Optional(text),
};

const base = {
  deduplicationId: text,
  time: text,
  devEui,
  applicationId,
  deviceClass: Type.Optional(Type.Enum(["A", "B", "C"])),
};

const upSchema = Type.Object({
  kind: Type.Literal("up"),
  ...base,
  devAddr,
  adr: Type.Boolean(),
  dr: Type.Integer({ minimum: 0, maximum: 15 }),
  fCnt: u32,
  fPort: Type.Optional(Type.Integer({ minimum: 0, maximum: 255 })),
  confirmed: Type.Boolean(),
  frmPayload: Type.String({ maxLength: 400 }),
  ...appSKeyKnowledge,
  regionConfigId: text,
  rxInfo: Type.Array(rxInfo),
  txInfo,
});
const joinSchema = Type.Object({
  kind: Type.Literal("join"),
  ...base,
  devAddr,
  ...appSKeyKnowledge,
  regionConfigId: text,
});
const ackSchema = Type.Object({
  kind: Type.Literal("ack"),
  ...base,
  queueItemId: text,
  acknowledged: Type.Boolean(),
  fCntDown: u32,
});
const txAckSchema = Type.Object({
  kind: Type.Literal("txack"),
  ...base,
  downlinkId: u32,
  queueItemId: Type.Optional(text),
  fCntDown: u32,
  gatewayId,
  txInfo,
});
const logSchema = Type.Object({
  kind: Type.Literal("log"),
  ...base,
  level: Type.Union([Type.Literal("INFO"), Type.Literal("WARNING"), Type.Literal("ERROR")]),
  code: logCode,
  description: Type.String(),
  context: Type.Record(Type.String(), Type.String()),
});
const statusSchema = Type.Object({
  kind: Type.Literal("status"),
  ...base,
  margin: Type.Integer(),
  externalPowerSource: Type.Boolean(),
  batteryLevelUnavailable: Type.Boolean(),
  batteryLevel: Type.Number(),
});

const eventSchema = Type.Union([upSchema, joinSchema, ackSchema, txAckSchema, logSchema, statusSchema]);
const validator = Compile(eventSchema);

/** An event as the network server appended it, or undefined for bytes that are none. */
export function parseNetworkEvent(value: Uint8Array): NetworkEvent | undefined {
  let record: unknown;
  try {
    record = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8"));
  } catch {
    return undefined;
  }
  if (!validator.Check(record)) return undefined;
  const event: Static<typeof eventSchema> = record;
  return event;
}
