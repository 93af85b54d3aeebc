import { FrameError } from "../errors.ts";
import type { DevEui } from "../ids.ts";
import { type AesKey, deriveJoinServerKeys } from "../keys.ts";
import type { JoinAcceptContent, JoinRequest, RejoinRequest1, RejoinRequest02 } from "../phy/frame.ts";
import { type JoinAcceptSecurity, openJoinAccept, verifyJoinRequestMic, verifyRejoinMic } from "../phy/security.ts";
import {
  type DecodeHints,
  type DecodeKeys,
  type ExplainedField,
  type Explanation,
  hexOf,
  type MicVerdict,
  mhdrField,
  micField,
  notChecked,
} from "./explanation.ts";

interface NamedKey {
  readonly name: string;
  readonly key: AesKey;
}

const rootKeys = ({ appKey, nwkKey }: DecodeKeys): readonly NamedKey[] => [
  ...(appKey === undefined ? [] : [{ name: "AppKey", key: appKey }]),
  ...(nwkKey === undefined ? [] : [{ name: "NwkKey", key: nwkKey }]),
];

function plainVerdict(keys: readonly NamedKey[], fits: (key: AesKey) => boolean, wanted: string): MicVerdict {
  if (keys.length === 0) return notChecked(`give ${wanted} to check it`);
  const names = keys.map(({ name }) => name).join(" or ");
  const match = keys.find(({ key }) => fits(key));
  return match === undefined ? { kind: "does not fit", detail: names } : { kind: "fits", detail: match.name };
}

export function explainJoinRequest(bytes: Uint8Array, frame: JoinRequest, keys: DecodeKeys): Explanation {
  const title = "join-request";
  return {
    title,
    bytes: bytes.length,
    fields: [
      mhdrField(bytes, title),
      { name: "JoinEUI", value: frame.joinEui, note: "AppEUI up to LoRaWAN 1.0.3" },
      { name: "DevEUI", value: frame.devEui },
      { name: "DevNonce", value: frame.devNonce },
      micField(frame.mic),
    ],
    mic: plainVerdict(rootKeys(keys), key => verifyJoinRequestMic(key, bytes), "--app-key or --nwk-key"),
    notes: [],
  };
}

export function explainRejoinRequest(
  bytes: Uint8Array,
  frame: RejoinRequest1 | RejoinRequest02,
  keys: DecodeKeys,
): Explanation {
  const title = `rejoin-request of type ${frame.rejoinType}`;
  const isType1 = frame.rejoinType === 1;
  const networkKey = keys.sNwkSIntKey ?? keys.nwkSKey;
  const lifetimeKeys = rootKeys(keys).map(({ name, key }) => ({
    name: `JSIntKey of the ${name}`,
    key: deriveJoinServerKeys({ nwkKey: key, devEui: frame.devEui }).jsIntKey,
  }));
  const sessionKeys = networkKey === undefined ? [] : [{ name: "SNwkSIntKey", key: networkKey }];
  const [usable, wanted] = isType1 ? [lifetimeKeys, "--nwk-key"] : [sessionKeys, "--s-nwk-s-int-key"];
  return {
    title,
    bytes: bytes.length,
    fields: [
      mhdrField(bytes, title),
      { name: "RejoinType", value: frame.rejoinType },
      isType1 ? { name: "JoinEUI", value: frame.joinEui } : { name: "NetID", value: frame.netId },
      { name: "DevEUI", value: frame.devEui },
      isType1 ? { name: "RJcount1", value: frame.rjCount1 } : { name: "RJcount0", value: frame.rjCount0 },
      micField(frame.mic),
    ],
    mic: plainVerdict(usable, key => verifyRejoinMic(key, bytes), wanted),
    notes: [],
  };
}

interface OpenedAccept {
  readonly content: JoinAcceptContent;
  readonly mic: MicVerdict;
}

function open(bytes: Uint8Array, security: JoinAcceptSecurity): JoinAcceptContent | undefined {
  const opened = openJoinAccept(bytes, security);
  return opened instanceof FrameError || !opened.micValid ? undefined : opened.content;
}

const allNonces: readonly number[] = Array.from({ length: 65_536 }, (_, nonce) => nonce);

/**
 * LoRaWAN 1.1 binds the MIC to the request: its type, JoinEUI and DevNonce (TS001-1.1 6.2.3). Every nonce is tried when
 * none is given; 2^18 tries against a MIC of 32 bits leave little to chance.
 */
