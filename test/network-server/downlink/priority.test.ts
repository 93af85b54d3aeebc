import { expect, test } from "vitest";
import { parseAesKey } from "../../../lorawan/keys.ts";
import { type DownlinkFields, sealDownlink } from "../../../lorawan/phy/security.ts";
import { priorityOf } from "../../../network-server/downlink/priority.ts";
import { appSKey, nwkSKey, someDevAddr } from "../../support/sessions.ts";

const frame = (changes: Partial<DownlinkFields>): Uint8Array =>
  sealDownlink(
    {
      version11: false,
      confirmed: false,
      devAddr: someDevAddr,
      adr: false,
      ack: false,
      fPending: false,
      fCnt: 1,
      fOpts: new Uint8Array(),
      frmPayload: new Uint8Array(),
      confFCnt: 0,
      ...changes,
    },
    { sNwkSIntKey: parseAesKey(nwkSKey), nwkSEncKey: parseAesKey(nwkSKey), appSKey: parseAesKey(appSKey) },
  );

test("a frame tells by itself how important it is", () => {
  const payload = { fPort: 1, frmPayload: Uint8Array.of(1) };
  expect(priorityOf(Buffer.alloc(17).fill(0x20, 0, 1))).toBe("join-accept");
  expect(priorityOf(frame({ ack: true }))).toBe("control");
  expect(priorityOf(frame({ ...payload, ack: true }))).toBe("control");
  expect(priorityOf(frame({ ...payload, fOpts: Uint8Array.of(6) }))).toBe("control");
  expect(priorityOf(frame({ fPort: 0, frmPayload: Uint8Array.of(6) }))).toBe("control");
  expect(priorityOf(frame(payload))).toBe("class-a");
  expect(priorityOf(Uint8Array.of(1, 2))).toBe("class-a");
});
