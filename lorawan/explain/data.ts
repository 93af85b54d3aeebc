import { nwkIdOf } from "../dev-addr.ts";
import type { AesKey } from "../keys.ts";
import { describeCommands } from "../mac/engine.ts";
import type { DataFrame } from "../phy/frame.ts";
import { cryptFOpts, cryptPayload, fOptsCounterOf } from "../phy/security.ts";
import { isVersion11, type MacVersion } from "../version.ts";
import {
  type DecodeHints,
  type DecodeKeys,
  type ExplainedCommand,
  type ExplainedField,
  type Explanation,
  hexOf,
  mhdrField,
  micField,
} from "./explanation.ts";
import { checkDataMic } from "./mic.ts";

/** Keys under their 1.1 names, and the version that they and the caller tell of. */
interface Session {
  readonly version11: boolean;
  readonly macVersion: MacVersion;
  readonly isVersionKnown: boolean;
  readonly fNwkSIntKey: AesKey | undefined;
  readonly sNwkSIntKey: AesKey | undefined;
  readonly nwkSEncKey: AesKey | undefined;
  readonly appSKey: AesKey | undefined;
}

function sessionOf(keys: DecodeKeys, { macVersion }: DecodeHints): Session {
  const { nwkSKey, fNwkSIntKey, sNwkSIntKey, nwkSEncKey, appSKey } = keys;
  const has11 = (fNwkSIntKey ?? sNwkSIntKey ?? nwkSEncKey) !== undefined;
  const version11 = macVersion === undefined ? has11 : isVersion11(macVersion);
  return {
    version11,
    macVersion: macVersion ?? (version11 ? "1.1.0" : "1.0.4"),
    isVersionKnown: macVersion !== undefined || has11 || nwkSKey !== undefined,
    fNwkSIntKey: fNwkSIntKey ?? nwkSKey,
    sNwkSIntKey: sNwkSIntKey ?? nwkSKey,
    nwkSEncKey: nwkSEncKey ?? nwkSKey,
    appSKey,
  };
}

const titleOf = (frame: DataFrame): string =>
  `${frame.confirmed ? "confirmed" : "unconfirmed"} data ${frame.direction === "up" ? "uplink" : "downlink"}`;

function addressNote(frame: DataFrame): string {
  const address = nwkIdOf(frame.devAddr);
  return address === undefined
    ? "of no NetID type"
    : `NetID type ${address.netIdType}, NwkID 0x${address.nwkId.toString(16)}`;
}

/** TS001-1.0.4 4.3.2. */
function portNote(fPort: number): string {
  if (fPort === 0) return "MAC commands";
  if (fPort < 224) return "application";
  return fPort === 224 ? "certification protocol" : "reserved";
}

const fieldsOf = (bytes: Uint8Array, frame: DataFrame, fCnt: number | undefined): readonly ExplainedField[] => [
  mhdrField(bytes, titleOf(frame)),
  { name: "DevAddr", value: frame.devAddr, note: addressNote(frame) },
  { name: "ADR", value: frame.adr },
  ...(frame.direction === "up" ? [{ name: "ADRACKReq", value: frame.adrAckReq }] : []),
  { name: "ACK", value: frame.ack },
  frame.direction === "up" ? { name: "ClassB", value: frame.classB } : { name: "FPending", value: frame.fPending },
  {
    name: "FCnt",
    value: frame.fCnt16,
    ...(fCnt !== undefined && fCnt > 0xffff && { note: `${fCnt} with its high bits` }),
  },
  ...(frame.fOpts.length === 0 ? [] : [{ name: "FOpts", value: hexOf(frame.fOpts) }]),
  ...(frame.fPort === undefined ? [] : [{ name: "FPort", value: frame.fPort, note: portNote(frame.fPort) }]),
  ...(frame.frmPayload.length === 0
    ? []
    : [{ name: "FRMPayload", value: hexOf(frame.frmPayload), note: `${frame.frmPayload.length} bytes, encrypted` }]),
  micField(frame.mic),
];

