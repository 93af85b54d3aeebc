import { createHash } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import type { MqttCredentials, MqttLogin } from "../ports.ts";

export type Access =
  | { readonly kind: "granted"; readonly login: MqttLogin; readonly username: string }
  | { readonly kind: "refused" }
  /** So many were tried that it was not even looked. */
  | { readonly kind: "too-many" };

export interface AccessControl {
  /** Rejects when the credentials cannot be checked now. */
  check(address: string, query: readonly string[]): Promise<Access>;
  close(): void;
}

/** Passwords that were right are not computed again for so long, and cost no attempt. */
const knownForMs = 600_000;
const maxKnown = 10_000;

/** Who guesses is slow, from one address and from all of them together: sender addresses of datagrams can be false. */
const ofOne = { burst: 10, everyMs: 6_000 };
const ofAll = { burst: 100, everyMs: 100 };
const maxAddresses = 10_000;

/** Takes the credentials of MQTT as `u` and `p` of the query (RFC 7252 5.10.1). */
export function createAccessControl(credentials: MqttCredentials, clock: Clock): AccessControl {
  const known = new Map<string, { readonly login: MqttLogin; readonly username: string; readonly untilUs: number }>();
  const attempts = new Map<string, Bucket>();
  const allAttempts = new Bucket(ofAll, clock);
  let changes = 0;
  const forget = credentials.onChange(changed => {
    changes += 1;
    for (const [name, { username }] of known) if (changed === undefined || changed === username) known.delete(name);
  });

  const mayTry = (address: string): boolean => {
    const bucket = attempts.get(address) ?? new Bucket(ofOne, clock);
    attempts.delete(address);
    attempts.set(address, bucket);
    const [oldest] = attempts.keys();
    if (attempts.size > maxAddresses && oldest !== undefined) attempts.delete(oldest);
    return bucket.take() && allAttempts.take();
  };
  return {
    async check(address, query) {
      const username = queryValue(query, "u");
      const password = queryValue(query, "p");
      if (username === undefined || password === undefined || username === "" || password === "") {
        return { kind: "refused" };
      }
      const name = createHash("sha256")
        .update(JSON.stringify([username, password]))
        .digest("base64url");
      const found = known.get(name);
      if (found !== undefined && clock.monotonicUs() < found.untilUs) return { kind: "granted", ...found };
      if (!mayTry(address)) return { kind: "too-many" };
      const before = changes;
      const login = await credentials.verify(username, password);
      if (login === undefined) return { kind: "refused" };
      // It may be about the login that was just looked at.
      if (before !== changes) return { kind: "granted", login, username };
      known.delete(name);
      known.set(name, { login, username, untilUs: clock.monotonicUs() + knownForMs * 1000 });
      const [oldest] = known.keys();
      if (known.size > maxKnown && oldest !== undefined) known.delete(oldest);
      return { kind: "granted", login, username };
    },
    close: forget,
  };
}

/** Undefined when it is not there, or more than once. */
function queryValue(query: readonly string[], name: string): string | undefined {
  const [value, ...more] = query.filter(one => one.startsWith(`${name}=`)).map(one => one.slice(name.length + 1));
  return more.length === 0 ? value : undefined;
}

/** So many at once, and then one every so often. */
export class Bucket {
  readonly #burst: number;
  readonly #everyUs: number;
  readonly #clock: Clock;
  #left: number;
  #asOfUs: number;

  constructor({ burst, everyMs }: { readonly burst: number; readonly everyMs: number }, clock: Clock) {
    this.#burst = burst;
    this.#everyUs = everyMs * 1000;
    this.#clock = clock;
    this.#left = burst;
    this.#asOfUs = clock.monotonicUs();
  }

  take(): boolean {
    const nowUs = this.#clock.monotonicUs();
    this.#left = Math.min(this.#burst, this.#left + (nowUs - this.#asOfUs) / this.#everyUs);
    this.#asOfUs = nowUs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
