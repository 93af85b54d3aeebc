import { deviceInitiated } from "./command.ts";
import { minorVersionMessage, serverMinor } from "./version-field.ts";

export const resetInd = minorVersionMessage(0x01, "ResetInd");
export const resetConf = minorVersionMessage(0x01, "ResetConf");

/**
 * LoRaWAN 1.1 5.1: an ABP device is back at what it was built with, and nothing asked before holds any more. Ignored from
 * a device that joined. The data rate is the one that this uplink came at.
 */
export const reset = deviceInitiated({
  since: "1.1.0",
  request: resetInd,
  response: resetConf,
  answer: (_request, { builtWith }, { current, deviceStatus, deviceStatusRequestedAtMs }) =>
    builtWith
      ? {
          state: {
            current: { ...builtWith, dataRate: current.dataRate },
            pending: [],
            failures: {},
            ...(deviceStatus && { deviceStatus }),
            ...(deviceStatusRequestedAtMs !== undefined && { deviceStatusRequestedAtMs }),
          },
          answer: { minor: serverMinor },
          events: [{ kind: "device-reset" }],
        }
      : {},
});
