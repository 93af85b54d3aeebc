import { deviceInitiated } from "./command.ts";
import { minorVersionMessage, serverMinor } from "./version-field.ts";

export const rekeyInd = minorVersionMessage(0x0b, "RekeyInd");
export const rekeyConf = minorVersionMessage(0x0b, "RekeyConf");

/** LoRaWAN 1.1 5.10: repeated in every uplink until it is confirmed; ignored from a device that never joined. */
export const rekey = deviceInitiated({
  since: "1.1.0",
  request: rekeyInd,
  response: rekeyConf,
  answer: (_request, { builtWith }) =>
    builtWith ? {} : { answer: { minor: serverMinor }, events: [{ kind: "device-rekeyed" }] },
});
