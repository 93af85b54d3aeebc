import type { GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { StateStore } from "../../platform/state/store.ts";
import { decodeStatus, encodeStatus, type GatewayRecord } from "./gateway-record.ts";
import type { GatewayStatus } from "./types.ts";

export type GatewayStateStore = Pick<
  StateStore,
  "gatewayStates" | "gatewayState" | "putGatewayState" | "removeGatewayState"
>;

export interface StateKeeperOptions {
  readonly store: GatewayStateStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly records: () => readonly GatewayRecord[];
  readonly statusOf: (record: GatewayRecord) => GatewayStatus;
  /** Called before each periodic write. */
  readonly onTurn: () => void;
}

/** A gateway that sends without pause costs one write in this time. */
export const storeIntervalMs = 10_000;
const writesAtOnce = 1000;

/** Brings gateway records to the store and back. What could not be stored is tried again at the next turn. */
export class StateKeeper {
  readonly #options: StateKeeperOptions;
  readonly #forgotten = new Set<GatewayId>();
  #stopped = false;
  #cancelTimer: () => void = () => {};
  #turn: Promise<void> = Promise.resolve();

  constructor(options: StateKeeperOptions) {
    this.#options = options;
  }

  /** Rejects with StateStoreError. */
  async restore(): Promise<readonly GatewayStatus[]> {
    const statuses: GatewayStatus[] = [];
    for (const { gatewayId, value } of await this.#options.store.gatewayStates()) {
      const status = decodeStatus(value);
      if (status) statuses.push(status);
      else this.#options.log.warn({ gatewayId }, "the stored state of this gateway cannot be read; it starts anew");
    }
    return statuses;
  }

  /** Undefined without a readable one. Rejects with StateStoreError. */
  async restoreOne(gatewayId: GatewayId): Promise<GatewayStatus | undefined> {
    const state = await this.#options.store.gatewayState(gatewayId);
    return state && decodeStatus(state.value);
  }

  begin(): void {
    if (this.#stopped) return;
    this.#cancelTimer = this.#options.clock.after(storeIntervalMs, () => {
      this.#options.onTurn();
      this.#turn = this.#storeChanges().then(() => this.begin());
    });
  }

  /** Never rejects. */
  async writeNow(record: GatewayRecord): Promise<void> {
    this.#report(await this.#write(record));
  }

  /** The record is no longer kept, and its stored copy goes at the next turn. */
  forget(record: GatewayRecord): void {
    if (record.stored) this.#forgotten.add(record.gatewayId);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    await this.#turn;
    await this.#storeChanges();
  }

  async #storeChanges(): Promise<void> {
    const records = this.#options.records();
    await this.#removeForgotten(new Set(records.map(record => record.gatewayId)));
    const changed = records.filter(record => record.dirty);
    for (let start = 0; start < changed.length; start += writesAtOnce) {
      const chunk = changed.slice(start, start + writesAtOnce);
      const faults = await Promise.all(chunk.map(record => this.#write(record)));
      this.#report(faults.find(fault => fault !== undefined));
    }
  }

  async #removeForgotten(kept: ReadonlySet<GatewayId>): Promise<void> {
    const forgotten = [...this.#forgotten].filter(gatewayId => !kept.has(gatewayId));
    this.#forgotten.clear();
    const faults = await Promise.all(forgotten.map(gatewayId => this.#remove(gatewayId)));
    this.#report(faults.find(fault => fault !== undefined));
  }

  async #write(record: GatewayRecord): Promise<{ error: unknown } | undefined> {
    record.dirty = false;
    record.stored = true;
    try {
      await this.#options.store.putGatewayState(encodeStatus(this.#options.statusOf(record)));
      return undefined;
    } catch (error) {
      record.dirty = true;
      this.#options.metrics.storeFaults.inc();
      return { error };
    }
  }

  async #remove(gatewayId: GatewayId): Promise<{ error: unknown } | undefined> {
    try {
      await this.#options.store.removeGatewayState(gatewayId);
      return undefined;
    } catch (error) {
      this.#forgotten.add(gatewayId);
      this.#options.metrics.storeFaults.inc();
      return { error };
    }
  }

  #report(fault: { error: unknown } | undefined): void {
    if (fault === undefined) return;
    this.#options.log.warn({ err: fault.error }, "gateway states could not be stored; they are kept and tried again");
  }
}
