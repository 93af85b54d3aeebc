import { deviceInitiated } from "./command.ts";
import { minorVersionMessage, serverMinor } from "./version-field.ts";

export const resetInd = minorVersionMessage(0x01, "ResetInd");
export const resetConf = minorVersionMessage(0x01, "ResetConf");

/**
 * LoRaWAN 1.1 5.1: an ABP device is back at what it was built with. Nothing asked before holds any more; what it was
 * built with is the device profile's to say, so `current` is set anew by whoever reads the event.
 */
export const reset = deviceInitiated({
  since: "1.1.0",
  request: resetInd,
  response: resetConf,
  answer: (_request, _context, { current, deviceStatus, deviceStatusRequestedAtMs }) => ({
    state: {
      current,
      pending: [],
      failures: {},
      ...(deviceStatus && { deviceStatus }),
      ...(deviceStatusRequestedAtMs !== undefined && { deviceStatusRequestedAtMs }),
    },
    answer: { minor: serverMinor },
    events: [{ kind: "device-reset" }],
  }),
});
