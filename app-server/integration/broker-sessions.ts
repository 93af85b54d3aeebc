import { Readable } from "node:stream";
import { scopeNameOf } from "./access.ts";

export interface SessionLimits {
  /** Sessions of clients that connect with `clean` off; one more makes the one that was used longest ago go. */
  readonly maxSessions: number;
  /** QoS 1 and 2 messages that wait for one such client; the oldest go first. */
  readonly maxQueuedPerSession: number;
  /** Retained topics; further ones are not kept. */
  readonly maxRetained: number;
}

interface Subscription {
  readonly topic: string;
  readonly qos: number;
}

interface Packet {
  readonly cmd: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly brokerId?: string;
  readonly brokerCounter?: number;
  messageId?: number;
  [member: string]: unknown;
}

interface Client {
  readonly id: string;
}

interface Session {
  readonly subscriptions: Map<string, Subscription>;
  readonly outgoing: Packet[];
  readonly incoming: Map<number | undefined, Packet>;
}

/**
 * The broker's sessions, retained messages and wills, in memory and bounded: they end with the process. It is what aedes
 * calls its persistence. Two things differ from the one aedes brings: there are limits, and a filter that the client may
 * not read is not stored (aedes stores all filters of a SUBSCRIBE as soon as one of them is granted).
 */
export class BrokerSessions {
  readonly #limits: SessionLimits;
  readonly #mayRead: (clientId: string, filter: string) => boolean;
  readonly #sessions = new Map<string, Session>();
  /** Sessions by the first level of their client identifiers, so that a publish looks at its own application's only. */
  readonly #byScope = new Map<string, Map<string, Session>>();
  readonly #retained = new Map<string, Packet>();
  readonly #wills = new Map<string, Packet>();
  #brokerId = "";

  constructor(limits: SessionLimits, mayRead: (clientId: string, filter: string) => boolean) {
    this.#limits = limits;
    this.#mayRead = mayRead;
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
    if (packet.payload.length === 0) this.#retained.delete(packet.topic);
    else if (this.#retained.has(packet.topic) || this.#retained.size < this.#limits.maxRetained) {
      this.#retained.set(packet.topic, { ...packet });
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
    const session = this.#session(client.id);
    for (const subscription of subscriptions) {
      if (!this.#mayRead(client.id, subscription.topic)) continue;
      session.subscriptions.set(subscription.topic, { topic: subscription.topic, qos: subscription.qos });
    }
  }

  async removeSubscriptions(client: Client, filters: readonly string[]): Promise<void> {
    for (const filter of filters) this.#sessions.get(client.id)?.subscriptions.delete(filter);
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
    this.#remove(client.id);
  }

  async outgoingEnqueue({ clientId }: { readonly clientId: string }, packet: Packet): Promise<void> {
    const outgoing = this.#sessions.get(clientId)?.outgoing;
    if (outgoing === undefined) return;
    outgoing.push({ ...packet });
    if (outgoing.length > this.#limits.maxQueuedPerSession) outgoing.shift();
  }

  async outgoingEnqueueCombi(subscribers: readonly { readonly clientId: string }[], packet: Packet): Promise<void> {
    for (const subscriber of subscribers) await this.outgoingEnqueue(subscriber, packet);
  }

  /** Remembers under which identifier a queued message was sent, or replaces a message by its PUBREL. */
  async outgoingUpdate(client: Client, packet: Packet): Promise<void> {
    const outgoing = this.#sessions.get(client.id)?.outgoing ?? [];
    for (const [index, queued] of outgoing.entries()) {
      if (queued.brokerId === packet.brokerId && queued.brokerCounter === packet.brokerCounter) {
        if (packet.messageId !== undefined) queued.messageId = packet.messageId;
        return;
      }
      if (queued.brokerId !== packet.brokerId && queued.messageId === packet.messageId) {
        outgoing[index] = packet;
        return;
      }
    }
    // The message was dropped by the limit, or the session is gone: it is sent all the same and not repeated.
  }

  async outgoingClearMessageId(client: Client, { messageId }: Packet): Promise<Packet | undefined> {
    const outgoing = this.#sessions.get(client.id)?.outgoing ?? [];
    const index = outgoing.findIndex(queued => queued.messageId === messageId);
    return index < 0 ? undefined : outgoing.splice(index, 1)[0];
  }

  outgoingStream(client: Client): Readable {
    return Readable.from([...(this.#sessions.get(client.id)?.outgoing ?? [])]);
  }

  async incomingStorePacket(client: Client, packet: Packet): Promise<void> {
    this.#session(client.id).incoming.set(packet.messageId, { ...packet });
  }

  async incomingGetPacket(client: Client, { messageId }: Packet): Promise<Packet> {
    const packet = this.#sessions.get(client.id)?.incoming.get(messageId);
    if (packet === undefined) throw new Error("no such packet");
    return packet;
  }

  async incomingDelPacket(client: Client, { messageId }: Packet): Promise<void> {
    if (!this.#sessions.get(client.id)?.incoming.delete(messageId)) throw new Error("no such packet");
  }

  async cleanIncoming(client: Client): Promise<void> {
    const session = this.#sessions.get(client.id);
    session?.incoming.clear();
    if (session?.subscriptions.size === 0) this.#remove(client.id);
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

  #session(clientId: string): Session {
    const known = this.#sessions.get(clientId);
    if (known !== undefined) return known;
    const session: Session = { subscriptions: new Map(), outgoing: [], incoming: new Map() };
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= this.#limits.maxSessions && oldest !== undefined) this.#remove(oldest);
    this.#sessions.set(clientId, session);
    const scope = scopeNameOf(clientId);
    const inScope = this.#byScope.get(scope) ?? new Map<string, Session>();
    this.#byScope.set(scope, inScope.set(clientId, session));
    return session;
  }

  #remove(clientId: string): void {
    this.#sessions.delete(clientId);
    const scope = scopeNameOf(clientId);
    const inScope = this.#byScope.get(scope);
    inScope?.delete(clientId);
    if (inScope?.size === 0) this.#byScope.delete(scope);
  }
}

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
