import { describe, expect, test } from "vitest";
import { matchesNetId } from "../../lorawan/dev-addr.ts";
import { parseDevAddr, parseNetId } from "../../lorawan/ids.ts";
import { joined11, life11 } from "../support/life11.ts";

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));
const someKey = new Uint8Array(16).fill(0xee);

const results = async ({ metrics }: Awaited<ReturnType<typeof joined11>>): Promise<Readonly<Record<string, number>>> =>
  Object.fromEntries((await metrics.rejoins.get()).values.map(({ labels, value }) => [labels.result, value]));

describe("rejoin", () => {
  test.each([0, 1, 2] as const)("C35 type %i gives a new session that the device and the server share", async type => {
    const life = await joined11();
    const { device, rejoin, send, ups, events } = life;
    const before = device.session?.devAddr;
    await rejoin(type);
    expect(device.accepts).toHaveLength(2);
    expect(device.accepts[1]).toMatchObject({ optNeg: true, window: "RX1" });
    expect(device.session?.devAddr).not.toBe(before);
    await send(5, text("new"), true);
    expect(device.downlinks.at(-1)).toMatchObject({ ack: true, fCnt: 0 });
    expect(device.indication).toBe("");
    expect((await ups()).at(-1)).toMatchObject({ devAddr: device.session?.devAddr, fCnt: 0, fPort: 5 });
    expect((await events()).filter(({ kind }) => kind === "join")).toHaveLength(2);
    expect(device.faults).toEqual([]);
    expect(await results(life)).toEqual({ accepted: 1 });
  });

  test("C32 every address that a join or a rejoin gives is of the network's own NetID", async () => {
    const netId = parseNetId("60002d");
    const { device, rejoin, send } = await joined11({ network: { netId } });
    for (const type of [0, 1, 2] as const) {
      await rejoin(type);
      await send(1, text("new"));
    }
    expect(device.accepts).toHaveLength(4);
    expect(device.accepts.map(({ devAddr }) => matchesNetId(parseDevAddr(devAddr), netId))).toEqual(
      Array(4).fill(true),
    );
    expect(device.faults).toEqual([]);
  });

  test("C35 type 2 keeps the radio parameters, type 0 begins anew", async () => {
    const { device, rejoin, send, session } = await joined11();
    for (let count = 0; count < 30; count += 1) await send(1, text("adr"));
    const tuned = device.parameters;
    expect(tuned.txPowerIndex).toBeGreaterThan(0);
    await rejoin(2);
    await send(1, text("a"));
    expect((await session())?.mac.current.txPowerIndex).toBe(tuned.txPowerIndex);
    await rejoin(0);
    await send(1, text("b"));
    expect((await session())?.mac.current.txPowerIndex).toBe(0);
    expect(device.faults).toEqual([]);
  });

  test.each([0, 1, 2] as const)(
    "C31 the old session lives until the first frame on the keys of type %i",
    async type => {
      const { device, rejoin, send, ups, faults } = await joined11();
      const before = device.session;
      faults.loseToGateways = true;
      await rejoin(type);
      faults.loseToGateways = false;
      await send(4, text("still here"));
      expect((await ups()).at(-1)).toMatchObject({ devAddr: before?.devAddr, fPort: 4 });
      await rejoin(type);
      await send(6, text("new"));
      expect((await ups()).at(-1)).toMatchObject({ devAddr: device.session?.devAddr, fPort: 6 });
      expect(device.session?.devAddr).not.toBe(before?.devAddr);
      expect(device.faults).toEqual([]);
    },
  );

  test("C31 an uplink of the old session that comes late does not end the new one", async () => {
    const { device, rejoin, send, ups, faults } = await joined11();
    const before = device.session?.devAddr;
    const held: Uint8Array[] = [];
    const pushData = 0;
    faults.toServer = bytes => {
      if (bytes[3] !== pushData) return [bytes];
      held.push(bytes);
      return [];
    };
    await send(4, text("late"));
    faults.toServer = undefined;
    await rejoin(0);
    faults.toServer = bytes => [...held.splice(0), bytes];
    await send(6, text("new"), true);
    faults.toServer = undefined;
    expect((await ups()).slice(-2)).toMatchObject([
      { devAddr: before, fPort: 4 },
      { devAddr: device.session?.devAddr, fPort: 6 },
    ]);
    expect(device.downlinks.at(-1)).toMatchObject({ ack: true, fCnt: 0 });
    expect(device.faults).toEqual([]);
  });

  test("C35 RJcount0 rises within a session, over types 0 and 2", async () => {
    const life = await joined11();
    const { device, rejoin, faults, session } = life;
    faults.loseToGateways = true;
    await rejoin(0, { rjCount: 3 });
    await rejoin(2, { rjCount: 3 });
    await rejoin(0, { rjCount: 2 });
    await rejoin(2, { rjCount: 4 });
    expect(await results(life)).toEqual({ accepted: 2, replayed: 2 });
    expect((await session())?.rjCount0).toBe(4);
    expect(device.accepts).toHaveLength(1);
  });

  test("C35 RJcount0 begins again with the new session, RJcount1 goes on", async () => {
    const life = await joined11();
    const { device, rejoin, send } = life;
    for (const type of [0, 1, 2, 1] as const) {
      await rejoin(type);
      await send(1, text("a"));
    }
    expect(device.session?.rjCount0).toBe(0);
    expect(device.rjCount1).toBe(2);
    await rejoin(1, { rjCount: 0 });
    expect(await results(life)).toEqual({ accepted: 4, FrameReplayed: 1 });
  });

  test("C26 the JoinNonce rises over joins and rejoins", async () => {
    const { device, rejoin, send, join } = await joined11();
    const nonces = [device.joinNonce];
    for (const type of [0, 1, 2] as const) {
      await rejoin(type);
      await send(1, text("a"));
      nonces.push(device.joinNonce);
    }
    await join();
    nonces.push(device.joinNonce);
    expect(nonces).toEqual([1, 2, 3, 4, 5]);
  });

  test("C22 C35 a forged rejoin changes nothing", async () => {
    const life = await joined11();
    const { device, devEui, rejoin, store, events } = life;
    const before = await store.device(devEui);
    const logged = (await events()).length;
    for (const type of [0, 2] as const) await rejoin(type, { rjCount: 60_000, key: someKey });
    expect(await store.device(devEui)).toEqual(before);
    expect(await events()).toHaveLength(logged);
    await rejoin(1, { rjCount: 60_000, key: someKey });
    expect(await results(life)).toEqual({ bad_mic: 2, MICFailed: 1 });
    await rejoin(1);
    await rejoin(0);
    expect(device.accepts.length).toBeGreaterThanOrEqual(2);
  });

  test("C35 a rejoin to another network is left to it", async () => {
    const life = await joined11();
    await life.rejoin(0, { netId: "000013" });
    expect(life.device.accepts).toHaveLength(1);
    expect(await results(life)).toEqual({ other_network: 1 });
  });

  test("C35 type 1 restores a session that the server has lost", async () => {
    const { device, devEui, rejoin, send, ups, server } = await joined11();
    await server.deactivate(devEui);
    const heard = (await ups()).length;
    await send(1, text("nobody knows me"));
    await rejoin(0);
    expect(device.accepts).toHaveLength(1);
    expect(await ups()).toHaveLength(heard);
    await rejoin(1);
    expect(device.accepts).toHaveLength(2);
    await send(1, text("here again"));
    expect((await ups()).at(-1)).toMatchObject({ devAddr: device.session?.devAddr, fCnt: 0 });
  });

  test("C35 a rejoin under keys that no uplink has used yet is answered, and they stay if the answer is lost", async () => {
    const { device, rejoin, send, ups, faults } = await joined11();
    await rejoin(2);
    const session = device.session;
    faults.loseToGateways = true;
    await rejoin(2);
    faults.loseToGateways = false;
    await send(9, text("under the keys between"));
    expect((await ups()).at(-1)).toMatchObject({ devAddr: session?.devAddr, fPort: 9 });
    expect(device.faults).toEqual([]);
  });

  test("C35 type 1 from a device that has joined and said nothing yet is heard in its own windows", async () => {
    const { device, join, rejoin, send, ups } = await life11({
      profile: { mac: { rx1DrOffset: 2, rx2DataRate: 3 } },
    });
    await join();
    await rejoin(1);
    expect(device.accepts.map(({ window }) => window)).toEqual(["RX1", "RX1"]);
    await send(1, text("at last"));
    expect(await ups()).toMatchObject([{ devAddr: device.session?.devAddr }]);
  });

  test("C27 a rejoin heard by three gateways is answered once", async () => {
    const life = await joined11();
    const more = [await life.addGateway(), await life.addGateway()];
    const before = [life.gateway, ...more].reduce((sum, gateway) => sum + gateway.statistics().transmitted, 0);
    await life.rejoin(0);
    const after = [life.gateway, ...more].reduce((sum, gateway) => sum + gateway.statistics().transmitted, 0);
    expect(after - before).toBe(1);
  });

  test("C28 the accept comes in the device's own windows, at the delay of a Join-Accept", async () => {
    const { device, rejoin, send } = await joined11({
      network: {
        regions: [
          {
            id: "eu868",
            region: "EU868",
            rx1DelaySeconds: 3,
            rx1DrOffset: 2,
            rx2DataRate: 3,
            rx2FrequencyHz: 869_525_000,
            extraChannels: [],
            subBand: 0,
            installationMarginDb: 10,
          },
        ],
      },
    });
    expect(device.parameters).toMatchObject({ rx1DelaySeconds: 3, rx1DrOffset: 2, rx2DataRate: 3 });
    await rejoin(2);
    expect(device.accepts.map(({ window }) => window)).toEqual(["RX1", "RX1"]);
    await send(1, text("a"), true);
    expect(device.downlinks.at(-1)).toMatchObject({ ack: true });
    expect(device.faults).toEqual([]);
  });

  test("C34 rejoins of one device are limited, and the limit leaves RJcount0 alone", async () => {
    const life = await joined11();
    const { device, clock, faults } = life;
    faults.loseToGateways = true;
    for (let count = 0; count < 14; count += 1) {
      device.rejoin(0);
      await clock.advance(300);
    }
    const { accepted = 0, rate_limited: limited = 0 } = await results(life);
    expect(accepted).toBeGreaterThanOrEqual(9);
    expect(limited).toBeGreaterThan(0);
  });
});
