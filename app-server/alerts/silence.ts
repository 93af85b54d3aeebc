import type { SilentDevice } from "../alert-ports.ts";
import type { Fact } from "./facts.ts";
import { type AlertTools, observe } from "./keeper.ts";

const batch = 1000;
/** Who has not looked for longer than this has missed what happened. */
export const longestPauseMs = 300_000;
const outagesSinceMs = 30 * 86_400_000;
/** Devices of a gateway that is away are looked at again then. */
const lookAgainMs = 60_000;
/** What is said of devices whose events are further behind than this could be wrong: it is not said. */
const longestLagMs = 30_000;

/** Up to when this process has had every event of a partition. */
export type HeardUpTo = ReadonlyMap<number, number>;

/** Looks for devices that should have been heard by the time up to which all that was heard is known. */
export async function sweepSilence(heardUpTo: HeardUpTo, tools: AlertTools): Promise<void> {
  const { store, clock } = tools;
  const nowMs = clock.nowMs();
  const known = [...heardUpTo].filter(([, upToMs]) => nowMs - upToMs <= longestLagMs);
  if (known.length === 0) return;
  // After a time in which nobody looked, devices are given theirs again first.
  const lookedAtMs = await store.lookedAt();
  if (lookedAtMs === undefined || nowMs - lookedAtMs > longestPauseMs) return;
  const asOfMs = Math.min(nowMs, ...known.map(([, upToMs]) => upToMs));
  const partitions = known.map(([partition]) => partition);
  const silent = await store.silent(partitions, asOfMs, batch);
  if (silent.length === 0) return;
  const outages = await store.outages(nowMs - outagesSinceMs);
  const { waiting = [], gone = [] } = Object.groupBy(silent, device =>
    isExcused(device, outages, nowMs) ? "waiting" : "gone",
  );
  await store.postpone(
    waiting.map(({ devEui }) => devEui),
    nowMs + lookAgainMs,
  );
  await observe(
    gone.map(({ devEui, tenantId, applicationId, heardAtMs, intervalMs }): Fact => {
      const value = Math.round((10 * (asOfMs - heardAtMs)) / intervalMs) / 10;
      const details = {
        lastHeardAt: new Date(heardAtMs).toISOString(),
        intervalSeconds: Math.round(intervalMs / 1000),
      };
      const subject = { tenantId, applicationId, kind: "device-silent", type: "device", id: devEui } as const;
      return { subject, observation: { kind: "value", value, details } };
    }),
    tools,
  );
  await store.postpone(
    gone.map(({ devEui }) => devEui),
    undefined,
  );
}

/** Every gateway that heard it is away, or has not been back for as long as the device takes to say something. */
const isExcused = (
  { gateways, intervalMs }: SilentDevice,
  outages: ReadonlyMap<string, number>,
  nowMs: number,
): boolean =>
  gateways.length > 0 &&
  gateways.every(id => (outages.get(id) ?? Number.NEGATIVE_INFINITY) > nowMs - Math.max(intervalMs, lookAgainMs));
