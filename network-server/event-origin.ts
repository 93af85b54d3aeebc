import type { NetworkContext } from "./context.ts";
import { deviceClassOf } from "./downlink/device-class.ts";
import type { EventOrigin } from "./events.ts";
import type { DeviceConfig } from "./ports.ts";
import type { Session } from "./session.ts";

/** Something that happens now to a device, and how it listens in the session that there is. */
export const originOf = (
  { clock, newUuid }: Pick<NetworkContext, "clock" | "newUuid">,
  device: DeviceConfig,
  session?: Session,
): EventOrigin => ({
  device,
  atMs: clock.nowMs(),
  deduplicationId: newUuid(),
  ...(session && { deviceClass: deviceClassOf(session, device.profile) }),
});
