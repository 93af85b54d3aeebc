import Type, { type Static, type TSchema } from "typebox";
import Value from "typebox/value";
import { parseDevAddr } from "../../../lorawan/ids.ts";
import { type AesKey, type NetworkKeys, parseAesKey } from "../../../lorawan/keys.ts";
import type { UplinkFields } from "../../../lorawan/phy/security.ts";
import dataFramesJson from "../../vectors/data_frames.json" with { type: "json" };
import joinJson from "../../vectors/join.json" with { type: "json" };

export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const dataFrame = Type.Object({
  macVersion: Type.Union([Type.Literal("1.0"), Type.Literal("1.1")]),
  direction: Type.Union([Type.Literal("up"), Type.Literal("down")]),
  confirmed: Type.Boolean(),
  devAddr: Type.String(),
  fCnt: Type.Integer(),
  fCtrl: Type.Object({
    ack: Type.Boolean(),
    adr: Type.Boolean(),
    adrAckReq: Type.Boolean(),
    classB: Type.Boolean(),
    fPending: Type.Boolean(),
  }),
  fOpts: Type.String(),
  fPort: Type.Union([Type.Integer(), Type.Null()]),
  frmPayload: Type.String(),
  keys: Type.Object({
    appSKey: Type.String(),
    nwkSKey: Type.Optional(Type.String()),
    fNwkSIntKey: Type.Optional(Type.String()),
    sNwkSIntKey: Type.Optional(Type.String()),
    nwkSEncKey: Type.Optional(Type.String()),
  }),
  confFCnt: Type.Optional(Type.Integer()),
  txDr: Type.Optional(Type.Integer()),
  txCh: Type.Optional(Type.Integer()),
  mic: Type.String(),
  phyPayload: Type.String(),
});
export type DataFrameVector = Static<typeof dataFrame>;

const joinAccept = Type.Object({
  appKey: Type.String(),
  nwkKey: Type.String(),
  jsEncKey: Type.String(),
  jsIntKey: Type.String(),
  cfList: Type.Unknown(),
  devAddr: Type.String(),
  devEui: Type.String(),
  joinEui: Type.String(),
  netId: Type.String(),
  devNonce: Type.Integer(),
  joinNonce: Type.Integer(),
  joinReqType: Type.Union([Type.Literal(255), Type.Literal(0), Type.Literal(1), Type.Literal(2)]),
  optNeg: Type.Boolean(),
  rx1DrOffset: Type.Integer(),
  rx2DataRate: Type.Integer(),
  rxDelay: Type.Integer(),
  mic: Type.String(),
  plaintext: Type.String(),
  phyPayload: Type.String(),
});
export type JoinAcceptVector = Static<typeof joinAccept>;

const joins = Type.Object({
  joinAccept: Type.Array(joinAccept),
  joinRequest: Type.Array(
    Type.Object({
      devEui: Type.String(),
      joinEui: Type.String(),
      devNonce: Type.Integer(),
      rootKey: Type.String(),
      mic: Type.String(),
      phyPayload: Type.String(),
    }),
  ),
  rejoinRequest: Type.Array(
    Type.Object({
      type: Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2)]),
      devEui: Type.String(),
      joinEui: Type.Optional(Type.String()),
      netId: Type.Optional(Type.String()),
      rjCount: Type.Integer(),
      micKey: Type.String(),
      phyPayload: Type.String(),
    }),
  ),
  sessionKeys: Type.Array(
    Type.Object({
      appKey: Type.String(),
      nwkKey: Type.String(),
      devEui: Type.String(),
      joinEui: Type.String(),
      netId: Type.String(),
      devNonce: Type.Integer(),
      joinNonce: Type.Integer(),
      optNeg: Type.Boolean(),
      jsEncKey: Type.String(),
      jsIntKey: Type.String(),
      appSKey: Type.String(),
      nwkSKey: Type.Optional(Type.String()),
      fNwkSIntKey: Type.Optional(Type.String()),
      sNwkSIntKey: Type.Optional(Type.String()),
      nwkSEncKey: Type.Optional(Type.String()),
    }),
  ),
});

const parsed = <Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> => Value.Parse(schema, value);

export const dataFrameVectors = parsed(Type.Object({ vectors: Type.Array(dataFrame) }), dataFramesJson).vectors;
export const joinVectors = parsed(joins, joinJson);

export const version11 = (vector: DataFrameVector): boolean => vector.macVersion === "1.1";

export function keysOf(vector: DataFrameVector): NetworkKeys & { readonly appSKey: AesKey } {
  const { keys } = vector;
  const key = (name: "fNwkSIntKey" | "sNwkSIntKey" | "nwkSEncKey") => parseAesKey(keys[name] ?? keys.nwkSKey ?? "");
  return {
    fNwkSIntKey: key("fNwkSIntKey"),
    sNwkSIntKey: key("sNwkSIntKey"),
    nwkSEncKey: key("nwkSEncKey"),
    appSKey: parseAesKey(keys.appSKey),
  };
}

/** Everything that either direction's seal function takes. */
export function sealFieldsOf(vector: DataFrameVector): UplinkFields & { readonly fPending: boolean } {
  return {
    version11: version11(vector),
    confirmed: vector.confirmed,
    devAddr: parseDevAddr(vector.devAddr),
    ...vector.fCtrl,
    fCnt: vector.fCnt,
    fOpts: bytesOf(vector.fOpts),
    ...(vector.fPort === null ? {} : { fPort: vector.fPort }),
    frmPayload: bytesOf(vector.frmPayload),
    confFCnt: vector.confFCnt ?? 0,
    txDr: vector.txDr ?? 0,
    txCh: vector.txCh ?? 0,
  };
}
