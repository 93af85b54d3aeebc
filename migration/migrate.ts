import { CatalogConflict } from "../app-server/catalog-ports.ts";
import { MalformedValue, UpchirpError } from "../lorawan/errors.ts";
import type { RegionConfig } from "../network-server/config.ts";
import { loadDevice, updateDevice } from "../network-server/device-documents.ts";
import type { DeviceState, Session } from "../network-server/session.ts";
import type { Clock } from "../platform/clock.ts";
import { SqlError } from "../platform/errors.ts";
import type { QueueItem } from "../platform/state/queue-item.ts";
import type { Carried, CarriedDevice, CarriedSession } from "./carried.ts";
import { type Merge, mergeSession } from "./merge.ts";
import { dropSent, putQueue } from "./queues.ts";
import { createRegionSurvey, type RegionSurvey } from "./region-survey.ts";
import { createReport, type Report, type ReportKind } from "./report.ts";
import { type SessionContext, sessionFrom } from "./session.ts";
import type { MigrationSource } from "./source.ts";
import { joinNonceHere, type MigrationTarget, putDevice, putNonces, putOnce, putRootKeys, putUser } from "./target.ts";

export interface MigrationOptions {
  readonly source: MigrationSource;
  /** Absent for a dry run: everything is read and made into what it would be here, and written nowhere. */
  readonly target?: MigrationTarget;
  readonly regionConfigs: readonly RegionConfig[];
  readonly envelopeOf: SessionContext["envelopeOf"];
  /** Added to downlink counters, for frames that the other server may send yet. */
  readonly skippedDownlinks: number;
  readonly withQueues: boolean;
  readonly clock: Clock;
  /** Called once all tenants are there. */
  readonly prepare?: () => Promise<void>;
  readonly progress: (devices: number) => void;
}

export interface MigrationResult {
  readonly report: Report;
  /** See RegionSurvey. */
  readonly regionBlocks: string;
}

const devicesAtOnce = 16;
const progressEvery = 1000;

/**
 * Brings everything of the other server here. What is here already is compared and left or, where counters are behind, raised: a
 * run that was ended is simply repeated. Throws when the other server cannot be read or this one cannot be written.
 */
export async function migrateFrom(options: MigrationOptions): Promise<MigrationResult> {
  const report = createReport();
  const survey = createRegionSurvey(options.regionConfigs);
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let devices = 0;
  let isPrepared = false;
  for await (const carried of options.source.read(report)) {
    if (failure) break;
    if (carried.kind !== "tenant" && !isPrepared) {
      isPrepared = true;
      if (options.target) await options.prepare?.();
    }
    if (carried.kind !== "device") {
      await putOther(options, report, carried);
      continue;
    }
    const work = putWholeDevice(options, report, survey, carried.device)
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => underWay.delete(work));
    underWay.add(work);
    devices += 1;
    if (devices % progressEvery === 0) options.progress(devices);
    if (underWay.size >= devicesAtOnce) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  if (failure) throw failure.error;
  return { report, regionBlocks: survey.blocks() };
}

/** Runs what concerns one thing; true if it went well. What is wrong with the thing itself is told, and the rest goes on. */
async function attempt(report: Report, kind: ReportKind, id: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!isOfTheThing(error)) throw error;
    report.fault({ kind, id, reason: error.message });
    return false;
  }
}

const ownSqlFaults: readonly string[] = [
  "sql_unique_violation",
  "sql_foreign_key_violation",
  "sql_check_violation",
  "sql_invalid_value",
];

const isOfTheThing = (error: unknown): error is UpchirpError =>
  error instanceof MalformedValue ||
  error instanceof CatalogConflict ||
  (error instanceof SqlError && ownSqlFaults.includes(error.code)) ||
  (error instanceof UpchirpError && error.code === "unreadable_session");

async function putOther(
  { target }: MigrationOptions,
  report: Report,
  carried: Exclude<Carried, { kind: "device" }>,
): Promise<void> {
  const { kind } = carried;
  await attempt(report, kind, nameOf(carried), async () => {
    if (!target) return report.count(kind, "carried");
    if (carried.kind === "user") return report.count(kind, await putUser(target, carried.user));
    report.count(kind, (await putOnce(target, carried.kind, recordOf(carried))) ? "carried" : "present");
  });
}

function recordOf(carried: Exclude<Carried, { kind: "device" } | { kind: "user" }>): object {
  switch (carried.kind) {
    case "tenant":
      return carried.tenant;
    case "application":
      return carried.application;
    case "profile":
      return carried.profile;
    case "gateway": {
      const { gatewayId, ...gateway } = carried.gateway;
      return { ...gateway, gateway_id: gatewayId };
    }
  }
}

function nameOf(carried: Exclude<Carried, { kind: "device" }>): string {
  switch (carried.kind) {
    case "tenant":
      return carried.tenant.id;
    case "user":
      return carried.user.email;
    case "application":
      return carried.application.id;
    case "profile":
      return carried.profile.id;
    case "gateway":
      return carried.gateway.gatewayId;
  }
}