interface Content {
  readonly commands?: readonly ExplainedCommand[];
  readonly payload?: NonNullable<Explanation["payload"]>;
  readonly notes: readonly string[];
}

function payloadOf(plain: Uint8Array): NonNullable<Explanation["payload"]> {
  const text = Buffer.from(plain).toString("latin1");
  return { hex: hexOf(plain), ...(/^[\t\n\r\x20-\x7e]+$/.test(text) && { text }) };
}

/** @param fCnt undefined when the MIC does not fit, so that decryption would give noise. */
function optionsContent(frame: DataFrame, session: Session, fCnt: number | undefined): Content {
  const { fOpts, direction, devAddr } = frame;
  if (fOpts.length === 0) return { notes: [] };
  const describe = (plain: Uint8Array) => describeCommands(plain, direction, session.macVersion);
  if (!session.version11) {
    const note = "FOpts are read as LoRaWAN 1.0 has them, in the clear; 1.1 encrypts them (--mac-version 1.1.0).";
    return { commands: describe(fOpts), notes: session.isVersionKnown ? [] : [note] };
  }
  if (session.nwkSEncKey === undefined) return { notes: ["FOpts are encrypted; --nwk-s-enc-key opens them."] };
  if (fCnt === undefined) return { notes: [] };
  const counter = fOptsCounterOf(direction, frame.fPort);
  return { commands: describe(cryptFOpts(session.nwkSEncKey, direction, devAddr, fCnt, counter, fOpts)), notes: [] };
}

function payloadContent(frame: DataFrame, session: Session, fCnt: number | undefined): Content {
  const { fPort, frmPayload, direction, devAddr } = frame;
  if (fPort === undefined || frmPayload.length === 0) return { notes: [] };
  const key = fPort === 0 ? session.nwkSEncKey : session.appSKey;
  const option = fPort > 0 ? "--app-s-key" : session.version11 ? "--nwk-s-enc-key" : "--nwk-s-key";
  if (key === undefined) return { notes: [`FRMPayload is encrypted; ${option} opens it.`] };
  if (fCnt === undefined) return { notes: [] };
  const plain = cryptPayload(key, direction, devAddr, fCnt, frmPayload);
  if (fPort > 0) return { payload: payloadOf(plain), notes: [] };
  return { commands: describeCommands(plain, direction, session.macVersion), notes: [] };
}

export function explainData(bytes: Uint8Array, frame: DataFrame, keys: DecodeKeys, hints: DecodeHints): Explanation {
  const session = sessionOf(keys, hints);
  const { verdict, fCnt } = checkDataMic(bytes, frame, session, hints);
  const isUnchecked = verdict.kind === "not checked";
  const assumedFCnt = (hints.fCntHigh ?? 0) * 65_536 + frame.fCnt16;
  const usableFCnt = isUnchecked ? assumedFCnt : fCnt;
  const options = optionsContent(frame, session, usableFCnt);
  const payload = payloadContent(frame, session, usableFCnt);
  const commands = options.commands ?? payload.commands;
  const isDecrypted = payload.payload !== undefined || payload.commands !== undefined;
  return {
    title: titleOf(frame),
    bytes: bytes.length,
    fields: fieldsOf(bytes, frame, fCnt),
    mic: verdict,
    ...(fCnt !== undefined && { fCnt }),
    ...(commands && { commands }),
    ...(payload.payload && { payload: payload.payload }),
    notes: [
      ...options.notes,
      ...payload.notes,
      ...(verdict.kind === "does not fit"
        ? ["Nothing is decrypted: with a wrong key or counter it would be noise."]
        : []),
      ...(isUnchecked && isDecrypted ? [`Decrypted as counter ${assumedFCnt} and without a check of the key.`] : []),
    ],
  };
}
