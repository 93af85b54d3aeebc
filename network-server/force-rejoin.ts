import { UpchirpError } from "../lorawan/errors.ts";
import type { DevEui } from "../lorawan/ids.ts";
import { requestKey } from "../lorawan/mac/command.ts";
import { forceRejoinReq } from "../lorawan/mac/force-rejoin.ts";
import { encodeMessage } from "../lorawan/mac/message.ts";
import type { ForceRejoinOrder, MacState } from "../lorawan/mac/state.ts";
import { isVersion11 } from "../lorawan/version.ts";
import type { NetworkContext } from "./context.ts";
import { updateDevice } from "./device-documents.ts";

/** Only a device that joined with LoRaWAN 1.1 can rejoin. */
export class RejoinImpossible extends UpchirpError {
  readonly code = "rejoin_impossible";
}

/** `rejoinType` 0 gives a new session and new radio parameters, 2 new keys and a new address. */
export type ForceRejoinRequest = Pick<ForceRejoinOrder, "rejoinType"> & Partial<ForceRejoinOrder>;

/** Orders a device to rejoin, with its next downlinks until it obeys (TS001-1.1 5.13). Throws RejoinImpossible. */
export async function forceRejoin(
  context: Pick<NetworkContext, "devices" | "store">,
  devEui: DevEui,
  request: ForceRejoinRequest,
): Promise<void> {
  await context.devices.run(devEui, async () => {
    await updateDevice(context, devEui, ({ state }) => {
      const { active } = state;
      if (!active || !isVersion11(active.macVersion) || active.joinEui === undefined) {
        throw new RejoinImpossible(`device ${devEui} has no LoRaWAN 1.1 session from a join`, { devEui });
      }
      return { state: { ...state, active: { ...active, mac: withOrder(active.mac, request) } } };
    });
  });
}

/** An order that was given up before may be given again. */
function withOrder(mac: MacState, request: ForceRejoinRequest): MacState {
  const { rejoinType, period = 0, maxRetries = 3, dataRate = mac.current.dataRate } = request;
  const order: ForceRejoinOrder = { rejoinType, period, maxRetries, dataRate };
  const { [requestKey(encodeMessage(forceRejoinReq, { ...order }))]: _, ...failures } = mac.failures;
  return { ...mac, failures, forceRejoin: order };
}
