import { Readable } from "node:stream";
import type { RecordChange, RecordStore } from "../../platform/state/record-store.ts";
import { scopeNameOf } from "./access.ts";
import {
  decodeRecord,
  encodePacket,
  encodeSession,
  incomingKey,
  outgoingKey,
  type Packet,
  retainedKey,
  type SessionRecord,
  type Subscription,
  sessionKey,
} from "./session-records.ts";

export interface SessionLimits {
  /** Sessions of clients that connect with `clean` off; one more makes the one that was used longest ago go. */
  readonly maxSessions: number;
  /** QoS 1 and 2 messages that wait for one such client; the oldest go first. */
  readonly maxQueuedPerSession: number;
  /** Retained topics; further ones are not kept. */
  readonly maxRetained: number;
}

interface Client {
  readonly id: string;
}

/** A message that waits for its client; the sequence is its place in the record store. */
interface Queued {
  packet: Packet;
  readonly sequence: number;
}

interface Session {
  readonly subscriptions: Map<string, Subscription>;
  readonly outgoing: Queued[];
  readonly incoming: Map<number, Packet>;
}

export interface BrokerSessionsOptions {
  readonly limits: SessionLimits;
  readonly mayRead: (clientId: string, filter: string) => boolean;
  /** Where all but wills survive the process; without one they end with it. */
  readonly store?: RecordStore | undefined;
  /** Told of each message that the limit of a session cost. */
  readonly onDropped: (clientId: string) => void;
}

/**
 * The broker's sessions, retained messages and wills: in memory and bounded, and durable before aedes goes on where there
 * is a store. It is what aedes calls its persistence. Two more things differ from the one aedes brings: there are limits,
 * and a filter that the client may not read is not stored (aedes stores all filters of a SUBSCRIBE as soon as one of them
 * is granted).
 */
export class BrokerSessions {
  readonly #options: BrokerSessionsOptions;
  readonly #sessions = new Map<string, Session>();
  /** Sessions by the first level of their client identifiers, so that a publish looks at its own application's only. */
  readonly #byScope = new Map<string, Map<string, Session>>();
  readonly #retained = new Map<string, Packet>();
  readonly #wills = new Map<string, Packet>();
  #brokerId = "";
  #lastSequence = 0;

  constructor(options: BrokerSessionsOptions) {
    this.#options = options;
    for (const { key, value } of options.store?.records() ?? []) {
      const record = decodeRecord(key, value);
      if (record !== undefined) this.#restore(record);
    }
  }

