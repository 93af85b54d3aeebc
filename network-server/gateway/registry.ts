import type { GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { Catalog, GatewayConfig } from "../ports.ts";
import { type Admission, type PendingAdmission, type RefusalReason, refusalCounters } from "./admission.ts";
import { addRoundTrip, type GatewayRecord, newRecord, restoredRecord, statusOf } from "./gateway-record.ts";
import { createNewestMap, type NewestMap } from "./newest-map.ts";
import { onlineTimeoutMs } from "./online.ts";
import { openConfig, openRateLimit } from "./open-config.ts";
import { createSourceCheck, formatSource, plainAddress, type SourceAddress } from "./source-rule.ts";
import { type GatewayStateStore, StateKeeper } from "./state-keeper.ts";
import { fullBucket, type TokenBucket, takeToken } from "./token-bucket.ts";
import type { GatewayStatus } from "./types.ts";

/** Who may speak to the server as a gateway, and what is known of each. One for all transports. */
export interface GatewayRegistry {
  /** Reads what was known before; to be awaited before the first packet, since pinned addresses are part of it. */
  start(): Promise<void>;
  /** Judges one packet, and takes note of it. Synchronous unless the catalog's answer is not in memory. */
  admit(gatewayId: GatewayId, source: SourceAddress, nowUs: number): Admission | PendingAdmission;
  /** Of a gateway that has spoken, is allowed to and is not disabled. */
  config(gatewayId: GatewayId): GatewayConfig | undefined;
  /** What people configured, else what the gateway last said. */
  location(gatewayId: GatewayId): GatewayStatus["location"];
  recordReturnPath(gatewayId: GatewayId, path: NonNullable<GatewayStatus["returnPath"]>): void;
  recordUplinks(gatewayId: GatewayId, uplinks: number): void;
  recordDownlink(gatewayId: GatewayId, sent: boolean): void;
  recordRoundTrip(gatewayId: GatewayId, milliseconds: number): void;
  /** Whether the gateway gave GPS time with what it heard, or would have needed it and refused. */
  recordGpsTime(gatewayId: GatewayId, hasTime: boolean): void;
  /** Median of those recorded last. */
  roundTripMs(gatewayId: GatewayId): number | undefined;
  recordStatistics(
    gatewayId: GatewayId,
    values: NonNullable<GatewayStatus["lastStatistics"]>,
    location?: GatewayStatus["location"],
  ): void;
  statuses(): readonly GatewayStatus[];
  status(gatewayId: GatewayId): GatewayStatus | undefined;
  /** Lets the next address be pinned. False when none was. */
  releaseAddress(gatewayId: GatewayId): Promise<boolean>;
  /** Writes down what is not yet stored. */
  stop(): Promise<void>;
}

export interface GatewayRegistryOptions {
  readonly catalog: Pick<Catalog, "gateway" | "onGatewayChanged">;
  readonly store: GatewayStateStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** True lets gateways in that nobody registered: for tests and closed networks. */
  readonly acceptUnknown?: boolean;
  /** True where other servers keep states of gateways in the store too. */
  readonly isShared?: boolean;
}

export const createGatewayRegistry = (options: GatewayRegistryOptions): GatewayRegistry => new Registry(options);

const maxUnknownGateways = 1000;
const maxSources = 4096;
/** Catalog look-ups a second that one source of unheard gateways may cause; a multiplexer stands for many gateways. */
const lookupsPerSource = 100;
const maxLookups = 256;
const maxWaitingPerLookup = 32;
const warningIntervalMs = 60_000;
const unknownNoticesPerSecond = 2;

interface Lookup {
  waiting: number;
  /** The gateway has changed while its record was being read. */
  stale: boolean;
  /** Undefined: no answer could be had. */
  answered: Promise<GatewayConfig | null | undefined>;
}

class Registry implements GatewayRegistry {
  readonly #options: GatewayRegistryOptions;
  readonly #registered = new Map<GatewayId, GatewayRecord>();
  readonly #unknown: NewestMap<GatewayId, GatewayRecord>;
  readonly #sources = createNewestMap<string, TokenBucket>(maxSources);
  readonly #lookups = new Map<GatewayId, Lookup>();
  readonly #keeper: StateKeeper;
  readonly #notices: TokenBucket;
  #online = 0;

  constructor(options: GatewayRegistryOptions) {
    this.#options = options;
    this.#notices = fullBucket(unknownNoticesPerSecond, options.clock.monotonicUs());
    this.#keeper = new StateKeeper({
      ...options,
      records: () => [...this.#registered.values(), ...this.#unknown.values()],
      statusOf: record => this.#statusOf(record),
      onTurn: () => this.#countOnline(),
    });
    this.#unknown = createNewestMap(maxUnknownGateways, record => this.#keeper.forget(record));
    options.catalog.onGatewayChanged(gatewayId => this.#gatewayChanged(gatewayId));
  }

  async start(): Promise<void> {
    for (const status of await this.#keeper.restore()) this.#restore(status);
    this.#keeper.begin();
  }

  #restore(status: GatewayStatus): void {
    const record = restoredRecord(status, this.#options.clock.monotonicUs());
    if (record.registered) this.#registered.set(record.gatewayId, record);
    else this.#unknown.put(record.gatewayId, record);
  }

  /** What another server wrote down of a gateway that comes here, above all the address that it is pinned to. */
  async #adopt(gatewayId: GatewayId): Promise<void> {
    const status = this.#options.isShared ? await this.#keeper.restoreOne(gatewayId) : undefined;
    const record = this.#find(gatewayId);
    if (record) record.pinnedAddress ??= status?.pinnedAddress;
    else if (status) this.#restore(status);
  }

  admit(gatewayId: GatewayId, source: SourceAddress, nowUs: number): Admission | PendingAdmission {
    const record = this.#find(gatewayId);
    return record && this.#isKnown(record)
      ? this.#judge(record, source, nowUs)
      : this.#ask(gatewayId, record, source, nowUs);
  }

  /** False: somebody has to be asked before the next packet is judged. */
  #isKnown({ configFresh, config, pinnedAddress }: GatewayRecord): boolean {
    const mayBePinned = this.#options.isShared && config?.sourceRule.kind === "pin" && pinnedAddress === undefined;
    return configFresh && !mayBePinned;
  }

  config(gatewayId: GatewayId): GatewayConfig | undefined {
    const record = this.#find(gatewayId);
    const config = record && this.#effectiveConfig(record);
    return config && !config.disabled ? config : undefined;
  }

  location(gatewayId: GatewayId): GatewayStatus["location"] {
    const record = this.#find(gatewayId);
    return record?.config?.location ?? record?.location;
  }

  recordReturnPath(gatewayId: GatewayId, path: NonNullable<GatewayStatus["returnPath"]>): void {
    const record = this.#touched(gatewayId);
    if (record) record.returnPath = path;
  }

  recordUplinks(gatewayId: GatewayId, uplinks: number): void {
    const record = this.#touched(gatewayId);
    if (record) record.uplinks += uplinks;
  }

  recordDownlink(gatewayId: GatewayId, sent: boolean): void {
    const record = this.#touched(gatewayId);
    if (record) record[sent ? "downlinks" : "downlinkFailures"] += 1;
  }

  recordGpsTime(gatewayId: GatewayId, hasTime: boolean): void {
    const record = this.#touched(gatewayId);
    if (record) record.gps = { hasTime, atMs: this.#options.clock.nowMs() };
  }

  recordRoundTrip(gatewayId: GatewayId, milliseconds: number): void {
    const record = this.#find(gatewayId);
    if (record) addRoundTrip(record, milliseconds);
  }

  recordStatistics(
    gatewayId: GatewayId,
    values: NonNullable<GatewayStatus["lastStatistics"]>,
    location?: GatewayStatus["location"],
  ): void {
    const record = this.#touched(gatewayId);
    if (record) record.lastStatistics = values;
    if (record && location) record.location = location;
  }

  #touched(gatewayId: GatewayId): GatewayRecord | undefined {
    const record = this.#find(gatewayId);
    if (record) record.dirty = true;
    return record;
  }

  statuses = (): readonly GatewayStatus[] =>
    [...this.#registered.values(), ...this.#unknown.values()].map(record => this.#statusOf(record));

  status(gatewayId: GatewayId): GatewayStatus | undefined {
    const record = this.#find(gatewayId);
    return record && this.#statusOf(record);
  }

  roundTripMs = (gatewayId: GatewayId): number | undefined => this.#find(gatewayId)?.roundTripMs;

  async releaseAddress(gatewayId: GatewayId): Promise<boolean> {
    const record = this.#find(gatewayId);
    if (record?.pinnedAddress === undefined) return false;
    record.pinnedAddress = undefined;
    await this.#keeper.writeNow(record);
    return true;
  }

  stop(): Promise<void> {
    return this.#keeper.stop();
  }

  #find(gatewayId: GatewayId): GatewayRecord | undefined {
    return this.#registered.get(gatewayId) ?? this.#unknown.get(gatewayId);
  }

  #ask(
    gatewayId: GatewayId,
    record: GatewayRecord | undefined,
    source: SourceAddress,
    nowUs: number,
  ): Admission | PendingAdmission {
    let lookup = this.#lookups.get(gatewayId);
    if (!lookup) {
      // Gateways that were registered when last seen come back all at once after a restart, and a flood must not stop them.
      if (!record?.registered) {
        if (!this.#takeLookup(source, nowUs)) return this.#refuse("rate", record);
        if (this.#lookups.size >= maxLookups) return this.#refuse("lookup", record);
      }
      lookup = this.#startLookup(gatewayId);
    }
    if (lookup.waiting >= maxWaitingPerLookup) return this.#refuse("lookup", record);
    lookup.waiting += 1;
    return { kind: "pending", decided: lookup.answered.then(answer => this.#settle(gatewayId, source, answer)) };
  }

  #takeLookup(source: SourceAddress, nowUs: number): boolean {
    const bucket = this.#sources.get(source.address) ?? fullBucket(lookupsPerSource, nowUs);
    this.#sources.put(source.address, bucket);
    return takeToken(bucket, lookupsPerSource, nowUs);
  }

  #startLookup(gatewayId: GatewayId): Lookup {
    const lookup: Lookup = { waiting: 0, stale: false, answered: Promise.resolve(undefined) };
    lookup.answered = this.#read(gatewayId, lookup);
    this.#lookups.set(gatewayId, lookup);
    return lookup;
  }

  async #read(gatewayId: GatewayId, lookup: Lookup): Promise<GatewayConfig | null | undefined> {
    try {
      let config: GatewayConfig | undefined;
      do {
        lookup.stale = false;
        config = await this.#options.catalog.gateway(gatewayId);
        await this.#adopt(gatewayId);
      } while (lookup.stale);
      const record = this.#find(gatewayId);
      if (record) this.#learn(record, config ?? null);
      return config ?? null;
    } catch (error) {
      this.#options.log.warn({ gatewayId, err: error }, "the catalog could not be asked about this gateway");
      return undefined;
    } finally {
      this.#lookups.delete(gatewayId);
    }
  }

  #settle(gatewayId: GatewayId, source: SourceAddress, answer: GatewayConfig | null | undefined): Admission {
    const { clock } = this.#options;
    if (answer === undefined) return this.#refuse("lookup", this.#find(gatewayId));
    const nowUs = clock.monotonicUs();
    let record = this.#find(gatewayId);
    if (!record) {
      record = newRecord(gatewayId, source, clock.nowMs(), nowUs);
      this.#learn(record, answer);
      if (answer === null) this.#noticeUnknown(record, source, nowUs);
    }
    return this.#judge(record, source, nowUs);
  }

  /** Takes the catalog's answer, and puts the record among the registered or the unknown gateways. */
  #learn(record: GatewayRecord, config: GatewayConfig | null): void {
    record.config = config;
    record.configFresh = true;
    record.sourceCheck = config ? createSourceCheck(config.sourceRule, () => record.pinnedAddress) : undefined;
    if (config?.sourceRule.kind !== "pin") record.pinnedAddress = undefined;
    for (const cidr of record.sourceCheck?.unusable ?? []) {
      this.#options.log.warn(
        { gatewayId: record.gatewayId, cidr },
        "this network of the gateway's source rule is none",
      );
    }
    const registered = config !== null;
    if (registered !== record.registered) record.dirty = true;
    record.registered = registered;
    record.bucket = fullBucket(config?.rateLimit ?? openRateLimit, this.#options.clock.monotonicUs());
    if (registered) {
      this.#unknown.delete(record.gatewayId);
      this.#registered.set(record.gatewayId, record);
    } else {
      this.#registered.delete(record.gatewayId);
      this.#unknown.put(record.gatewayId, record);
    }
  }

  #gatewayChanged(gatewayId: GatewayId): void {
    const lookup = this.#lookups.get(gatewayId);
    if (lookup) lookup.stale = true;
    const record = this.#find(gatewayId);
    if (!record) return;
    record.configFresh = false;
    // A disabled gateway must not be sent to until it happens to speak again.
    if (!lookup && record.registered) this.#startLookup(gatewayId);
  }

  #effectiveConfig(record: GatewayRecord): GatewayConfig | undefined {
    return record.config ?? (this.#options.acceptUnknown ? openConfig(record.gatewayId) : undefined);
  }

  #judge(record: GatewayRecord, source: SourceAddress, nowUs: number): Admission {
    const config = this.#effectiveConfig(record);
    if (!record.registered) this.#unknown.put(record.gatewayId, record);
    if (!config) {
      this.#noteSeen(record, source);
      return this.#refuse("unknown", record);
    }
    if (config.disabled) return this.#refuse("disabled", record);
    const address = plainAddress(source.address);
    if (record.sourceCheck && !record.sourceCheck.allows(address)) {
      this.#warn(record, source, "a packet in this gateway's name came from an address that its source rule forbids");
      return this.#refuse("source", record);
    }
    if (!takeToken(record.bucket, config.rateLimit, nowUs)) {
      this.#warn(record, source, "this gateway sends more than its rate limit; the excess is dropped");
      return this.#refuse("rate", record);
    }
    if (config.sourceRule.kind === "pin" && record.pinnedAddress === undefined) this.#pin(record, address);
    this.#noteSeen(record, source);
    return { kind: "admitted", config };
  }

  #refuse(reason: RefusalReason, record: GatewayRecord | undefined): Admission {
    this.#options.metrics.gatewayRefused.inc({ reason: refusalCounters[reason] });
    if (record) {
      record.refused += 1;
      record.dirty = true;
    }
    return { kind: "refused", reason };
  }

  #pin(record: GatewayRecord, address: string): void {
    record.pinnedAddress = address;
    // At once: a crash must not open the place for another address.
    void this.#keeper.writeNow(record);
  }

  #noteSeen(record: GatewayRecord, source: SourceAddress): void {
    record.lastSeenAtMs = this.#options.clock.nowMs();
    record.source = source;
    record.dirty = true;
    if (record.registered && !record.countedOnline) {
      record.countedOnline = true;
      this.#online += 1;
      this.#options.metrics.gatewaysOnline.set(this.#online);
    }
  }

  #noticeUnknown(record: GatewayRecord, source: SourceAddress, nowUs: number): void {
    if (this.#options.acceptUnknown || !takeToken(this.#notices, unknownNoticesPerSecond, nowUs)) return;
    this.#options.log.info(
      { gatewayId: record.gatewayId, from: formatSource(source) },
      "an unknown gateway is refused; register it to let it in",
    );
  }

  #warn(record: GatewayRecord, source: SourceAddress, message: string): void {
    const nowMs = this.#options.clock.nowMs();
    if (Math.abs(nowMs - record.warnedAtMs) < warningIntervalMs) return;
    record.warnedAtMs = nowMs;
    this.#options.log.warn({ gatewayId: record.gatewayId, from: formatSource(source) }, message);
  }

  #isOnline(record: GatewayRecord): boolean {
    const mayBeOnline = record.registered || this.#options.acceptUnknown === true;
    return mayBeOnline && this.#options.clock.nowMs() - record.lastSeenAtMs < onlineTimeoutMs;
  }

  #statusOf(record: GatewayRecord): GatewayStatus {
    return statusOf(record, this.#isOnline(record));
  }

  #countOnline(): void {
    let online = 0;
    for (const record of this.#registered.values()) {
      record.countedOnline = this.#isOnline(record);
      if (record.countedOnline) online += 1;
    }
    this.#online = online;
    this.#options.metrics.gatewaysOnline.set(online);
  }
}
