import type { DevEui } from "../../lorawan/ids.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { partitionOf } from "../../platform/state/store.ts";
import type { AlertKeeper, AlertKind, AlertRule, AlertStore, AlertSubject, Pulse } from "../alert-ports.ts";
import { ruleOf } from "../alert-rule-ports.ts";
import type { ApplicationEvent } from "../ports.ts";
import { type Fact, factsOf, pulseOf, timeOf } from "./facts.ts";
import { isFine, step } from "./rule.ts";

/** The rules that hold, as of some seconds ago. */
export class KnownRules {
  #changes: Awaited<ReturnType<AlertStore["rules"]>> = new Map();

  async refresh(store: Pick<AlertStore, "rules">): Promise<void> {
    this.#changes = await store.rules();
  }

  of({ tenantId, kind }: Pick<AlertSubject, "tenantId" | "kind">): AlertRule {
    return ruleOf(kind, this.#changes.get(tenantId)?.get(kind));
  }
}

/** What is being watched, as of some seconds ago: all else is fine. */
export class Watched {
  readonly #names = new Set<string>();

  async refresh(store: Pick<AlertStore, "watched">): Promise<void> {
    const watched = await store.watched();
    this.#names.clear();
    for (const { subject } of watched) this.add(subject);
  }

  add(subject: AlertSubject): void {
    this.#names.add(nameOf(subject));
  }

  has(subject: AlertSubject): boolean {
    return this.#names.has(nameOf(subject));
  }
}

const nameOf = ({ tenantId, kind, id }: AlertSubject): string => `${tenantId} ${kind satisfies AlertKind} ${id}`;

export interface AlertTools {
  readonly store: AlertStore;
  readonly rules: KnownRules;
  readonly watched: Watched;
  readonly clock: Clock;
  readonly log: Log;
}

/** Puts facts where they count. What is as it should be, and was before, costs nothing. */
export async function observe(facts: readonly Fact[], { store, rules, watched, clock }: AlertTools): Promise<void> {
  const told = facts.filter(
    ({ subject, observation }) =>
      watched.has(subject) || (rules.of(subject).isEnabled && !isFine(subject.kind, rules.of(subject), observation)),
  );
  if (told.length === 0) return;
  const bySubject = Map.groupBy(told, ({ subject }) => nameOf(subject));
  const subjects = [...bySubject.values()].flatMap(([first]) => (first === undefined ? [] : [first.subject]));
  const nowMs = clock.nowMs();
  await store.change(subjects, nowMs, (subject, condition) => {
    const seen = (bySubject.get(nameOf(subject)) ?? []).map(({ observation }) => observation);
    return step(subject.kind, rules.of(subject), condition, seen, nowMs);
  });
  for (const subject of subjects) watched.add(subject);
}

export interface EventWatch extends AlertKeeper {
  /** When the newest event that it had of a partition happened, since the partition was forgotten. */
  newestAtMs(partition: number): number | undefined;
  forget(partition: number): void;
}

/** Few enough that neither the statement nor its answer holds up a downlink. */
const maxPulses = 250;
/** Between two statements the machine is everybody else's for as long. */
const restMs = 25;
/** All rests together, however many devices were heard. */
const longestRestsMs = 2_000;

/** Takes from events what rules look at. Who was heard is gathered and written down now and then, not with every uplink. */
export function createEventWatch(tools: AlertTools): EventWatch {
  const { store, rules, clock } = tools;
  const newest = new Map<number, number>();
  let pulses = new Map<DevEui, Pulse>();
  let flushing = Promise.resolve();

  /** A frame that a gateway held back says nothing about now. */
  const put = (pulse: Pulse): void => {
    const known = pulses.get(pulse.devEui);
    if (known === undefined || known.heardAtMs <= pulse.heardAtMs) pulses.set(pulse.devEui, pulse);
  };
  const gather = (event: ApplicationEvent): void => {
    const pulse = pulseOf(event);
    if (pulse === undefined) return;
    const { raise } = rules.of({ tenantId: event.tenantId, kind: "device-silent" });
    put({ ...pulse, intervals: raise });
  };
  const write = async (): Promise<void> => {
    const given = [...pulses.values()];
    pulses = new Map();
    const betweenMs = Math.min(restMs, (longestRestsMs * maxPulses) / given.length);
    for (let at = 0; at < given.length; at += maxPulses) {
      if (at > 0) await sleep(clock, betweenMs);
      const some = given.slice(at, at + maxPulses);
      try {
        const back = await store.pulse(some);
        await observe(some.filter(({ devEui }) => back.has(devEui)).map(isBack), tools);
      } catch (error) {
        for (const pulse of given.slice(at)) put(pulse);
        throw error;
      }
    }
  };
  return {
    async keep(events) {
      await observe(events.flatMap(factsOf), tools);
      for (const event of events) {
        gather(event);
        const [partition, atMs] = [partitionOf(event.devEui), timeOf(event)];
        if (atMs !== undefined) newest.set(partition, Math.max(atMs, newest.get(partition) ?? atMs));
      }
    },
    async flush() {
      // One that is under way may fail, and has what this one is asked for.
      const before = flushing.catch(() => undefined);
      flushing = before.then(write);
      await flushing;
    },
    newestAtMs: partition => newest.get(partition),
    forget: partition => void newest.delete(partition),
  };
}

const isBack = ({ tenantId, applicationId, devEui }: Pulse): Fact => ({
  subject: { tenantId, applicationId, kind: "device-silent", type: "device", id: devEui },
  observation: { kind: "value", value: 0, details: {} },
});