  #restore(record: SessionRecord): void {
    switch (record.kind) {
      case "retained":
        this.#retained.set(record.packet.topic, record.packet);
        return;
      case "session":
        for (const subscription of record.subscriptions) {
          this.#stored(record.clientId).subscriptions.set(subscription.topic, subscription);
        }
        return;
      case "outgoing":
        this.#stored(record.clientId).outgoing.push(record);
        this.#lastSequence = Math.max(this.#lastSequence, record.sequence);
        return;
      case "incoming":
        this.#stored(record.clientId).incoming.set(record.packet.messageId ?? 0, record.packet);
        return;
    }
  }

  #stored(clientId: string): Session {
    return this.#sessions.get(clientId) ?? this.#addSession(clientId);
  }

  async #write(...changes: readonly RecordChange[]): Promise<void> {
    if (changes.length > 0) await this.#options.store?.write(changes);
  }

  /** Resolves once everything that a publish of the past has changed is durable. */
  async durable(): Promise<void> {
    await this.#options.store?.write([]);
  }

  /** For what may come again after a crash: aedes need not wait, and the store itself logs a fault. */
  #writeLater(...changes: readonly RecordChange[]): void {
    this.#write(...changes).catch(() => undefined);
  }

  async setup(broker: { readonly id: string }): Promise<void> {
    this.#brokerId = broker.id;
  }

  async destroy(): Promise<void> {
    this.#sessions.clear();
    this.#byScope.clear();
    this.#retained.clear();
    this.#wills.clear();
  }

  async storeRetained(packet: Packet): Promise<void> {
    const { topic, payload } = packet;
    if (payload.length === 0) {
      if (this.#retained.delete(topic)) this.#writeLater([retainedKey(topic), null]);
    } else if (this.#retained.has(topic) || this.#retained.size < this.#options.limits.maxRetained) {
      this.#retained.set(topic, { ...packet });
      this.#writeLater([retainedKey(topic), encodePacket(packet)]);
    }
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    const matching = [...this.#retained.values()].filter(({ topic }) => filters.some(filter => matches(filter, topic)));
    return Readable.from(matching);
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter]);
  }

  async addSubscriptions(client: Client, subscriptions: readonly Subscription[]): Promise<void> {
    const session = await this.#session(client.id);
    for (const subscription of subscriptions) {
      if (!this.#options.mayRead(client.id, subscription.topic)) continue;
      session.subscriptions.set(subscription.topic, { topic: subscription.topic, qos: subscription.qos });
    }
    await this.#write(sessionChange(client.id, session));
  }

  async removeSubscriptions(client: Client, filters: readonly string[]): Promise<void> {
    const session = this.#sessions.get(client.id);
    if (session === undefined) return;
    for (const filter of filters) session.subscriptions.delete(filter);
    await this.#write(sessionChange(client.id, session));
  }

  async subscriptionsByClient(client: Client): Promise<readonly Subscription[]> {
    const session = this.#sessions.get(client.id);
    if (session === undefined) return [];
    this.#sessions.delete(client.id);
    this.#sessions.set(client.id, session);
    return [...session.subscriptions.values()].map(subscription => ({ ...subscription }));
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    const counts = [...this.#sessions.values()].map(session => session.subscriptions.size);
    return { subsCount: counts.reduce((sum, count) => sum + count, 0), clientsCount: this.#sessions.size };
  }

  /** One entry for each session that wants the topic with QoS 1 or 2: a message is queued once, however many filters match. */
  async subscriptionsByTopic(topic: string): Promise<readonly { clientId: string; topic: string; qos: number }[]> {
    const found: { clientId: string; topic: string; qos: number }[] = [];
    for (const scope of [topic.split("/")[1] ?? "", "administrator"]) {
      for (const [clientId, { subscriptions }] of this.#byScope.get(scope) ?? []) {
        for (const subscription of subscriptions.values()) {
          if (subscription.qos === 0 || !matches(subscription.topic, topic)) continue;
          found.push({ clientId, ...subscription });
          break;
        }
      }
    }
    return found;
  }

  async cleanSubscriptions(client: Client): Promise<void> {
    await this.#write(...this.#remove(client.id));
  }

  async outgoingEnqueue(subscriber: { readonly clientId: string }, packet: Packet): Promise<void> {
    await this.outgoingEnqueueCombi([subscriber], packet);
  }

  async outgoingEnqueueCombi(subscribers: readonly { readonly clientId: string }[], packet: Packet): Promise<void> {
    const changes: RecordChange[] = [];
    for (const { clientId } of subscribers) {
      const session = this.#sessions.get(clientId);
      if (session === undefined) continue;
      this.#lastSequence += 1;
      const queued = { packet: { ...packet }, sequence: this.#lastSequence };
      session.outgoing.push(queued);
      changes.push(queuedChange(clientId, queued));
      if (session.outgoing.length <= this.#options.limits.maxQueuedPerSession) continue;
      const dropped = session.outgoing.shift();
      if (dropped !== undefined) changes.push([outgoingKey(clientId, dropped.sequence), null]);
      this.#options.onDropped(clientId);
    }
    await this.#write(...changes);
  }

  /** Remembers under which identifier a queued message was sent, or replaces a message by its PUBREL. */
  async outgoingUpdate(client: Client, packet: Packet): Promise<void> {
    for (const queued of this.#sessions.get(client.id)?.outgoing ?? []) {
      const { brokerId, brokerCounter, messageId, qos } = queued.packet;
      if (brokerId === packet.brokerId && brokerCounter === packet.brokerCounter) {
        if (packet.messageId !== undefined) queued.packet.messageId = packet.messageId;
        // With QoS 1 another identifier after a crash is as good; with QoS 2 the client knows the message by it.
        if (qos === 2) await this.#write(queuedChange(client.id, queued));
        return;
      }
      if (brokerId !== packet.brokerId && messageId === packet.messageId) {
        queued.packet = packet;
        await this.#write(queuedChange(client.id, queued));
        return;
      }
    }
    // The message was dropped by the limit, or the session is gone: it is sent all the same and not repeated.
  }

  async outgoingClearMessageId(client: Client, { messageId }: Packet): Promise<Packet | undefined> {
    const outgoing = this.#sessions.get(client.id)?.outgoing ?? [];
    const index = outgoing.findIndex(({ packet }) => packet.messageId === messageId);
    const [cleared] = index < 0 ? [] : outgoing.splice(index, 1);
    if (cleared !== undefined) this.#writeLater([outgoingKey(client.id, cleared.sequence), null]);
    return cleared?.packet;
  }

  outgoingStream(client: Client): Readable {
    return Readable.from((this.#sessions.get(client.id)?.outgoing ?? []).map(({ packet }) => packet));
  }

  async incomingStorePacket(client: Client, packet: Packet): Promise<void> {
    const { messageId = 0 } = packet;
    (await this.#session(client.id)).incoming.set(messageId, { ...packet });
    await this.#write([incomingKey(client.id, messageId), encodePacket(packet, client.id)]);
  }

  async incomingGetPacket(client: Client, { messageId = 0 }: Packet): Promise<Packet> {
    const packet = this.#sessions.get(client.id)?.incoming.get(messageId);
    if (packet === undefined) throw new Error("no such packet");
    return packet;
  }

  /** Durable before the client may use the identifier again. */
  async incomingDelPacket(client: Client, { messageId = 0 }: Packet): Promise<void> {
    if (!this.#sessions.get(client.id)?.incoming.delete(messageId)) throw new Error("no such packet");
    await this.#write([incomingKey(client.id, messageId), null]);
  }

  async cleanIncoming(client: Client): Promise<void> {
    const session = this.#sessions.get(client.id);
    if (session === undefined) return;
    const changes = incomingRemovals(client.id, session);
    session.incoming.clear();
    if (session.subscriptions.size === 0) changes.push(...this.#remove(client.id));
    await this.#write(...changes);
  }

  async putWill(client: Client, packet: Packet): Promise<void> {
    Object.assign(packet, { brokerId: this.#brokerId, clientId: client.id });
    this.#wills.set(client.id, packet);
  }

  async getWill(client: Client): Promise<Packet | undefined> {
    return this.#wills.get(client.id);
  }

  async delWill(client: Client): Promise<Packet | undefined> {
    const will = this.#wills.get(client.id);
    this.#wills.delete(client.id);
    return will;
  }

  /** Wills of other brokers; there are none in one process. */
  streamWill(brokers: Readonly<Record<string, unknown>> = {}): Readable {
    return Readable.from([...this.#wills.values()].filter(will => !brokers[String(will.brokerId)]));
  }

  getClientList(filter: string): Readable {
    const holders = [...this.#sessions].filter(([, session]) => session.subscriptions.has(filter));
    return Readable.from(holders.map(([clientId]) => clientId));
  }

  async #session(clientId: string): Promise<Session> {
    const known = this.#sessions.get(clientId);
    if (known !== undefined) return known;
    const [oldest] = this.#sessions.keys();
    const removals =
      this.#sessions.size >= this.#options.limits.maxSessions && oldest !== undefined ? this.#remove(oldest) : [];
    const session = this.#addSession(clientId);
    await this.#write(...removals);
    return session;
  }

  #addSession(clientId: string): Session {
    const session: Session = { subscriptions: new Map(), outgoing: [], incoming: new Map() };
    this.#sessions.set(clientId, session);
    const scope = scopeNameOf(clientId);
    const inScope = this.#byScope.get(scope) ?? new Map<string, Session>();
    this.#byScope.set(scope, inScope.set(clientId, session));
    return session;
  }

  /** Gives what has to be removed from the store. */
  #remove(clientId: string): RecordChange[] {
    const session = this.#sessions.get(clientId);
    if (session === undefined) return [];
    this.#sessions.delete(clientId);
    const scope = scopeNameOf(clientId);
    const inScope = this.#byScope.get(scope);
    inScope?.delete(clientId);
    if (inScope?.size === 0) this.#byScope.delete(scope);
    return [
      [sessionKey(clientId), null],
      ...session.outgoing.map(({ sequence }): RecordChange => [outgoingKey(clientId, sequence), null]),
      ...incomingRemovals(clientId, session),
    ];
  }
}

const sessionChange = (clientId: string, { subscriptions }: Session): RecordChange => [
  sessionKey(clientId),
  encodeSession(clientId, [...subscriptions.values()]),
];

const queuedChange = (clientId: string, { packet, sequence }: Queued): RecordChange => [
  outgoingKey(clientId, sequence),
  encodePacket(packet, clientId),
];

const incomingRemovals = (clientId: string, { incoming }: Session): RecordChange[] =>
  [...incoming.keys()].map(messageId => [incomingKey(clientId, messageId), null]);

/** MQTT-3.1.1 4.7.1. */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (index >= levels.length) return false;
    if (level !== "+" && level !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}
