import type { NetworkContext } from "../context.ts";
import { updateDevice } from "../device-documents.ts";
import { windowsEndMs } from "../downlink/class-c-state.ts";
import { type PlannedDownlink, planDownlink } from "../downlink/plan.ts";
import { sendPlanned } from "../downlink/send.ts";
import { dataWindows } from "../downlink/windows.ts";
import type { Reception } from "../gateway/types.ts";
import type { DeviceConfig } from "../ports.ts";
import { regionOfSession, type Session } from "../session.ts";
import { isAnswerable } from "./complete.ts";

/**
 * A confirmed frame that comes again was not acknowledged in the device's eyes: it is acknowledged again, under a new
 * counter, and not delivered again (C13). Called with the device held.
 */
export async function acknowledgeRepeat(
  context: NetworkContext,
  device: DeviceConfig,
  fCnt: number,
  receptions: readonly Reception[],
): Promise<void> {
  if (!isAnswerable(receptions)) return;
  let downlink: PlannedDownlink | undefined;
  await updateDevice(context.store, device.devEui, loaded => {
    const { active } = loaded.state;
    downlink = active && planAck(active);
    return active && downlink && { state: { ...loaded.state, active: quiet(downlink) } };
  });
  if (downlink) sendPlanned(context, device, downlink, receptions);

  /** The repeat opened windows of its own. */
  function quiet(planned: PlannedDownlink): Session {
    const { session } = planned;
    if (!session.classC) return session;
    const quietUntilMs = windowsEndMs(session, receptions[0]?.receivedAtMs ?? context.clock.nowMs(), planned);
    return { ...session, classC: { ...session.classC, quietUntilMs } };
  }

  function planAck(session: Session): PlannedDownlink | undefined {
    const first = receptions[0];
    const region = regionOfSession(session);
    const dataRate = first && region.dataRateOf(first.modulation, "up");
    if (!first || dataRate === undefined) return undefined;
    const windows = dataWindows(region, session.mac.current, { frequencyHz: first.frequencyHz, dataRate });
    const adr = device.profile.adrAlgorithm !== "none";
    const demand = { ack: true, answerNeeded: true, answers: [], requests: [], adr, confFCnt: fCnt & 0xffff };
    return planDownlink(session, demand, [], windows, undefined, context.clock.nowMs()).downlink;
  }
}
