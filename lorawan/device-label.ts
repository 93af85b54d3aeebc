import { type DevEui, type JoinEui, parseDevEui, parseJoinEui } from "./ids.ts";

/** What the QR code on a device says of it (TR005-1.0 4.2). */
export interface DeviceLabel {
  /** TR005 as it was published, or one of the drafts that labels were printed by before. */
  readonly format: "tr005" | "tr005-draft-3" | "tr005-draft-2";
  readonly joinEui: JoinEui;
  readonly devEui: DevEui;
  /** Given by the LoRa Alliance; 0 where the vendor has none. */
  readonly vendorId: number;
  /** Given by the vendor. */
  readonly vendorProfileId: number;
  /** Shows to a Join Server that whoever has it owns the device: a secret. */
  readonly ownerToken?: string;
  readonly serialNumber?: string;
  readonly proprietary?: string;
}

export type LabelFault =
  /** Not the text of a device's label. */
  | "not_a_label"
  /** It begins like one, and an EUI, profile id or field is not as it must be. */
  | "malformed"
  /** It was misread or misprinted. */
  | "wrong_checksum";

export type LabelOutcome =
  | { readonly kind: "label"; readonly label: DeviceLabel }
  | { readonly kind: "refused"; readonly fault: LabelFault };

const refused = (fault: LabelFault): LabelOutcome => ({ kind: "refused", fault });

/** Longer than any QR code of text (ISO/IEC 18004, version 40, alphanumeric). */
const longestText = 4296;

/** What a scanner read. Never throws. */
export function parseDeviceLabel(scanned: string): LabelOutcome {
  const text = scanned.trim();
  if (text.length > longestText) return refused("not_a_label");
  const prefix = (length: number) => text.slice(0, length).toUpperCase();
  if (prefix(6) === "LW:D0:") return published(text);
  if (prefix(11) === "URN:DEV:LW:") return labelOf("tr005-draft-3", text.slice(11).split("_"), "V");
  if (prefix(10) === "URN:LW:DP:") return draft2(text.slice(10));
  return refused("not_a_label");
}

function published(text: string): LabelOutcome {
  const at = text.search(/:C[0-9A-F]{4}$/i);
  if (at < 0) return labelOf("tr005", text.slice(6).split(":"), "O");
  // Of everything before its own field.
  const isRight = crc16(text.slice(0, at)) === Number.parseInt(text.slice(at + 2), 16);
  return isRight ? labelOf("tr005", text.slice(6, at).split(":"), "O") : refused("wrong_checksum");
}

/** Fields are set apart by a percent sign, which some printers have escaped as in a URL. */
function draft2(rest: string): LabelOutcome {
  const [joinEui = "", devEui = "", profileId = "", ...more] = rest.split(":");
  const fields = more.join(":").replaceAll("%25", "%").split("%");
  return labelOf("tr005-draft-2", [joinEui, devEui, profileId, ...fields.filter(field => field !== "")], "V");
}

const euiPattern = /^([0-9a-f]{2}-?){7}[0-9a-f]{2}$/i;

/** `tokenLetter` begins the owner token's field: it has changed since the drafts. */
function labelOf(format: DeviceLabel["format"], parts: readonly string[], tokenLetter: "O" | "V"): LabelOutcome {
  const [joinEui = "", devEui = "", profileId = "", ...fields] = parts;
  if (!euiPattern.test(joinEui) || !euiPattern.test(devEui) || !/^[0-9a-f]{8}$/i.test(profileId)) {
    return refused("malformed");
  }
  const letters = fields.map(field => field.slice(0, 1).toUpperCase());
  // An empty field, or a checksum that is none.
  if (letters.includes("") || letters.includes("C") || new Set(letters).size < letters.length)
    return refused("malformed");
  const field = (letter: string): string | undefined => fields[letters.indexOf(letter)]?.slice(1) || undefined;
  const [ownerToken, serialNumber, proprietary] = [field(tokenLetter), field("S"), field("P")];
  return {
    kind: "label",
    label: {
      format,
      joinEui: parseJoinEui(joinEui),
      devEui: parseDevEui(devEui),
      vendorId: Number.parseInt(profileId.slice(0, 4), 16),
      vendorProfileId: Number.parseInt(profileId.slice(4), 16),
      ...(ownerToken !== undefined && { ownerToken }),
      ...(serialNumber !== undefined && { serialNumber }),
      ...(proprietary !== undefined && { proprietary }),
    },
  };
}

/** CRC-16/MODBUS, as TR005-1.0 4.2.5.5 has it. */
function crc16(text: string): number {
  let crc = 0xffff;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  }
  return crc;
}
