import {
  type DevAddr,
  type DevEui,
  type GatewayId,
  parseDevAddr,
  parseDevEui,
  parseGatewayId,
} from "../../lorawan/ids.ts";
import { partitionOf, type StateStore } from "../../platform/state/store.ts";

export const devEuiOf = (n: number | bigint): DevEui => parseDevEui(n.toString(16).padStart(16, "0"));
export const gatewayIdOf = (n: number | bigint): GatewayId => parseGatewayId(n.toString(16).padStart(16, "0"));
export const devAddrOf = (n: number): DevAddr => parseDevAddr(n.toString(16).padStart(8, "0"));

/** Plain Uint8Array of a text's UTF-8. */
export const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
export const text = (value: Uint8Array): string => Buffer.from(value).toString();
export const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");
export const hexes = (entries: readonly { readonly value: Uint8Array }[]): readonly string[] =>
  entries.map(entry => hex(entry.value));

export const eventTexts = async (store: StateStore, partition: number): Promise<readonly string[]> =>
  (await store.readEvents(partition, "", 10_000)).map(event => text(event.value));

/** The first `count` DevEUIs that fall into this partition. */
export function devEuisIn(partition: number, count: number): readonly DevEui[] {
  const found: DevEui[] = [];
  for (let n = 0; found.length < count; n += 1) {
    const devEui = devEuiOf(n);
    if (partitionOf(devEui) === partition) found.push(devEui);
  }
  return found;
}
