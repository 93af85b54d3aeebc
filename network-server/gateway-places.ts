import Type from "typebox";
import { Compile } from "typebox/compile";
import type { GatewayId } from "../lorawan/ids.ts";
import type { Clock } from "../platform/clock.ts";
import type { Peers } from "../platform/peers/peers.ts";
import { onlineTimeoutMs } from "./gateway/online.ts";

/**
 * Which network server of the installation reaches each gateway now: the one that the gateway last asked for downlinks.
 * Servers tell each other at once of gateways that come to them, and now and then of all that they have.
 */
export interface GatewayPlaces {
  /** The other server that reaches this gateway; undefined when none is known. */
  elsewhere(gatewayId: GatewayId): string | undefined;
  /** The gateway asked for downlinks here. */
  here(gatewayId: GatewayId): void;
  /** That server is not there any more. */
  gone(instance: string): void;
  close(): Promise<void>;
}

export interface GatewayPlacesOptions {
  readonly peers: Peers;
  readonly clock: Clock;
  /** A gateway that was reached here asks another server now. */
  readonly onLeft: (gatewayId: GatewayId) => void;
}

interface Place {
  readonly instance: string;
  readonly heardAtMs: number;
}

const topics = { here: "gateways-here", who: "gateways-who", gone: "gateways-gone" };
const tellEveryMs = 20_000;
const gateways = Compile(
  Type.Array(
    Type.Tuple([
      Type.Unsafe<GatewayId>(Type.String({ pattern: "^[0-9a-f]{16}$" })),
      Type.Number({ description: "ms" }),
    ]),
  ),
);

/** Nothing is told, and every gateway is here, where the network server is alone. */
export function createGatewayPlaces({ peers, clock, onLeft }: GatewayPlacesOptions): GatewayPlaces {
  const own = new Map<GatewayId, number>();
  const others = new Map<GatewayId, Place>();
  let fresh: GatewayId[] = [];

  const textOf = (gatewayIds: Iterable<GatewayId>): string =>
    JSON.stringify([...gatewayIds].map(gatewayId => [gatewayId, own.get(gatewayId) ?? 0]));
  const tellFresh = (): void => {
    const told = fresh;
    fresh = [];
    void peers.tellAll(topics.here, textOf(told));
  };
  const isOver = (heardAtMs: number): boolean => clock.nowMs() - heardAtMs > onlineTimeoutMs;
  const gone = (instance: string): void => {
    for (const [gatewayId, place] of others) if (place.instance === instance) others.delete(gatewayId);
  };
  const learn = (text: string, instance: string): void => {
    for (const [gatewayId, heardAtMs] of parseGateways(text)) {
      if ((own.get(gatewayId) ?? 0) > heardAtMs || (others.get(gatewayId)?.heardAtMs ?? 0) > heardAtMs) continue;
      others.set(gatewayId, { instance, heardAtMs });
      if (own.delete(gatewayId)) onLeft(gatewayId);
    }
  };
  const tellAllOfThem = (): void => {
    for (const [gatewayId, heardAtMs] of own) if (isOver(heardAtMs)) own.delete(gatewayId);
    for (const [gatewayId, { heardAtMs }] of others) if (isOver(heardAtMs)) others.delete(gatewayId);
    if (own.size > 0) void peers.tellAll(topics.here, textOf(own.keys()));
    cancel = clock.after(tellEveryMs, tellAllOfThem);
  };
  let cancel = (): void => {};
  const unsubscribe = [
    peers.onTold(topics.here, learn),
    peers.onTold(topics.who, (_, from) => void peers.tell(from, topics.here, textOf(own.keys()))),
    peers.onTold(topics.gone, (_, from) => gone(from)),
  ];
  if (peers.isShared) {
    void peers.tellAll(topics.who, "");
    tellAllOfThem();
  }

  return {
    elsewhere(gatewayId) {
      const place = others.get(gatewayId);
      return place && !isOver(place.heardAtMs) ? place.instance : undefined;
    },
    here(gatewayId) {
      if (!peers.isShared) return;
      const isNew = !own.has(gatewayId);
      own.set(gatewayId, clock.nowMs());
      if (!isNew) return;
      others.delete(gatewayId);
      // Many come at once after a restart: one message for all that a moment brings.
      if (fresh.push(gatewayId) === 1) queueMicrotask(tellFresh);
    },
    gone,
    async close() {
      cancel();
      for (const end of unsubscribe) end();
      if (peers.isShared) await peers.tellAll(topics.gone, "");
    },
  };
}

function parseGateways(text: string): readonly (readonly [GatewayId, number])[] {
  try {
    const value: unknown = JSON.parse(text);
    return gateways.Check(value) ? value : [];
  } catch {
    return [];
  }
}