function open11(
  bytes: Uint8Array,
  { name, key }: NamedKey,
  devEui: DevEui,
  hints: DecodeHints,
): OpenedAccept | undefined {
  const { joinEui } = hints;
  if (joinEui === undefined) return undefined;
  const { jsIntKey, jsEncKey } = deriveJoinServerKeys({ nwkKey: key, devEui });
  const nonces = hints.devNonce === undefined ? allNonces : [hints.devNonce];
  for (const joinReqType of [0xff, 0, 1, 2] as const) {
    const encryptionKey = joinReqType === 0xff ? key : jsEncKey;
    for (const devNonce of nonces) {
      const content = open(bytes, {
        encryptionKey,
        mic: { kind: "1.1", key: jsIntKey, joinReqType, joinEui, devNonce },
      });
      if (content === undefined) continue;
      const answered = joinReqType === 0xff ? "a join-request" : `a rejoin-request of type ${joinReqType}`;
      return { content, mic: { kind: "fits", detail: `${name}; answers ${answered} with nonce ${devNonce}` } };
    }
  }
  return undefined;
}

function openWith(bytes: Uint8Array, named: NamedKey, hints: DecodeHints): OpenedAccept | undefined {
  const content = open(bytes, { encryptionKey: named.key, mic: { kind: "1.0", key: named.key } });
  if (content !== undefined) return { content, mic: { kind: "fits", detail: named.name } };
  return hints.devEui === undefined ? undefined : open11(bytes, named, hints.devEui, hints);
}

/** Content under a key of which the MIC cannot tell whether it is the right one. */
function openUnchecked(bytes: Uint8Array, named: NamedKey): OpenedAccept | undefined {
  const opened = openJoinAccept(bytes, { encryptionKey: named.key, mic: { kind: "1.0", key: named.key } });
  if (opened instanceof FrameError || !opened.content.optNeg) return undefined;
  const detail = "OptNeg is set, if the key is right: LoRaWAN 1.1 needs --dev-eui and --join-eui for it";
  return { content: opened.content, mic: notChecked(detail) };
}

function openAccept(bytes: Uint8Array, keys: DecodeKeys, hints: DecodeHints): OpenedAccept | MicVerdict {
  const named = rootKeys(keys);
  if (named.length === 0) return notChecked("the content is encrypted; give --app-key or --nwk-key");
  for (const key of named) {
    const opened = openWith(bytes, key, hints);
    if (opened !== undefined) return opened;
  }
  const isTried = hints.devEui !== undefined && hints.joinEui !== undefined;
  for (const key of isTried ? [] : named) {
    const opened = openUnchecked(bytes, key);
    if (opened !== undefined) return opened;
  }
  return { kind: "does not fit", detail: named.map(({ name }) => name).join(" or ") };
}

/** TS001-1.0.4 6.2.6: 16 bytes, of which the last tells the type. */
function cfListFields(cfList: Uint8Array): readonly ExplainedField[] {
  const type = cfList[15];
  const fields: ExplainedField[] = [{ name: "CFList", value: hexOf(cfList), note: `type ${type}` }];
  const view = new DataView(cfList.buffer, cfList.byteOffset, cfList.byteLength);
  if (type === 0) {
    const hz = [0, 3, 6, 9, 12].map(at => (view.getUint16(at, true) | (view.getUint8(at + 2) << 16)) * 100);
    fields.push({ name: "Frequencies", value: hz.filter(Boolean).join(", "), note: "Hz, of the next channels" });
  }
  if (type === 1) {
    const masks = [0, 2, 4, 6, 8].map(at => view.getUint16(at, true).toString(16).padStart(4, "0"));
    fields.push({ name: "ChMasks", value: masks.join(" "), note: "hex, 16 channels each, channel 0 is the last bit" });
  }
  return fields;
}

const contentFields = (content: JoinAcceptContent): readonly ExplainedField[] => [
  { name: "JoinNonce", value: content.joinNonce, note: "AppNonce up to LoRaWAN 1.0.3" },
  { name: "NetID", value: content.netId },
  { name: "DevAddr", value: content.devAddr },
  { name: "OptNeg", value: content.optNeg, note: content.optNeg ? "LoRaWAN 1.1" : "LoRaWAN 1.0" },
  { name: "RX1DROffset", value: content.rx1DrOffset },
  { name: "RX2DataRate", value: content.rx2DataRate },
  { name: "RxDelay", value: content.rxDelaySeconds, note: "seconds" },
  ...(content.cfList === undefined ? [] : cfListFields(content.cfList)),
];

export function explainJoinAccept(bytes: Uint8Array, keys: DecodeKeys, hints: DecodeHints): Explanation {
  const title = "join-accept";
  const opened = openAccept(bytes, keys, hints);
  const isOpen = "content" in opened;
  const content = isOpen ? contentFields(opened.content) : [];
  return {
    title,
    bytes: bytes.length,
    fields: [mhdrField(bytes, title), { name: "Encrypted", value: hexOf(bytes.subarray(1)) }, ...content],
    mic: isOpen ? opened.mic : opened,
    notes:
      isOpen && opened.mic.kind !== "fits" ? ["What is told of the content is true only if the key is right."] : [],
  };
}
