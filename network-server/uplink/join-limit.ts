import type { DevEui, GatewayId, JoinEui } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";

/** Bounds what Join-Requests and Rejoin-Requests can cost, whoever sends them (C34). */
export interface JoinGuard {
  /**
   * Before anything is looked up. A JoinEUI that no Join Server has accepted a device under costs a gateway more, so that
   * a flood of made-up ones leaves room for the devices that are known here.
   */
  admitFrom(gatewayId: GatewayId, joinEui: JoinEui | undefined): boolean;
  /** Before the Join Server is asked. */
  admitDevice(devEui: DevEui): boolean;
  /** The Join Server has accepted a device under this JoinEUI. */
  learn(joinEui: JoinEui): void;
  /** Asks the Join Server, or gives undefined when too many questions are under way. */
  ask<Answer>(question: () => Promise<Answer>): Promise<Answer | undefined>;
}

interface RateBounds {
  readonly burst: number;
  readonly perSecond: number;
}

/** More than the joins of a power cut bring through one gateway; a flood costs one catalog lookup each. */
const gatewayBounds: RateBounds = { burst: 400, perSecond: 50 };
const unknownJoinEuiBounds: RateBounds = { burst: 100, perSecond: 5 };
const deviceBounds: RateBounds = { burst: 10, perSecond: 1 };
/** Beyond these the oldest are forgotten, which only ever admits more. */
const maxGateways = 10_000;
const maxDevices = 20_000;
const maxJoinEuis = 10_000;
const maxQuestions = 128;

export function createJoinGuard(clock: Clock): JoinGuard {
  const gateways = createRateLimit<GatewayId>(clock, gatewayBounds, maxGateways);
  const strangers = createRateLimit<GatewayId>(clock, unknownJoinEuiBounds, maxGateways);
  const devices = createRateLimit<DevEui>(clock, deviceBounds, maxDevices);
  const knownJoinEuis = new Set<JoinEui>();
  let questions = 0;
  return {
    admitFrom(gatewayId, joinEui) {
      if (!gateways(gatewayId)) return false;
      return joinEui === undefined || knownJoinEuis.has(joinEui) || strangers(gatewayId);
    },
    admitDevice: devEui => devices(devEui),
    learn(joinEui) {
      knownJoinEuis.delete(joinEui);
      knownJoinEuis.add(joinEui);
      if (knownJoinEuis.size > maxJoinEuis) forgetOldest(knownJoinEuis);
    },
    async ask(question) {
      if (questions >= maxQuestions) return undefined;
      questions += 1;
      try {
        return await question();
      } finally {
        questions -= 1;
      }
    },
  };
}

/** True for what is within the bounds of its key. */
function createRateLimit<Key>(clock: Clock, { burst, perSecond }: RateBounds, maxKeys: number): (key: Key) => boolean {
  const buckets = new Map<Key, { tokens: number; atUs: number }>();
  return key => {
    const nowUs = clock.monotonicUs();
    const bucket = buckets.get(key) ?? { tokens: burst, atUs: nowUs };
    const tokens = Math.min(burst, bucket.tokens + ((nowUs - bucket.atUs) / 1_000_000) * perSecond);
    const admitted = tokens >= 1;
    buckets.delete(key);
    buckets.set(key, { tokens: admitted ? tokens - 1 : tokens, atUs: nowUs });
    if (buckets.size > maxKeys) forgetOldest(buckets);
    return admitted;
  };
}

function forgetOldest<Key>(keys: { keys(): IterableIterator<Key>; delete(key: Key): boolean }): void {
  const oldest = keys.keys().next();
  if (!oldest.done) keys.delete(oldest.value);
}
