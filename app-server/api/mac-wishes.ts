import Type from "typebox";
import { isWireFrequency } from "../../lorawan/mac/message.ts";
import type { MacWishes } from "../catalog-ports.ts";
import { Refusal } from "./refusal.ts";
import { strict } from "./schemas.ts";

const orOwn = (description: string) => Type.Integer({ minimum: 0, maximum: 2_600_000_000, description });

/** The ranges are those of the MAC commands that carry the values. */
export const Mac = Type.Object(
  {
    rx1DelaySeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 15 })),
    rx1DrOffset: Type.Optional(Type.Integer({ minimum: 0, maximum: 7 })),
    rx2DataRate: Type.Optional(Type.Integer({ minimum: 0, maximum: 15 })),
    rx2FrequencyHz: Type.Optional(
      Type.Integer({
        minimum: 100_000_000,
        maximum: 2_600_000_000,
        description: "In steps of 100 Hz; from 2.4 GHz on of 200 Hz.",
      }),
    ),
    maxDutyCycleExponent: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 15, description: "All airtime under 1 / 2^n." }),
    ),
    uplinkDwellTime: Type.Optional(Type.Boolean({ description: "400 ms limit for uplinks." })),
    downlinkDwellTime: Type.Optional(Type.Boolean({ description: "400 ms limit for downlinks." })),
    maxEirpDbm: Type.Optional(Type.Number({ minimum: 8, maximum: 36 })),
    pingSlotFrequencyHz: Type.Optional(orOwn("Of class B ping slots; 0 is the region's own.")),
    pingSlotDataRate: Type.Optional(Type.Integer({ minimum: 0, maximum: 15 })),
    beaconFrequencyHz: Type.Optional(orOwn("Of the class B beacon; 0 is the region's own.")),
  },
  {
    ...strict,
    description:
      "What to use instead of what the region's configuration says; a device's goes before its profile's. A value " +
      "that the region lacks gives way to the region's own. A change replaces the whole object.",
  },
);

/** Throws Refusal for a frequency that no MAC command can carry. */
export function checkMac(mac: MacWishes | undefined): void {
  const { rx2FrequencyHz, pingSlotFrequencyHz, beaconFrequencyHz } = mac ?? {};
  for (const [name, frequencyHz] of Object.entries({ rx2FrequencyHz, pingSlotFrequencyHz, beaconFrequencyHz })) {
    checkFrequency(frequencyHz, `/body/mac/${name}`);
  }
}

/** Throws Refusal for a frequency that no MAC command can carry; 0 and nothing are the region's own. */
export function checkFrequency(frequencyHz: number | null | undefined, path: string): void {
  if (!frequencyHz || isWireFrequency(frequencyHz)) return;
  throw new Refusal(
    "invalid_value",
    "A frequency is a multiple of 100 Hz below 1.6777216 GHz, or a multiple of 200 Hz from 2.4 GHz on.",
    path,
  );
}
