import { createHash } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import type { LeaseHolder } from "../../platform/leases/leases.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { partitionOf } from "../../platform/state/store.ts";
import type {
  DeviceDirectory,
  DirectoryDevice,
  DownlinkQueue,
  EncodeOutcome,
  OwnDownlinks,
  TwinCodec,
} from "../ports.ts";
import {
  type Twin,
  type TwinMessage,
  type TwinOutlet,
  type TwinStore,
  twinItemPrefix,
  versionsOf,
} from "../twin-ports.ts";
import { beforeQueued, type DeliveryPolicy, nextStep, notQueued, settled } from "./delivery.ts";
import { canonical, deltaOf, isEmpty } from "./document.ts";
import { viewOf } from "./twins.ts";

export interface TwinDriverOptions {
  readonly store: TwinStore;
  readonly directory: Pick<DeviceDirectory, "device">;
  readonly queue: OwnDownlinks & Pick<DownlinkQueue, "list" | "remove">;
  readonly sandbox: TwinCodec;
  /** Where subscribers are; each gets every message. */
  readonly outlets: readonly TwinOutlet[];
  readonly policy: DeliveryPolicy;
  /** How often it looks for what is due; 2 s. */
  readonly lookEveryMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface TwinDriver {
  /** To be told of the partitions that this process holds: their twins are its to look after. */
  readonly holder: LeaseHolder;
  /** Something may have changed. */
  wake(): void;
  start(): Promise<void>;
  /** Resolves when nothing is under way. */
  close(): Promise<void>;
}

/** Changes that come together are told of together. */
const gatherMs = 100;
const batch = 100;
/** The application's own downlinks go first. */
const behindOthersMs = 15_000;
/** A codec may be mended, or another data rate come. */
const stuckMs = 600_000;

/** Brings desired states to devices, and tells subscribers what has changed. */
export function createTwinDriver(options: TwinDriverOptions): TwinDriver {
  return new Driver(options);
}

class Driver implements TwinDriver {
  readonly #options: TwinDriverOptions;
  readonly #held = new Set<number>();
  #working: Promise<void> | undefined;
  #isWoken = false;
  #closed = false;
  #cancel: () => void = () => undefined;
  #unsubscribe: () => Promise<void> = async () => undefined;

  readonly holder: LeaseHolder = {
    acquired: partition => {
      this.#held.add(partition);
      this.wake();
    },
    released: async partition => {
      this.#held.delete(partition);
      await this.#working;
    },
    lost: partition => void this.#held.delete(partition),
  };

  constructor(options: TwinDriverOptions) {
    this.#options = options;
  }

  get #lookEveryMs(): number {
    return this.#options.lookEveryMs ?? 2_000;
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#options.store.onChange(() => this.wake());
    this.#plan(this.#lookEveryMs);
  }

