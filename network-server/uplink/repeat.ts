import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import type { NetworkContext } from "../context.ts";
import { updateDevice } from "../device-documents.ts";
import { afterRepeat, windowsInOrder } from "../downlink/pacing.ts";
import { type PlannedDownlink, planDownlink } from "../downlink/plan.ts";
import { sendPlanned } from "../downlink/send.ts";
import { dataWindows } from "../downlink/windows.ts";
import type { Reception } from "../gateway/types.ts";
import { isLate } from "../lateness.ts";
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
  const moreWaits = (await context.store.queue(device.devEui)).length > 0;
  let downlink: PlannedDownlink | undefined;
  await updateDevice(context, device.devEui, loaded => {
    const { active } = loaded.state;
    downlink = active && planAck(active);
    return (
      active && downlink && { state: { ...loaded.state, active: leftAlone(downlink.session, receptions[0], downlink) } }
    );
  });
  if (downlink) sendPlanned(context, device, downlink, receptions);

  function planAck(session: Session): PlannedDownlink | undefined {
    const first = receptions[0];
    const region = regionOfSession(session);
    const dataRate = first && region.dataRateOf(first.modulation, "up");
    if (!first || dataRate === undefined) return undefined;
    const heard = { frequencyHz: first.frequencyHz, dataRate };
    const windows = windowsInOrder(session, dataWindows(region, session.mac.current, heard), first.receivedAtMs);
    const adr = device.profile.adrAlgorithm !== "none";
    const content = { ack: true, answerNeeded: true, answers: [], requests: [], moreWaits };
    const demand = { ...content, adr, confFCnt: fCnt & 0xffff };
    return planDownlink(session, demand, [], windows, undefined, context.clock.nowMs()).downlink;
  }
}

/** A repeat that is not answered opens windows all the same, which a device of class B or C is left alone in (C51). */
export async function noteRepeat(context: NetworkContext, device: DeviceConfig, first: Reception): Promise<void> {
  if (isLate(first)) return;
  await updateDevice(context, device.devEui, ({ state }) =>
    state.active?.pacing ? { state: { ...state, active: leftAlone(state.active, first, undefined) } } : undefined,
  );
}

function leftAlone(session: Session, repeat: Reception | undefined, answer: PlannedDownlink | undefined): Session {
  if (!repeat) return session;
  const { receivedAtMs, modulation, phyPayload } = repeat;
  const startedAtMs = receivedAtMs - airtimeUs(modulation, phyPayload.length, { crc: true }) / 1000;
  return afterRepeat(session, { startedAtMs, receivedAtMs }, answer);
}
