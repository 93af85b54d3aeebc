import { FrameError } from "../lorawan/errors.ts";
import { explain } from "../lorawan/explain/explain.ts";
import type { DecodeKeys, Explanation } from "../lorawan/explain/explanation.ts";
import type { DevEui } from "../lorawan/ids.ts";
import type { AesKey } from "../lorawan/keys.ts";
import { decodeFrame } from "../lorawan/phy/codec.ts";
import { isVersion11 } from "../lorawan/version.ts";
import type { KeyEnvelope } from "../platform/state/network-event.ts";
import { type DeviceDocuments, loadDevice } from "./device-documents.ts";
import type { Session } from "./session.ts";
import { sessionKey } from "./session-keys.ts";

/** A frame of a device, as it is asked about. */
export interface FrameQuestion {
  readonly devEui: DevEui;
  readonly phyPayload: Uint8Array;
  /** All 32 bits, where they are known. */
  readonly fCnt?: number;
}

/**
 * A frame field by field, opened with the keys of the device's session. Undefined when they are not those of the frame: it is
 * of an earlier session, a join, or no data frame at all.
 */
export async function explainFrame(
  documents: DeviceDocuments,
  { devEui, phyPayload, fCnt }: FrameQuestion,
  openAppSKey: (envelope: KeyEnvelope) => AesKey | undefined,
): Promise<Explanation | undefined> {
  const frame = decodeFrame(phyPayload);
  if (frame instanceof FrameError || frame.kind !== "data") return undefined;
  const { active, joined } = (await loadDevice(documents, devEui)).state;
  const session = [active, joined].find(each => each?.devAddr === frame.devAddr);
  if (session === undefined) return undefined;
  const hints = { macVersion: session.macVersion, ...(fCnt !== undefined && { fCntHigh: Math.floor(fCnt / 65_536) }) };
  const explanation = explain(phyPayload, keysOf(session, openAppSKey), hints);
  return explanation instanceof FrameError ? undefined : explanation;
}

function keysOf(session: Session, openAppSKey: (envelope: KeyEnvelope) => AesKey | undefined): DecodeKeys {
  const appSKey = session.appSKey && openAppSKey(session.appSKey);
  const network = isVersion11(session.macVersion)
    ? {
        fNwkSIntKey: sessionKey(session.fNwkSIntKey),
        sNwkSIntKey: sessionKey(session.sNwkSIntKey),
        nwkSEncKey: sessionKey(session.nwkSEncKey),
      }
    : { nwkSKey: sessionKey(session.fNwkSIntKey) };
  return { ...network, ...(appSKey && { appSKey }) };
}
