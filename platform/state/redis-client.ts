import { Cluster, Redis } from "ioredis";
import { MalformedValue, UpchirpError } from "../../lorawan/errors.ts";
import { type Clock, sleep } from "../clock.ts";
import type { Log } from "../log.ts";
import { StateStoreError } from "./errors.ts";
import { defineScripts, type RedisClient } from "./redis-scripts.ts";

/**
 * One server, or some nodes of a cluster; TLS is used where the (first) address is `rediss://`, which may hold user and
 * password as well.
 */
export type RedisConnection = RedisCredentials & ({ readonly url: string } | { readonly nodes: readonly string[] });

interface RedisCredentials {
  readonly username?: string;
  readonly password?: string;
  /** PEM texts of the authorities that the server's certificate is of; those of the system when absent. */
  readonly ca?: string;
}

interface ServerOptions {
  readonly db?: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: { readonly ca?: string };
}

interface Server {
  readonly host: string;
  readonly port: number;
  readonly options: ServerOptions;
}

function parseServer(url: string, { username, password, ca }: RedisCredentials): Server {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  // The text itself may hold a password.
  if (parsed === undefined || !/^rediss?:$/.test(parsed.protocol) || parsed.hostname === "") {
    throw new MalformedValue(
      "a Redis address is like redis://user:password@host:6379 or, with TLS, rediss://host:6379",
    );
  }
  const db = Number(parsed.pathname.slice(1));
  if (!Number.isInteger(db) || db < 0) throw new MalformedValue("the path of a Redis address is a database's number");
  const host = parsed.hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    host,
    port: parsed.port === "" ? 6379 : Number(parsed.port),
    options: {
      db,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(parsed.username === "" ? {} : { username: decodeURIComponent(parsed.username) }),
      ...(parsed.password === "" ? {} : { password: decodeURIComponent(parsed.password) }),
      ...(parsed.protocol === "rediss:" ? { tls: ca === undefined ? {} : { ca } } : {}),
    },
  };
}

const reconnectDelayMs = (times: number): number => Math.min(25 * 2 ** Math.min(times, 6), 1000);

/** When Redis counts as gone: while a command waits for its answer, or while any does and nothing at all arrives. */
export type Patience = { readonly answerMs: number } | { readonly silenceMs: number };

/** A timer for each command is what thousands in a second cost; answers come in order, so that silence says as much. */
const timeoutsOf = (patience: Patience) =>
  "silenceMs" in patience
    ? { connectTimeout: patience.silenceMs, socketTimeout: patience.silenceMs }
    : {
        connectTimeout: patience.answerMs,
        commandTimeout: patience.answerMs,
        socketTimeout: 2 * patience.answerMs,
      };

/** Nothing is kept back and sent later by the client: what fails is sent again by `createRetry`, or refused. */
export function createClient(connection: RedisConnection, patience: Patience): RedisClient {
  const common = {
    protocol: 2 as const,
    ...timeoutsOf(patience),
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
  };
  const addresses = "url" in connection ? [connection.url] : connection.nodes;
  const servers = addresses.map(address => parseServer(address, connection));
  const [first] = servers;
  if (first === undefined) throw new MalformedValue("a Redis Cluster needs the address of at least one node");
  const client =
    "url" in connection
      ? new Redis({
          ...common,
          ...first.options,
          host: first.host,
          port: first.port,
          enableOfflineQueue: false,
          maxRetriesPerRequest: 0,
          retryStrategy: reconnectDelayMs,
          // After a fail-over the address may lead to the new primary, the connection still to the old.
          reconnectOnError: error => error.message.startsWith("READONLY"),
        })
      : new Cluster(
          servers.map(({ host, port }) => ({ host, port })),
          {
            enableOfflineQueue: false,
            shardedSubscribers: true,
            clusterRetryStrategy: reconnectDelayMs,
            retryDelayOnClusterDown: 100,
            retryDelayOnFailover: 100,
            maxRedirections: 8,
            slotsRefreshInterval: 5000,
            // Left to the socket: certificates are for names, not for what names resolve to.
            dnsLookup: (address, done) => done(null, address),
            redisOptions: { ...common, ...first.options },
          },
        );
  defineScripts(client);
  return client;
}

/**
 * To be called before a command is sent: those of one turn of the event loop leave together, a system call for all of them.
 * Pipelines do that as well, and cost more: of what they are made of, most was alive until the next full collection.
 */
export function createGathering(client: RedisClient): () => void {
  let isGathering = false;
  return () => {
    if (isGathering) return;
    isGathering = true;
    const connections = client instanceof Cluster ? client.nodes("all") : [client];
    // None before the first connection, whatever its type says.
    const streams: readonly (Redis["stream"] | undefined)[] = connections.map(({ stream }) => stream);
    for (const stream of streams) stream?.cork();
    setImmediate(() => {
      isGathering = false;
      for (const stream of streams) stream?.uncork();
    });
  };
}

