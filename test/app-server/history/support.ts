import { createEventKeeper, type EventKeeperOptions } from "../../../app-server/history/event-keeper.ts";
import { createFrameWriter } from "../../../app-server/history/frame-writer.ts";
import { createHistoryIntake } from "../../../app-server/history/intake.ts";
import { createKnownLimits } from "../../../app-server/history/limits.ts";
import {
  bothOf,
  createPartitions,
  eventTables,
  frameTables,
  sumTables,
} from "../../../app-server/history/partitions.ts";
import { createSweep } from "../../../app-server/history/retention.ts";
import { createHistory } from "../../../app-server/history/search.ts";
import { countFrames } from "../../../app-server/history/sums.ts";
import type { EventFilter, HistoryEvent, HistoryLimits } from "../../../app-server/history-ports.ts";
import type { ApplicationEvent, ApplicationEventKind } from "../../../app-server/ports.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import type { Sql } from "../../../platform/sql.ts";
import { applicationOf, deviceOf, gatewayOf, tenantOf } from "../../platform/frames/records.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

export const dayMs = 86_400_000;
/** When tests begin, as the virtual clock does. */
export const startMs = Date.UTC(2026, 0, 1);

export interface EventChanges {
  readonly kind?: ApplicationEventKind;
  readonly atMs?: number;
  /** Whose: tenant, application, device and gateway of this number. */
  readonly of?: number;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Event number n, the same every time it is made. */
export function testEvent(
  n: number,
  { kind = "up", atMs = startMs + n, of = 1, body = {} }: EventChanges = {},
): ApplicationEvent {
  const deduplicationId = `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
  const ofKind = {
    up: {
      deduplicationId,
      devAddr: "01020304",
      fCnt: n,
      dr: 5,
      rxInfo: [{ gatewayId: gatewayOf(of), rssi: -80, snr: 7.5 }],
    },
    log: { level: "ERROR", code: "OTAA", context: { deduplication_id: deduplicationId } },
    txack: { downlinkId: n, gatewayId: gatewayOf(of) },
  };
  const fields = kind === "up" || kind === "log" || kind === "txack" ? ofKind[kind] : { deduplicationId };
  const json = JSON.stringify({ time: new Date(atMs).toISOString(), ...fields, ...body });
  return { kind, tenantId: tenantOf(of), applicationId: applicationOf(of), devEui: deviceOf(of), json };
}

export const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

/** A history on this database, under a virtual clock. */
export function startHistory(sql: Sql, limits: Partial<HistoryLimits> = {}, onKept?: EventKeeperOptions["onKept"]) {
  const clock = createVirtualClock(startMs);
  const metrics = createMetrics();
  const defaults = { eventDays: 30, frameDays: 7, measurementDays: 400, maxMegabytes: 1000, ...limits };
  const known = createKnownLimits(sql, clock, defaults);
  const events = createPartitions(sql, eventTables);
  const frames = createPartitions(sql, frameTables);
  const sums = createPartitions(sql, sumTables);
  const history = createHistory(sql);
  /** Every page, of so many items. */
  const all = async (filter: Partial<EventFilter> = {}, limit = 100): Promise<readonly HistoryEvent[]> => {
    const found: HistoryEvent[] = [];
    for (let after: string | undefined; ; ) {
      const page = await history.events(
        { tenants: "all", ...filter },
        { limit, ...(after !== undefined && { after }) },
      );
      found.push(...page.items);
      if (page.next === undefined) return found;
      after = page.next;
    }
  };
  return {
    clock,
    metrics,
    history,
    all,
    keeper: createEventKeeper({ intake: createHistoryIntake(sql, clock, defaults), metrics, onKept }),
    frameWriter: createFrameWriter(sql, bothOf(frames, sums), countFrames, () => true),
    sweep: createSweep({ sql, clock, limits: known, events, frames, sums }),
  };
}
