import Type, { type Static } from "typebox";
import { parseDevAddr, parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import type { FrameRecord } from "../../platform/frames/frame-record.ts";
import type { Repositories } from "../catalog-ports.ts";
import type { FrameFilter } from "../history-ports.ts";
import { listScope, type Principal } from "./access.ts";
import type { FrameView } from "./frame-answer.ts";
import { found } from "./refusal.ts";
import { DevAddrText } from "./schemas.ts";

/** Which frames of a device or gateway a request wants, those that were or those to come. */
export const wishQuery = {
  direction: Type.Optional(Type.Enum(["up", "down"])),
  result: Type.Optional(
    Type.String({ pattern: "^[a-z-]{1,32}$", description: "Verdict of an uplink or outcome of a downlink." }),
  ),
  devAddr: Type.Optional(DevAddrText),
};
const Wishes = Type.Object(wishQuery);

export type FrameWishes = Pick<FrameFilter, "direction" | "result" | "devAddr">;

export const wishesOf = ({ direction, result, devAddr }: Static<typeof Wishes>): FrameWishes => ({
  ...(direction !== undefined && { direction }),
  ...(result !== undefined && { result }),
  ...(devAddr !== undefined && { devAddr: parseDevAddr(devAddr) }),
});

export const isWished = (frame: FrameRecord, { direction, result, devAddr }: FrameWishes): boolean =>
  (direction === undefined || frame.direction === direction) &&
  (result === undefined || (frame.direction === "up" ? frame.verdict : frame.outcome) === result) &&
  (devAddr === undefined || frame.devAddr === devAddr);

/** What is looked for, and how what is found is seen. */
export interface Looking {
  readonly filter: FrameFilter;
  readonly view: FrameView;
}

type Asked = Omit<FrameFilter, "tenants">;

/** What a caller may look at of the frames of one device or gateway. Rejects with Refusal. */
export interface FrameLooking {
  device(caller: Principal, devEui: string, asked: Asked): Promise<Looking>;
  /** What the gateway heard before it was this tenant's is not told to this one. */
  gateway(caller: Principal, gatewayId: string, asked: Asked): Promise<Looking>;
}

export function createFrameLooking({ devices, gateways }: Pick<Repositories, "devices" | "gateways">): FrameLooking {
  return {
    async device(caller, devEuiText, asked) {
      const { devEui, tenantId } = found(await devices.get(parseDevEui(devEuiText)), "device");
      return {
        filter: { ...listScope(caller, "read", tenantId, "applications"), ...asked, devEui },
        view: { kind: "device" },
      };
    },
    async gateway({ isAdministrator }, gatewayIdText, asked) {
      const { gatewayId, createdAt, tenantId } = found(await gateways.get(parseGatewayId(gatewayIdText)), "gateway");
      const isEarlier = asked.since === undefined || asked.since < createdAt;
      return {
        filter: { tenants: "all", ...asked, ...(!isAdministrator && isEarlier && { since: createdAt }), gatewayId },
        view: { kind: "gateway", gatewayId, tenantId: isAdministrator ? "all" : tenantId },
      };
    },
  };
}
