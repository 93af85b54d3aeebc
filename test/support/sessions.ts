import { type DevAddr, parseDevAddr } from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import { initialMacState } from "../../lorawan/mac/engine.ts";
import { decodeFrame } from "../../lorawan/phy/codec.ts";
import type { DataFrame } from "../../lorawan/phy/frame.ts";
import { sealUplink, type UplinkFields } from "../../lorawan/phy/security.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import type { Session } from "../../network-server/session.ts";

export const someDevAddr: DevAddr = parseDevAddr("01ab23cd");
export const nwkSKey = "000102030405060708090a0b0c0d0e0f";
export const appSKey = "101112131415161718191a1b1c1d1e1f";

/** A session of a LoRaWAN 1.0.4 device in EU868 that has just been activated. */
export function someSession(changes: Partial<Session> = {}): Session {
  const region = regionOf("EU868", "RP002-1.0.4");
  return {
    devAddr: someDevAddr,
    macVersion: "1.0.4",
    regionalParameters: "RP002-1.0.4",
    region: "EU868",
    regionConfigId: "eu868",
    fNwkSIntKey: nwkSKey,
    sNwkSIntKey: nwkSKey,
    nwkSEncKey: nwkSKey,
    appSKey: { aesKey: appSKey },
    fCntUp: 0,
    nFCntDown: 0,
    aFCntDown: 0,
    confFCntDown: 0,
    adrHistory: [],
    mac: initialMacState(region, {
      rx1DelaySeconds: 1,
      rx1DrOffset: 0,
      rx2DataRate: 0,
      rx2FrequencyHz: region.rx2.frequencyHz,
      channels: region.defaultChannels,
      enabledChannels: [0, 1, 2],
    }),
    ...changes,
  };
}

/** An uplink of that session, and the frame that a server reads in it. */
export function someUplink(
  changes: Partial<UplinkFields> = {},
  key: string = nwkSKey,
): { readonly phyPayload: Uint8Array; readonly frame: DataFrame } {
  const network = parseAesKey(key);
  const phyPayload = sealUplink(
    {
      version11: false,
      confirmed: false,
      devAddr: someDevAddr,
      adr: true,
      adrAckReq: false,
      ack: false,
      classB: false,
      fCnt: 0,
      fOpts: new Uint8Array(),
      fPort: 1,
      frmPayload: Uint8Array.of(1, 2, 3),
      confFCnt: 0,
      txDr: 0,
      txCh: 0,
      ...changes,
    },
    { fNwkSIntKey: network, sNwkSIntKey: network, nwkSEncKey: network, appSKey: parseAesKey(appSKey) },
  );
  const frame = decodeFrame(phyPayload);
  if (!("kind" in frame) || frame.kind !== "data") throw new Error("the uplink does not decode");
  return { phyPayload, frame };
}
