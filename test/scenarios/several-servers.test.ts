import { describe, expect, test } from "vitest";
import type { Peers } from "../../platform/peers/peers.ts";
import type { DatagramPort } from "../../simulators/datagram.ts";
import { createScenario, type ScenarioDevice, type ScenarioOptions } from "../support/scenario.ts";

/** Near the device, which is 300 m away from here, and far from it. */
const near = { eastM: 300, northM: 50, heightM: 30 };
const far = { eastM: -1500, northM: 0, heightM: 30 };

const payload = Uint8Array.of(1, 2, 3);
const kinds = ({ events }: ScenarioDevice, kind: string) => events.filter(event => event.kind === kind);

interface Options extends ScenarioOptions {
  readonly deviceClass?: "A" | "C";
  /** Of the second server's gateway. */
  readonly otherAt?: typeof near;
}

/** Two network servers on one state store, each with a gateway; the first one's is far from the device. */
async function twoServers(options: Options = {}) {
  const scenario = await createScenario({
    isShared: true,
    ...options,
    profile: { adrAlgorithm: "none", supportsClassC: true, ...options.profile },
  });
  const second = await scenario.addServer();
  const one = await scenario.addGateway({ position: far });
  const other = await scenario.addGateway({ position: options.otherAt ?? near }, {}, second.hub);
  const device = await scenario.addDevice({ deviceClass: options.deviceClass ?? "A" });
  const eventsOf = async (kind: string) =>
    (await scenario.eventsOf(device.devEui)).filter(event => event.kind === kind);
  const join = async (): Promise<void> => {
    device.device.start();
    await scenario.clock.advance(15_000);
    expect(device.device.joined).toBe(true);
  };
  const send = async (changes: { readonly confirmed?: boolean } = {}): Promise<void> => {
    device.device.send({ fPort: 1, payload, ...changes });
    await scenario.clock.advance(12_000);
  };
  const expectHealthy = (): void => {
    for (const kind of ["violation", "bad-mic"]) expect(kinds(device, kind)).toEqual([]);
  };
  return { ...scenario, second, one, other, device, eventsOf, join, send, expectHealthy };
}

describe("gateways of two network servers", () => {
  test("C14 bring one Join-Request, which is accepted once, through the gateway that hears best", async () => {
    const life = await twoServers();
    await life.join();
    expect(await life.eventsOf("join")).toHaveLength(1);
    expect(await life.eventsOf("log")).toEqual([]);
    expect([life.one.statistics().transmitted, life.other.statistics().transmitted]).toEqual([0, 1]);
  });

  test("C14 bring one uplink: one event with the copies of both, and one answer", async () => {
    const life = await twoServers();
    await life.join();
    const before = life.other.statistics().transmitted;
    await life.send({ confirmed: true });
    const [event, ...more] = await life.eventsOf("up");
    expect(more).toEqual([]);
    expect(event).toMatchObject({ fCnt: 0 });
    const heardBy = event?.kind === "up" ? event.rxInfo.map(({ gatewayId }) => gatewayId) : [];
    expect(heardBy.sort()).toEqual([life.one.gatewayId, life.other.gatewayId].sort());
    expect(life.one.statistics().transmitted + life.other.statistics().transmitted - before).toBe(1);
    expect(kinds(life.device, "uplink-done")).toMatchObject([{ outcome: "acknowledged" }]);
    life.expectHealthy();
  });

  test("C14 copies that come after the event is complete are late, not new", async () => {
    const life = await twoServers();
    await life.join();
    const before = life.one.statistics().downlinks + life.other.statistics().downlinks;
    const held: (() => void)[] = [];
    life.second.hub.faults.toServer = bytes => {
      held.push(() => life.second.hub.toServer(bytes));
      return [];
    };
    life.device.device.send({ fPort: 1, payload, confirmed: true });
    await life.clock.advance(900);
    life.second.hub.faults.toServer = undefined;
    for (const release of held) release();
    await life.clock.advance(12_000);
    expect(await life.eventsOf("up")).toHaveLength(1);
    expect(await life.eventsOf("log")).toEqual([]);
    expect(life.one.statistics().downlinks + life.other.statistics().downlinks - before).toBe(1);
    life.expectHealthy();
  });

  test("C13 a confirmed frame that is repeated is acknowledged again, once", async () => {
    const life = await twoServers();
    await life.join();
    const before = life.one.statistics().downlinks + life.other.statistics().downlinks;
    for (const hub of [life.hub, life.second.hub]) hub.faults.loseToGateways = true;
    life.device.device.send({ fPort: 1, payload, confirmed: true });
    await life.clock.advance(1_900);
    for (const hub of [life.hub, life.second.hub]) hub.faults.loseToGateways = false;
    await life.clock.advance(12_000);
    expect(await life.eventsOf("up")).toHaveLength(1);
    expect(life.one.statistics().downlinks + life.other.statistics().downlinks - before).toBe(1);
    expect(kinds(life.device, "uplink-done")).toMatchObject([{ outcome: "acknowledged" }]);
    life.expectHealthy();
  });

  test("C16 counters rise through many uplinks with downlinks, whoever takes them", async () => {
    const life = await twoServers();
    await life.join();
    for (let count = 0; count < 10; count += 1) {
      await life.enqueue(life.device.devEui, { id: `item ${count}` });
      await life.send({ confirmed: count % 2 === 0 });
    }
    expect((await life.eventsOf("up")).map(event => event.kind === "up" && event.fCnt)).toEqual(
      Array.from({ length: 10 }, (_, fCnt) => fCnt),
    );
    expect((await life.eventsOf("txack")).length).toBe(10);
    life.expectHealthy();
  });
});

