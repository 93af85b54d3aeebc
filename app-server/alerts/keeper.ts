import type { DevEui } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { AlertKeeper, AlertKind, AlertRule, AlertStore, AlertSubject, Pulse } from "../alert-ports.ts";
import { ruleOf } from "../alert-rule-ports.ts";
import { type Fact, factsOf, pulseOf } from "./facts.ts";
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
  /** Writes down who was heard. */
  flush(): Promise<void>;
}

/** Takes from events what rules look at. Who was heard is written down now and then, not with every uplink. */
export function createEventWatch(tools: AlertTools): EventWatch {
  const { store, rules } = tools;
  let pulses = new Map<DevEui, Pulse>();
  return {
    async keep(events) {
      for (const event of events) {
        const pulse = pulseOf(event);
        if (pulse === undefined) continue;
        const { raise } = rules.of({ tenantId: event.tenantId, kind: "device-silent" });
        pulses.set(event.devEui, { ...pulse, intervals: raise });
      }
      await observe(events.flatMap(factsOf), tools);
    },
    async flush() {
      if (pulses.size === 0) return;
      const written = pulses;
      pulses = new Map();
      try {
        const back = await store.pulse([...written.values()]);
        const heard = [...written.values()].filter(({ devEui }) => back.has(devEui));
        await observe(heard.map(isBack), tools);
      } catch (error) {
        // Those that were heard since know it better.
        pulses = new Map([...written, ...pulses]);
        throw error;
      }
    },
  };
}

const isBack = ({ tenantId, applicationId, devEui }: Pulse): Fact => ({
  subject: { tenantId, applicationId, kind: "device-silent", type: "device", id: devEui },
  observation: { kind: "value", value: 0, details: {} },
});
