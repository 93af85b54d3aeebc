import { Client, type ClientConfig, escapeIdentifier } from "pg";
import type { Clock } from "./clock.ts";
import { SqlError } from "./errors.ts";
import type { Log } from "./log.ts";
import { sqlErrorOf } from "./postgres-values.ts";
import type { Sql } from "./sql.ts";

export interface ListenerOptions {
  readonly settings: ClientConfig;
  readonly log: Log;
  readonly clock: Clock;
}

interface Subscription {
  readonly channel: string;
  readonly listener: (payload: string) => void;
  readonly onGap: () => void;
}

const firstBackOffMs = 100;
const longestBackOffMs = 10_000;
/** A dead peer that never closed the connection is noticed within this and the query's time-out. */
const heartbeatMs = 30_000;
const queryTimeoutMs = 10_000;

/** One connection for all channels, made at the first `listen` and made again, with back-off, whenever it is lost. */
class Listener {
  readonly #options: ListenerOptions;
  readonly #subscriptions = new Set<Subscription>();
  #client: Client | undefined;
  #connecting: Promise<Client> | undefined;
  #closed = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  readonly listen: Sql["listen"] = async (channel, listener, onGap) => {
    const subscription = { channel, listener, onGap };
    const client = await this.#connected();
    this.#subscriptions.add(subscription);
    try {
      await client.query(`listen ${escapeIdentifier(channel)}`);
    } catch (error) {
      this.#subscriptions.delete(subscription);
      throw sqlErrorOf(error);
    }
    return () => this.#unlisten(subscription);
  };

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    this.#subscriptions.clear();
    const client = this.#client ?? (await this.#connecting?.catch(() => undefined));
    await client?.end().catch(() => undefined);
  }

  #connected(): Promise<Client> {
    if (this.#closed) return Promise.reject(new SqlError("sql_unavailable", "the database is closed"));
    if (this.#client !== undefined) return Promise.resolve(this.#client);
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<Client> {
    const client = new Client({ ...this.#options.settings, query_timeout: queryTimeoutMs });
    client.on("notification", message => this.#notify(message.channel, message.payload ?? ""));
    client.on("error", () => undefined);
    client.on("end", () => this.#lost(client));
    try {
      await client.connect();
      // A connection that is made again takes up what the lost one listened to.
      for (const channel of new Set([...this.#subscriptions].map(subscription => subscription.channel))) {
        await client.query(`listen ${escapeIdentifier(channel)}`);
      }
    } catch (error) {
      await client.end().catch(() => undefined);
      throw sqlErrorOf(error);
    }
    if (this.#closed) {
      await client.end().catch(() => undefined);
      throw new SqlError("sql_unavailable", "the database is closed");
    }
    this.#client = client;
    this.#beat(client);
    return client;
  }

  #notify(channel: string, payload: string): void {
    for (const subscription of this.#subscriptions) {
      if (subscription.channel === channel) this.#call(() => subscription.listener(payload));
    }
  }

  #call(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.log.error({ err: error }, "a listener for database notifications failed");
    }
  }

  #beat(client: Client): void {
    this.#cancelTimer = this.#options.clock.after(heartbeatMs, () => {
      if (this.#client !== client) return;
      client.query("select 1").then(
        () => this.#beat(client),
        () => {
          // Ending a connection to a peer that is gone may never finish, so it is given up first.
          this.#lost(client);
          client.end().catch(() => undefined);
        },
      );
    });
  }

  #lost(client: Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#cancelTimer();
    if (this.#closed) return;
    this.#options.log.warn("connection for database notifications lost");
    this.#reconnectAfter(firstBackOffMs);
  }

  #reconnectAfter(backOffMs: number): void {
    this.#cancelTimer = this.#options.clock.after(backOffMs, () => {
      this.#connected().then(
        () => {
          this.#options.log.info("connection for database notifications is back");
          for (const subscription of this.#subscriptions) this.#call(subscription.onGap);
        },
        () => {
          if (!this.#closed) this.#reconnectAfter(Math.min(backOffMs * 2, longestBackOffMs));
        },
      );
    });
  }

  async #unlisten(subscription: Subscription): Promise<void> {
    this.#subscriptions.delete(subscription);
    const stillWanted = [...this.#subscriptions].some(other => other.channel === subscription.channel);
    // A lost connection has forgotten its channels by itself.
    if (!stillWanted)
      await this.#client?.query(`unlisten ${escapeIdentifier(subscription.channel)}`).catch(() => undefined);
  }
}

export const createListener = (options: ListenerOptions): Pick<Listener, "listen" | "close"> => new Listener(options);
