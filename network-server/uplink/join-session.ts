import type { JoinAns } from "../../lorawan/backend/messages.ts";
import type { DevAddr, JoinEui } from "../../lorawan/ids.ts";
import type { MacState } from "../../lorawan/mac/state.ts";
import type { RegionName } from "../../lorawan/region/region.ts";
import type { MacVersion } from "../../lorawan/version.ts";
import type { KeyEnvelope } from "../../platform/state/network-event.ts";
import type { AppSKeyVault, DeviceConfig } from "../ports.ts";
import type { Session } from "../session.ts";

type BackendEnvelope = NonNullable<JoinAns["AppSKey"]>;

/** The part of a JoinAns or RejoinAns that a session is made of. */
export type JoinServerAnswer = Pick<
  JoinAns,
  "Result" | "PHYPayload" | "AppSKey" | "SessionKeyID" | "NwkSKey" | "FNwkSIntKey" | "SNwkSIntKey" | "NwkSEncKey"
>;

/** What a Join-Accept gives a device, beside the keys. */
export interface Assignment {
  readonly joinEui: JoinEui;
  readonly devAddr: DevAddr;
  readonly region: RegionName;
  readonly regionConfigId: string;
  /** Where the device's ping slots depend on it. */
  readonly joinChannelHz?: number;
  /** As the device has it once it has read the Join-Accept (C30). */
  readonly mac: MacState;
}

/**
 * Undefined when a network key is missing or wrapped under a KEK that is not ours. The AppSKey may be under any, and may be
 * missing where the Join Server says by what name an application gets it (TS002-1.1.0 `SessionKeyID`, C36).
 */
export function sessionFromJoin(
  vault: AppSKeyVault,
  device: DeviceConfig,
  assignment: Assignment,
  answer: JoinServerAnswer,
): Session | undefined {
  const keys = networkKeys(vault, device.profile.macVersion, answer);
  const { AppSKey, SessionKeyID = "" } = answer;
  const sessionKeyId = plainHex(SessionKeyID);
  if (!keys || (!AppSKey && sessionKeyId === "")) return undefined;
  return {
    ...assignment,
    regionalParameters: device.profile.regionalParameters,
    ...keys,
    ...(AppSKey && { appSKey: envelopeOf(AppSKey) }),
    ...(sessionKeyId !== "" && { sessionKeyId }),
    fCntUp: 0,
    nFCntDown: 0,
    aFCntDown: 0,
    confFCntDown: 0,
    adrHistory: [],
  };
}

type NetworkKeysAndVersion = Pick<Session, "macVersion" | "fNwkSIntKey" | "sNwkSIntKey" | "nwkSEncKey">;

// TS002 13.1: a 1.0.x answer has one NwkSKey; three keys mean that LoRaWAN 1.1 was negotiated.
function networkKeys(
  vault: AppSKeyVault,
  version: MacVersion,
  answer: JoinServerAnswer,
): NetworkKeysAndVersion | undefined {
  const open = (envelope: BackendEnvelope | undefined): string | undefined => {
    const key = envelope && vault.open(envelopeOf(envelope));
    return key && Buffer.from(key).toString("hex");
  };
  const nwkSKey = open(answer.NwkSKey);
  if (nwkSKey) {
    // A 1.1 device that fell back speaks 1.0 (TS001-1.1 6.2.5: OptNeg unset).
    const macVersion = version === "1.1.0" ? "1.0.4" : version;
    return { macVersion, fNwkSIntKey: nwkSKey, sNwkSIntKey: nwkSKey, nwkSEncKey: nwkSKey };
  }
  const fNwkSIntKey = open(answer.FNwkSIntKey);
  const sNwkSIntKey = open(answer.SNwkSIntKey);
  const nwkSEncKey = open(answer.NwkSEncKey);
  return fNwkSIntKey && sNwkSIntKey && nwkSEncKey
    ? { macVersion: "1.1.0", fNwkSIntKey, sNwkSIntKey, nwkSEncKey }
    : undefined;
}

const envelopeOf = (envelope: BackendEnvelope): KeyEnvelope => ({
  ...(envelope.KEKLabel && { kekLabel: envelope.KEKLabel }),
  aesKey: plainHex(envelope.AESKey),
});

const plainHex = (text: string): string => text.replace(/^0x/i, "").toLowerCase();