  wake(): void {
    if (this.#isWoken || this.#closed) return;
    this.#isWoken = true;
    this.#plan(gatherMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#unsubscribe();
    await this.#working;
  }

  #plan(delayMs: number): void {
    this.#cancel();
    if (this.#closed) return;
    this.#cancel = this.#options.clock.after(delayMs, () => {
      if (this.#working !== undefined) return this.#plan(gatherMs);
      this.#isWoken = false;
      this.#working = this.#look().then(isMore => {
        this.#working = undefined;
        if (!this.#isWoken) this.#plan(isMore ? 0 : this.#lookEveryMs);
      });
    });
  }

  /** True when there may be more to do at once. */
  async #look(): Promise<boolean> {
    const { store, clock, log } = this.#options;
    if (this.#held.size === 0) return false;
    try {
      const partitions = [...this.#held];
      const untold = await store.untold(partitions, batch);
      for (const twin of untold) if (this.#isMine(twin)) await this.#tell(twin);
      const due = await store.due(partitions, clock.nowMs(), batch);
      for (const twin of due) if (this.#isMine(twin)) await this.#deliver(twin);
      return untold.length === batch || due.length === batch;
    } catch (error) {
      log.warn({ err: error }, "device twins cannot be looked after now; trying again");
      return false;
    }
  }

  #isMine({ devEui }: Twin): boolean {
    return this.#held.has(partitionOf(devEui));
  }

  async #tell(twin: Twin): Promise<void> {
    const { store, directory, outlets } = this.#options;
    const device = await directory.device(twin.devEui);
    if (device !== undefined) {
      for (const message of messagesOf(twin, device)) await Promise.all(outlets.map(outlet => outlet(message)));
    }
    // Not told again, unless it is another one by now.
    await store.replace({ ...twin, told: `${versionsOf(twin)} ${deltaNameOf(twin)}` });
  }

  async #deliver(twin: Twin): Promise<void> {
    const { store, queue, policy, clock } = this.#options;
    const { devEui } = twin;
    const waiting = await queue.list(devEui);
    const step = nextStep(
      twin,
      waiting.map(({ id }) => id),
      policy,
      clock.nowMs(),
    );
    if (step.kind === "wait") {
      await store.replace(step.twin);
      return;
    }
    if (step.takeBack !== undefined) await queue.remove(devEui, step.takeBack);
    if (step.kind === "done") {
      await store.replace(settled(twin));
      return;
    }
    // What waits here is the application's.
    if (waiting.some(({ id }) => id !== step.takeBack)) return this.#later(twin, "other downlinks wait", "due");
    await this.#send(twin);
  }

  async #send(twin: Twin): Promise<void> {
    const { store, directory, queue, clock, metrics } = this.#options;
    const { devEui } = twin;
    const device = await directory.device(devEui);
    if (device === undefined) return;
    const encoded = await this.#encoded(twin, device);
    if (encoded.kind === "failed") return this.#later(twin, encoded.message, "stuck");
    const { bytes, fPort = 1 } = encoded;
    const itemId = itemIdOf(twin);
    const queued = beforeQueued(twin, itemId, bytes.length, clock.nowMs());
    if (!(await store.replace(queued))) return;
    const data = Buffer.from(bytes).toString("base64");
    const outcome = await queue.enqueueAlone(devEui, { id: itemId, fPort, confirmed: false, data });
    metrics.twinDownlinks.inc({ result: outcome.kind === "enqueued" ? "queued" : outcome.reason });
    if (outcome.kind === "enqueued" || outcome.reason === "duplicate_id") return;
    const isFull = outcome.reason === "queue_full";
    const current = { ...queued, revision: queued.revision + 1 };
    await this.#later(current, isFull ? "other downlinks wait" : outcome.message, isFull ? "due" : "stuck", twin);
  }

  #encoded({ desired, reported }: Twin, { codec, variables, info }: DirectoryDevice): Promise<EncodeOutcome> {
    const { tenantId: scope, tags } = info;
    const delta = deltaOf(desired, reported);
    return this.#options.sandbox.encodeDesired(codec, { desired, reported, delta, fPort: 1, variables, tags, scope });
  }

  async #later(twin: Twin, reason: string, state: "due" | "stuck", { delivery } = twin): Promise<void> {
    const { store, clock } = this.#options;
    const atMs = clock.nowMs() + (state === "due" ? behindOthersMs : stuckMs);
    await store.replace(notQueued(twin, reason.slice(0, 500).toWellFormed(), state, delivery.attempts, atMs));
  }
}

/** One name for each downlink of a twin, the same if it is made again after a crash. */
const itemIdOf = ({ desiredVersion, revision }: Twin): string => `${twinItemPrefix}${desiredVersion}-${revision}`;

/** The same for the same delta; empty for none. */
function deltaNameOf({ desired, reported }: Twin): string {
  const delta = deltaOf(desired, reported);
  return isEmpty(delta) ? "" : createHash("sha256").update(canonical(delta)).digest("base64url").slice(0, 12);
}

function messagesOf(twin: Twin, { info }: DirectoryDevice): readonly TwinMessage[] {
  const { devEui, desired, reported, delta, metadata, version } = viewOf(twin);
  const about = { applicationId: info.applicationId, devEui };
  const documents: TwinMessage = {
    ...about,
    topic: "update/documents",
    json: JSON.stringify({ devEui, desired, reported, metadata, version }),
  };
  // Uplinks that change nothing about it would tell it again and again.
  if (isEmpty(delta) || twin.told.split(" ")[1] === deltaNameOf(twin)) return [documents];
  return [documents, { ...about, topic: "update/delta", json: JSON.stringify({ devEui, delta, version }) }];
}
