import Type, { type Static } from "typebox";
import { parseDevAddr } from "../../lorawan/ids.ts";
import { isVersion11, type MacVersion } from "../../lorawan/version.ts";
import type { Activation } from "../ports.ts";
import { Refusal } from "./refusal.ts";
import { DevAddrText, Key128, strict } from "./schemas.ts";

export const KeysBody = Type.Object(
  {
    nwkKey: Type.Optional(Key128),
    appKey: Type.Optional(Key128),
  },
  {
    ...strict,
    description:
      "LoRaWAN 1.1 has both keys. Earlier versions have one, the AppKey on the label, taken from either member.",
  },
);

/** A counter may go up to 2^32-1, and a session ends before that (C21). */
const Counter = Type.Integer({ minimum: 0, maximum: 4_294_967_294 });
export const ActivationBody = Type.Object(
  {
    devAddr: DevAddrText,
    appSKey: Key128,
    nwkSKey: Type.Optional(Key128),
    fNwkSIntKey: Type.Optional(Key128),
    sNwkSIntKey: Type.Optional(Key128),
    nwkSEncKey: Type.Optional(Key128),
    fCntUp: Type.Optional(Counter),
    nFCntDown: Type.Optional(Counter),
    aFCntDown: Type.Optional(Counter),
  },
  {
    ...strict,
    description:
      "LoRaWAN 1.1 has fNwkSIntKey, sNwkSIntKey and nwkSEncKey; earlier versions have nwkSKey instead. Counters are the " +
      "next ones, 0 for a device that starts.",
  },
);

/** Root keys as the Join Server names them (TS001-1.0.4 6.1.1.3: up to 1.0.4 there is one, with the name AppKey). */
export function rootKeysOf(
  body: Static<typeof KeysBody>,
  macVersion: MacVersion,
  path: string,
): { readonly nwkKey: string; readonly appKey?: string } {
  const { nwkKey, appKey } = body;
  if (isVersion11(macVersion)) {
    if (nwkKey === undefined || appKey === undefined) {
      throw new Refusal("invalid_value", "A LoRaWAN 1.1 device has a NwkKey and an AppKey.", path);
    }
    return { nwkKey: nwkKey.toLowerCase(), appKey: appKey.toLowerCase() };
  }
  const rootKey = nwkKey ?? appKey;
  if (rootKey === undefined) throw new Refusal("invalid_value", "The device's AppKey is missing.", path);
  const both = nwkKey !== undefined && appKey !== undefined;
  return { nwkKey: rootKey.toLowerCase(), ...(both && { appKey: appKey.toLowerCase() }) };
}

function networkKeysOf(body: Static<typeof ActivationBody>, macVersion: MacVersion, path: string) {
  const { nwkSKey, fNwkSIntKey, sNwkSIntKey, nwkSEncKey } = body;
  if (fNwkSIntKey !== undefined && sNwkSIntKey !== undefined && nwkSEncKey !== undefined && nwkSKey === undefined) {
    return { fNwkSIntKey, sNwkSIntKey, nwkSEncKey };
  }
  const others = [fNwkSIntKey, sNwkSIntKey, nwkSEncKey].some(key => key !== undefined);
  if (isVersion11(macVersion) || nwkSKey === undefined || others) {
    const wanted = isVersion11(macVersion) ? "fNwkSIntKey, sNwkSIntKey and nwkSEncKey" : "nwkSKey";
    throw new Refusal("invalid_value", `A device of version ${macVersion} has the network keys ${wanted}.`, path);
  }
  return { fNwkSIntKey: nwkSKey, sNwkSIntKey: nwkSKey, nwkSEncKey: nwkSKey };
}

export function activationOf(body: Static<typeof ActivationBody>, macVersion: MacVersion, path: string): Activation {
  const keys = networkKeysOf(body, macVersion, path);
  const nFCntDown = body.nFCntDown ?? 0;
  return {
    devAddr: parseDevAddr(body.devAddr),
    appSKey: body.appSKey.toLowerCase(),
    fNwkSIntKey: keys.fNwkSIntKey.toLowerCase(),
    sNwkSIntKey: keys.sNwkSIntKey.toLowerCase(),
    nwkSEncKey: keys.nwkSEncKey.toLowerCase(),
    fCntUp: body.fCntUp ?? 0,
    nFCntDown,
    // Before 1.1 there is one downlink counter for both.
    aFCntDown: body.aFCntDown ?? (isVersion11(macVersion) ? 0 : nFCntDown),
  };
}