async function putWholeDevice(
  options: MigrationOptions,
  report: Report,
  survey: RegionSurvey,
  device: CarriedDevice,
): Promise<void> {
  const { target } = options;
  const { devEui } = device.device;
  const isThere = await attempt(report, "device", devEui, async () => {
    if (!target) return report.count("device", "carried");
    const isNew = await putDevice(target, device);
    const hasNewKeys = await putRootKeys(target, device, report);
    // Before the nonces, which then say that everything of the device is here.
    await putState(options, target, report, survey, device);
    const hasNewNonces = await putNonces(target, device);
    const isRaised = hasNewKeys || hasNewNonces;
    report.count("device", isNew ? "carried" : isRaised ? "raised" : "present");
  });
  if (isThere && !target) foresee(options, report, survey, device);
}

function foresee(options: MigrationOptions, report: Report, survey: RegionSurvey, device: CarriedDevice): void {
  if (sessionsOf(options, report, survey, device).carried) report.count("session", "carried");
  if (options.withQueues) for (const _ of device.queue) report.count("downlink", "carried");
}

async function putState(
  options: MigrationOptions,
  target: MigrationTarget,
  report: Report,
  survey: RegionSurvey,
  device: CarriedDevice,
): Promise<void> {
  const { devEui } = device.device;
  const queue = options.withQueues ? device.queue : [];
  const sessions = sessionsOf(options, report, survey, device);
  // On the state as it is at each try, since a server may run beside.
  const merge = async (here: DeviceState): Promise<Merge> =>
    mergeSession({ here, ...sessions, joinNonce: await joinNoncesOf(target, device, here) });
  let outcome = await merge((await loadDevice(target, devEui)).state);
  if (outcome.kind === "write" && options.withQueues) await dropSent(target, devEui, queue);
  // Before the session, since nothing is sent to a device without one: it begins with everything that waits for it.
  await putQueue(target, devEui, queue, report);
  await updateDevice(target, devEui, async ({ state }) => {
    outcome = await merge(state);
    return outcome.kind === "write" ? { state: outcome.state } : undefined;
  });
  if (outcome.kind === "write") report.count("session", outcome.outcome);
  else if (sessions.carried) report.count("session", "present");
  if (outcome.kind === "leave" && outcome.why === "newer" && sessions.carried) report.note("other-session", devEui);
}

/** Asked for only where there are two sessions to choose from. */
async function joinNoncesOf(
  target: MigrationTarget,
  device: CarriedDevice,
  { active, joined }: DeviceState,
): Promise<{ readonly here: number; readonly there: number }> {
  const there = device.nonces.find(({ joinEui }) => joinEui === device.device.joinEui)?.joinNonce ?? 0;
  return { here: active || joined ? await joinNonceHere(target, device) : 0, there };
}

interface Sessions {
  readonly carried: Session | undefined;
  readonly rejoined: Session | undefined;
}

function sessionsOf(
  options: MigrationOptions,
  report: Report,
  survey: RegionSurvey,
  { device: { devEui }, profile, session, rejoined, queue }: CarriedDevice,
): Sessions {
  const made = (given: CarriedSession | string | undefined): Session | undefined => {
    if (given === undefined) return undefined;
    if (typeof given === "string") {
      report.fault({ kind: "session", id: devEui, reason: given });
      return undefined;
    }
    try {
      const made = sessionFrom(options, profile, withSkip(given, options.skippedDownlinks));
      if (!survey.add(profile, given)) report.note("region-configurations", given.regionConfigId ?? "");
      if (given.appSKey && "kekLabel" in given.appSKey) report.note("wrapped-keys", devEui);
      return made;
    } catch (error) {
      if (!isOfTheThing(error)) throw error;
      report.fault({ kind: "session", id: devEui, reason: error.message });
      return undefined;
    }
  };
  const carried = made(session);
  return {
    carried: carried && withClassC(carried, profile.supportsClassC, profile.classCTimeoutSeconds, queue, options.clock),
    rejoined: made(rejoined),
  };
}

const withSkip = (session: CarriedSession, skipped: number): CarriedSession => ({
  ...session,
  nFCntDown: session.nFCntDown + skipped,
  aFCntDown: session.aFCntDown + skipped,
});

/** What waits for a device that listens all the time is sent as soon as the server runs, and not with its next uplink. */
function withClassC(
  session: Session,
  isClassC: boolean,
  timeoutSeconds: number,
  queue: readonly QueueItem[],
  clock: Clock,
): Session {
  if (!isClassC) return session;
  const { awaitedAck } = session;
  const timeoutAtMs = clock.nowMs() + timeoutSeconds * 1000;
  return {
    ...session,
    ...(awaitedAck && { awaitedAck: { ...awaitedAck, timeoutAtMs } }),
    ...(queue.length > 0 && { pacing: { wakeAtMs: awaitedAck ? timeoutAtMs : clock.nowMs() } }),
  };
}
