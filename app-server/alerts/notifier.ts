import { parseApplicationId, parseDevEui } from "../../lorawan/ids.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { AlertStore, UntoldAlert } from "../alert-ports.ts";
import type { ApplicationEvent } from "../ports.ts";
import type { AlertTools } from "./keeper.ts";
import { alertBody, alertSentence } from "./words.ts";

export interface NotifierOptions extends Pick<AlertTools, "clock"> {
  readonly store: Pick<AlertStore, "untold" | "toldOf" | "markTold">;
  /** Each resolves when the event is durably taken. */
  readonly outlets: readonly ((event: ApplicationEvent) => Promise<void>)[];
  readonly metrics: Metrics;
}

const batch = 500;
/** So many of one kind are told one by one in this time; what comes beyond it is told together. */
const mostAlone = 10;
const floodMs = 600_000;
const mostExamples = 20;
/** What alerts of gateways and integrations are of, where an event names an application. */
const noApplication = parseApplicationId("00000000-0000-0000-0000-000000000000");

/** Tells of alerts whose subjects are in these partitions: each at least once, and never hundreds one by one. */
export function createNotifier(options: NotifierOptions): (partitions: readonly number[]) => Promise<void> {
  const { store } = options;
  return async partitions => {
    const untold = await store.untold(partitions, batch);
    const groups = Map.groupBy(untold, ({ alert, transition }) => `${alert.tenantId} ${alert.kind} ${transition}`);
    for (const group of groups.values()) await tellGroup(group, options);
  };
}

async function tellGroup(group: readonly UntoldAlert[], options: NotifierOptions): Promise<void> {
  const [first] = group;
  if (first === undefined) return;
  const { store, clock } = options;
  const nowMs = clock.nowMs();
  const { tenantId, kind } = first.alert;
  const told = await store.toldOf(tenantId, kind, nowMs - floodMs);
  const alone = group.slice(0, Math.max(0, mostAlone - told.count));
  for (const one of alone) {
    await tell([one], options);
    await store.markTold([one], nowMs, false);
  }
  const rest = group.slice(alone.length);
  const [next] = rest;
  if (next === undefined) return;
  if (rest.length > 1 || told.count >= mostAlone) {
    // One word for all that came meanwhile, and the next not before this time has passed again.
    const isTooSoon = told.count >= mostAlone && told.lastAtMs !== undefined && nowMs - told.lastAtMs < floodMs / 10;
    if (isTooSoon) return;
  }
  await tell(rest, options);
  await store.markTold(rest, nowMs, true);
}

async function tell(group: readonly UntoldAlert[], { outlets, metrics }: NotifierOptions): Promise<void> {
  const event = alertEvent(group);
  for (const outlet of outlets) await outlet(event);
  metrics.alertNotifications.inc({ transition: group[0]?.transition ?? "raised" });
}

/** Of one alert or of several of a kind; known by the first of them. */
export function alertEvent(group: readonly UntoldAlert[]): ApplicationEvent {
  const [first] = group;
  if (first === undefined) throw new Error("there is nothing to tell");
  const { alert, transition } = first;
  const { tenantId, applicationId, subjectType, subject, subjectName } = alert;
  const time = (transition === "raised" ? alert.raisedAt : alert.clearedAt) ?? alert.raisedAt;
  const deviceInfo =
    subjectType === "device"
      ? { deviceInfo: { tenantId, applicationId, deviceName: subjectName, devEui: subject } }
      : {};
  const others = group
    .slice(1, 1 + mostExamples)
    .map(other => ({ id: other.alert.id, subject: alertBody(other.alert).subject }));
  const json = JSON.stringify({
    deduplicationId: `${alert.id}-${transition}`,
    time,
    ...deviceInfo,
    tenantId,
    transition,
    sentence: alertSentence(first, group.length - 1),
    alert: alertBody(alert),
    ...(group.length > 1 && { count: group.length, others }),
  });
  return { kind: "alert", tenantId, applicationId: applicationId ?? noApplication, devEui: placeOf(alert), json };
}

/** Events stay in order for each DevEUI: where there is none, something like one. */
const placeOf = ({ subject }: UntoldAlert["alert"]) => parseDevEui(subject.replaceAll("-", "").slice(0, 16));