describe("a network server that others may join", () => {
  const short = { network: { deduplicationWindowMs: 10 } };

  /** How often the device's document changes with one uplink. */
  async function commitsOf({ store, device, send }: Awaited<ReturnType<typeof twoServers>>): Promise<number> {
    const version = async () => (await store.device(device.devEui))?.version ?? 0;
    const before = await version();
    await send();
    return (await version()) - before;
  }

  test("C15 commits an uplink with a short window once while it is alone, and before its copies are here with neighbours", async () => {
    const life = await twoServers(short);
    await life.join();
    await life.send();
    expect(await commitsOf(life)).toBe(2);
    await life.second.server.close();
    expect(await commitsOf(life)).toBe(1);
    expect(await life.eventsOf("up")).toHaveLength(3);
    life.expectHealthy();
  });

  test("C14 shares with one that it does not know of yet: one event, one answer", async () => {
    const deaf = (peers: Peers): Peers => ({
      ...peers,
      tellAll: async (topic, message) => {
        if (!topic.startsWith("network-server-")) await peers.tellAll(topic, message);
      },
    });
    const life = await twoServers({ ...short, peers: deaf });
    await life.join();
    await life.send();
    await life.clock.advance(10_000);
    const before = life.one.statistics().downlinks + life.other.statistics().downlinks;
    for (let count = 0; count < 5; count += 1) await life.send({ confirmed: true });
    expect((await life.eventsOf("up")).map(event => event.kind === "up" && event.fCnt)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(life.one.statistics().downlinks + life.other.statistics().downlinks - before).toBe(5);
    expect(await life.eventsOf("log")).toEqual([]);
    life.expectHealthy();
  });
});

describe("a gateway that moves to another network server", () => {
  /** A gateway's way to a server, which can be changed. */
  function changing(ports: readonly DatagramPort[]) {
    let current = 0;
    const port: DatagramPort = {
      send: bytes => ports[current]?.send(bytes),
      onMessage(listener) {
        for (const [index, each] of ports.entries()) each.onMessage(bytes => index === current && listener(bytes));
      },
      close: () => {},
    };
    const change = (to: number): void => {
      current = to;
    };
    return { port, change };
  }

  test("is sent to by the server that it asked last, whichever took the downlink", async () => {
    const life = await twoServers({ deviceClass: "C", otherAt: far });
    const { port, change } = changing([life.hub.gateway(), life.second.hub.gateway()]);
    const roaming = await life.addGateway({ position: { eastM: 300, northM: 0, heightM: 30 }, port });
    await life.join();
    for (let count = 0; count < 4; count += 1) await life.send();
    await life.clock.advance(60_000);
    change(1);
    await life.clock.advance(10_100);
    const before = roaming.statistics().transmitted;
    const events = kinds(life.device, "downlink").length;
    await life.enqueue(life.device.devEui, { id: "after the move" });
    await life.clock.advance(15_000);
    expect(kinds(life.device, "downlink")).toHaveLength(events + 1);
    expect(roaming.statistics().transmitted).toBe(before + 1);
    expect((await life.eventsOf("txack")).filter(event => "queueItemId" in event)).toMatchObject([
      { queueItemId: "after the move", gatewayId: roaming.gatewayId },
    ]);
    life.expectHealthy();
  });

  test("keeps the address that it is pinned to, until it is released on all servers", async () => {
    const life = await twoServers();
    const { port, change } = changing([life.hub.gateway(), life.second.hub.gateway()]);
    const pinned = await life.addGateway({ position: near, port }, { sourceRule: { kind: "pin" } });
    const gatewayId = pinned.gatewayId;
    const status = () => life.second.server.gateway(life.gatewayIdOf(gatewayId));
    expect(await status()).toMatchObject({ pinnedAddress: "127.0.0.1" });
    life.second.hub.faults.address = "127.0.0.9";
    change(1);
    await life.clock.advance(20_000);
    expect(await status()).toMatchObject({ pinnedAddress: "127.0.0.1" });
    const { refused } = (await status())?.counts ?? { refused: 0 };
    expect(refused).toBeGreaterThan(0);
    await life.server.releaseGatewayAddress(life.gatewayIdOf(gatewayId));
    await life.clock.advance(30_000);
    expect(await status()).toMatchObject({ pinnedAddress: "127.0.0.9" });
  });
});

describe("class C with two network servers", () => {
  test.each([
    ["", false],
    [", by those that are left when the one that took it dies", true],
  ])("C51 an item is sent once%s", async (_, isTakenByTheDead) => {
    const life = await twoServers({ deviceClass: "C" });
    await life.join();
    for (let count = 0; count < 4; count += 1) await life.send();
    await life.clock.advance(60_000);
    const asked = () => life.one.statistics().downlinks + life.other.statistics().downlinks;
    const before = asked();
    if (isTakenByTheDead) await life.peers.join().claim(`initiated:${life.device.devEui}`, 500);
    await life.enqueue(life.device.devEui, { id: "one" });
    await life.clock.advance(1_000);
    expect(asked()).toBe(isTakenByTheDead ? before : before + 1);
    await life.clock.advance(30_000);
    expect(asked()).toBe(before + 1);
    life.expectHealthy();
  });

  test("C41 with the server of the best gateway gone, another gateway is taken", async () => {
    const life = await twoServers({ deviceClass: "C" });
    await life.join();
    for (let count = 0; count < 4; count += 1) await life.send();
    await life.clock.advance(60_000);
    await life.second.server.close();
    const before = life.one.statistics().transmitted;
    await life.enqueue(life.device.devEui, { id: "one" });
    await life.clock.advance(30_000);
    expect(life.one.statistics().transmitted).toBe(before + 1);
    life.expectHealthy();
  });
});
