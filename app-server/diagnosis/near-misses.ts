import type { DevEui, GatewayId } from "../../lorawan/ids.ts";
import { parseDevEui } from "../../lorawan/ids.ts";
import type { Device } from "../catalog-ports.ts";

/** How a Join-Request of nobody resembles what was typed in for a device. */
export type NearMissKind = "reversed" | "swapped" | "mistyped" | "address-reversed";

export interface NearMiss {
  readonly kind: NearMissKind;
  readonly atMs: number;
  /** What was heard: a DevEUI, or a DevAddr. */
  readonly heard: string;
  readonly gatewayIds: readonly GatewayId[];
}

/** The bytes of an EUI or address the other way round. */
export const reversedBytes = (hex: string): string => (hex.match(/../g) ?? []).toReversed().join("");

const hexDigits = "0123456789abcdef";

/** Every text with one digit changed, or two neighbours exchanged: how people mistype. */
function mistyped(text: string): readonly string[] {
  const variants: string[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const [before, after] = [text.slice(0, index), text.slice(index + 1)];
    for (const digit of hexDigits) variants.push(`${before}${digit}${after}`);
    const next = after[0];
    if (next !== undefined) variants.push(`${before}${next}${text[index]}${after.slice(1)}`);
  }
  return variants;
}

/** DevEUIs under which the device may be heard if something was typed wrongly, the surest first. */
export function nearDevEuis({
  devEui,
  joinEui,
}: Pick<Device, "devEui" | "joinEui">): ReadonlyMap<DevEui, NearMissKind> {
  const near = new Map<DevEui, NearMissKind>();
  const add = (text: string, kind: NearMissKind): void => {
    const eui = parseDevEui(text);
    if (eui !== devEui && !near.has(eui)) near.set(eui, kind);
  };
  add(reversedBytes(devEui), "reversed");
  add(joinEui, "swapped");
  for (const text of mistyped(devEui)) add(text, "mistyped");
  return near;
}
