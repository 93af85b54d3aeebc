import { FrameError } from "../errors.ts";
import { decodeFrame } from "../phy/codec.ts";
import { explainData } from "./data.ts";
import { type DecodeHints, type DecodeKeys, type Explanation, hexOf, mhdrField, notChecked } from "./explanation.ts";
import { explainJoinAccept, explainJoinRequest, explainRejoinRequest } from "./join.ts";

/** A PHYPayload field by field. FrameError for bytes that are no frame; never throws. */
export function explain(
  phyPayload: Uint8Array,
  keys: DecodeKeys = {},
  hints: DecodeHints = {},
): Explanation | FrameError {
  const bytes = Uint8Array.from(phyPayload);
  const frame = decodeFrame(bytes);
  if (frame instanceof FrameError) return frame;
  switch (frame.kind) {
    case "join-request":
      return explainJoinRequest(bytes, frame, keys);
    case "join-accept":
      return explainJoinAccept(bytes, keys, hints);
    case "rejoin-request":
      return explainRejoinRequest(bytes, frame, keys);
    case "data":
      return explainData(bytes, frame, keys, hints);
    case "proprietary":
      return {
        title: "proprietary frame",
        bytes: bytes.length,
        fields: [mhdrField(bytes, "proprietary"), { name: "Payload", value: hexOf(frame.payload) }],
        mic: notChecked("proprietary frames have no MIC that others know"),
        notes: [],
      };
  }
}

/**
 * Bytes of what people paste: hex with or without spaces, colons, dashes and 0x, or base64 with either alphabet.
 * undefined for anything else.
 */
export function parseBytes(text: string): Uint8Array | undefined {
  const compact = text.replace(/\s/g, "");
  const hex = compact.replace(/^0x/i, "").replace(/[:-]/g, "");
  const fromHex = /^([0-9a-f]{2})+$/i.test(hex) ? Uint8Array.from(Buffer.from(hex, "hex")) : undefined;
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(compact) && compact.replace(/=/g, "").length % 4 !== 1;
  const fromBase64 = isBase64 ? Uint8Array.from(Buffer.from(compact, "base64")) : undefined;
  // Base64 of few bytes may look like hex: then it is what makes a frame.
  if (fromHex !== undefined && fromBase64 !== undefined && decodeFrame(fromHex) instanceof FrameError) {
    return decodeFrame(fromBase64) instanceof FrameError ? fromHex : fromBase64;
  }
  return fromHex ?? fromBase64;
}