/** Waits for the first connection; a refusal that waiting does not mend ends it at once. */
export async function connected(client: RedisClient, log: Log | undefined, withinMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let last: unknown;
  let opening = true;
  client.once("ready", () => resolve());
  client.on("error", (error: unknown) => {
    last = error;
    const fault = asStoreError(error);
    if (opening && !fault.retryable) reject(fault);
    // Not the error itself: ioredis hangs the command with its arguments on it, the password among them.
    else log?.warn({ reason: fault.message }, "the connection to Redis failed and is tried again");
  });
  const timer = setTimeout(() => reject(asStoreError(last ?? new Error("no answer"))), withinMs);
  try {
    await promise;
  } finally {
    opening = false;
    clearTimeout(timer);
  }
}

/** What has to be known of the server before anything is sent to it. */
export interface Precaution {
  suspect(): void;
  settled(): Promise<void> | undefined;
}

/** Repeats what failed for want of a connection or of a ready server, with pauses, up to `withinMs`. */
export function createRetry(
  clock: Clock,
  withinMs: number,
  onFault: (fault: StateStoreError) => void,
  precaution?: Precaution,
) {
  return async <Result>(send: () => Promise<Result>): Promise<Result> => {
    const givingUpAtUs = clock.monotonicUs() + withinMs * 1000;
    for (let pauseMs = 20; ; pauseMs = Math.min(2 * pauseMs, 400)) {
      try {
        const settled = precaution?.settled();
        if (settled) await settled;
        return await send();
      } catch (error) {
        precaution?.suspect();
        if (error instanceof UpchirpError && !(error instanceof StateStoreError)) throw error;
        const fault = asStoreError(error);
        if (!fault.retryable || clock.monotonicUs() + pauseMs * 1000 > givingUpAtUs) {
          onFault(fault);
          throw fault;
        }
      }
      await sleep(clock, pauseMs);
    }
  };
}

export type Retry = ReturnType<typeof createRetry>;

const refused = /^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH|ERR invalid password|ERR Client sent AUTH)/;
const damaged = /WRONGTYPE/;
const untrusted = /CERT|SSL|TLS|EPROTO|SIGNATURE/;

function asStoreError(error: unknown): StateStoreError {
  if (error instanceof StateStoreError) return error;
  // When no node of a cluster answers, the reason is one level down.
  const cause = error instanceof Error && "lastNodeError" in error ? (error.lastNodeError ?? error) : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (refused.test(message)) {
    return new StateStoreError(
      "state_refused",
      "Redis refuses this user, this password or one of the commands needed.",
    );
  }
  if (untrusted.test(code)) {
    return new StateStoreError("state_refused", `No TLS connection to Redis can be made: ${code}.`);
  }
  if (damaged.test(message)) return new StateStoreError("state_corrupt", "Redis holds a key of another kind.");
  return new StateStoreError("state_unavailable", `Redis cannot be used at present: ${message.slice(0, 200)}`);
}

/** Says in the log what `lossesOf` gives. */
export async function warnOfLoss(client: RedisClient, log: Log | undefined): Promise<void> {
  for (const warning of await lossesOf(client)) log?.warn(warning);
}

/** What a crash of Redis, or its memory limit, can cost with the settings that it has. */
export async function lossesOf(client: RedisClient): Promise<readonly string[]> {
  const servers = client instanceof Cluster ? client.nodes("master") : [client];
  const warnings = new Set<string>();
  for (const server of servers) {
    try {
      for (const warning of lossesWith(await settingsOf(server))) warnings.add(warning);
    } catch {
      warnings.add("Redis does not tell its settings; see that appendonly is yes and maxmemory-policy is noeviction");
    }
  }
  return [...warnings];
}

/** Of what the settings say that make changes last. Rejects where Redis does not tell them. */
export async function settingsOf(server: Redis): Promise<(name: string) => string | undefined> {
  const reply: unknown = await server.config("GET", "appendonly", "appendfsync", "maxmemory-policy");
  const texts = Array.isArray(reply) ? reply.map(String) : [];
  return name => texts[texts.indexOf(name) + 1];
}

function lossesWith(setting: (name: string) => string | undefined): readonly string[] {
  const losses: string[] = [];
  if (setting("appendonly") !== "yes") {
    losses.push(
      "Redis keeps no append-only file: when it stops or crashes, every change since its last snapshot is lost, frame counters of devices too; set appendonly yes",
    );
  } else if (setting("appendfsync") !== "always") {
    losses.push(
      "Redis writes to its disk once a second or less: when its machine fails, changes of the last second, or of longer with appendfsync no, are lost; set appendfsync always where that matters",
    );
  }
  if ((setting("maxmemory-policy") ?? "noeviction") !== "noeviction") {
    losses.push(
      "Redis may throw devices away when its memory is full; set maxmemory-policy noeviction, so that it refuses writes instead",
    );
  }
  return losses;
}
