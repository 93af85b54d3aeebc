import { describe, expect, test } from "vitest";
import { parseDevAddr, parseDevEui } from "../../lorawan/ids.ts";
import type { RegionConfig } from "../../network-server/config.ts";
import { joined11, life11 } from "../support/life11.ts";
import { createScenario } from "../support/scenario.ts";

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));
const base64 = (value: string): string => Buffer.from(value).toString("base64");
const hex = (value: string): string => Buffer.from(value).toString("hex");

describe("join", () => {
  test("C9 a 1.1 device joins with OptNeg, and its RekeyInd is confirmed under the new keys", async () => {
    const { device, join, send, ups, session } = await life11();
    await join();
    expect(device.accepts).toMatchObject([{ window: "RX1", optNeg: true }]);
    await send(7, text("hello"));
    expect(device.downlinks[0]).toMatchObject({ counter: "network", fCnt: 0 });
    expect(device.downlinks[0]?.commands).toMatch(/^0b01/);
    expect(await ups()).toMatchObject([{ devAddr: device.session?.devAddr, fCnt: 0, fPort: 7 }]);
    expect(await session()).toMatchObject({ macVersion: "1.1.0", joinEui: "0e0e0e0e0e0e0e0e" });
    expect(device.faults).toEqual([]);
  });

  test("C64 RekeyInd is confirmed each time, until the device has heard it", async () => {
    const { device, join, send, faults } = await life11();
    await join();
    faults.loseToGateways = true;
    await send(1, text("a"));
    await send(1, text("b"));
    expect(device.indication).toBe("0b01");
    faults.loseToGateways = false;
    await send(1, text("c"));
    expect(device.indication).toBe("");
    await send(1, text("d"));
    expect(device.downlinks.filter(({ commands }) => commands.startsWith("0b"))).toHaveLength(1);
  });

  test("C31 an accept that got lost leaves the old 1.1 session in force", async () => {
    const { device, join, send, ups, faults } = await joined11();
    const before = device.session;
    const { parameters } = device;
    faults.loseToGateways = true;
    await join();
    faults.loseToGateways = false;
    device.session = before;
    device.parameters = parameters;
    await send(2, text("still here"));
    expect((await ups()).at(-1)).toMatchObject({ devAddr: before?.devAddr, fPort: 2 });
    await join();
    await send(3, text("new"));
    expect((await ups()).at(-1)).toMatchObject({ devAddr: device.session?.devAddr, fPort: 3, fCnt: 0 });
    expect(device.session?.devAddr).not.toBe(before?.devAddr);
  });

  test("a 1.1 device under a 1.0.4 profile falls back, as OptNeg unset tells it", async () => {
    const { device, join, send, ups, vault, session } = await life11({ profile: { macVersion: "1.0.4" } });
    await join();
    expect(device.accepts).toMatchObject([{ optNeg: false }]);
    await send(1, text("old"), true);
    const [up] = await ups();
    expect(up).toMatchObject({ fCnt: 0, confirmed: true });
    expect(up?.appSKey && vault.open(up.appSKey)).toEqual(device.session?.appSKey);
    expect(device.downlinks).toMatchObject([{ ack: true, counter: "network" }]);
    expect(await session()).toMatchObject({ macVersion: "1.0.4" });
    expect(device.faults).toEqual([]);
  });

  test("a 1.0.x device under a 1.1 profile is refused for want of an AppKey, and the log says so", async () => {
    const scenario = await createScenario({ profile: { macVersion: "1.1.0" } });
    await scenario.addGateway();
    const { device, devEui, events } = await scenario.addDevice({ macVersion: "1.0.4" });
    device.start();
    await scenario.clock.advance(8_000);
    expect(events.map(event => event.kind)).not.toContain("joined");
    const [event] = await scenario.eventsOf(devEui);
    expect(event).toMatchObject({ kind: "log", code: "OTAA", level: "ERROR" });
    expect(event?.kind === "log" && event.description).toContain("AppKey");
  });
});

describe("frames", () => {
  test("C18 network and application downlinks count apart", async () => {
    const { device, devEui, enqueue, send, session } = await joined11();
    await enqueue(devEui, { id: "one", data: base64("one") });
    await send(1, text("a"));
    await send(1, text("b"), true);
    await enqueue(devEui, { id: "two", data: base64("two") });
    await send(1, text("c"));
    const counters = (counter: string) =>
      device.downlinks.filter(downlink => downlink.counter === counter).map(downlink => downlink.fCnt);
    expect(counters("application")).toEqual([0, 1]);
    expect(counters("network")).toEqual(counters("network").map((_, index) => index));
    expect(device.downlinks.filter(({ fPort }) => fPort === 10).map(({ payload }) => payload)).toEqual([
      hex("one"),
      hex("two"),
    ]);
    expect(await session()).toMatchObject({ aFCntDown: 2, nFCntDown: counters("network").length });
    expect(device.faults).toEqual([]);
  });

  test("C9 FOpts are encrypted both ways, beside an application payload too", async () => {
    const { device, devEui, enqueue, join, send, metrics } = await life11();
    await join();
    // The answer to RekeyInd rides with the payload: the counter in its A block is then AFCntDown.
    await enqueue(devEui, { id: "beside", data: base64("beside") });
    await send(1, text("a"));
    expect(device.downlinks[0]).toMatchObject({ counter: "application", fPort: 10, payload: hex("beside") });
    expect(device.downlinks[0]?.commands).toMatch(/^0b01/);
    device.answers += "02";
    await send(1, text("b"));
    expect(device.downlinks.at(-1)?.commands).toMatch(/^02..01/);
    expect(device.faults).toEqual([]);
    expect(await metrics.registry.metrics()).not.toMatch(/uplinks_total\{verdict="bad-mic"\} [1-9]/);
  });

  test("C4 commands on port 0 are under NwkSEncKey", async () => {
    const { device, send, ups } = await joined11();
    await send(0, Uint8Array.of(0x02));
    expect(device.downlinks.at(-1)?.commands).toMatch(/^02..01/);
    expect((await ups()).at(-1)).toMatchObject({ fPort: 0, frmPayload: "" });
  });

  test("C9 an acknowledgement is signed with the counter of what it acknowledges, in both directions", async () => {
    const { device, devEui, enqueue, send, events } = await joined11();
    for (const _ of [1, 2, 3]) await send(1, text("up the counters"), true);
    expect(device.downlinks.filter(({ ack }) => ack)).toHaveLength(3);
    await enqueue(devEui, { id: "first" });
    await send(1, text("a"));
    await enqueue(devEui, { id: "sure", confirmed: true });
    await send(1, text("b"));
    expect(device.session?.confFCnt).toBe(1);
    await send(1, text("c"));
    expect(await events()).toContainEqual(
      expect.objectContaining({ kind: "ack", queueItemId: "sure", acknowledged: true }),
    );
    expect(device.faults).toEqual([]);
  });

  test("C13 a repeat on another channel is acknowledged again, though its MIC is another one", async () => {
    const { device, send, ups, faults, clock } = await joined11();
    faults.loseToGateways = true;
    await send(1, text("sure"), true);
    faults.loseToGateways = false;
    device.repeat();
    await clock.advance(8_000);
    expect(device.sent.at(-1)?.phyPayload).not.toEqual(device.sent.at(-2)?.phyPayload);
    expect(device.downlinks.at(-1)).toMatchObject({ ack: true });
    expect((await ups()).filter(({ confirmed }) => confirmed)).toHaveLength(1);
  });

  test("C13 so is a repeat that acknowledges a downlink which another one has followed unheard", async () => {
    const { device, devEui, enqueue, send, faults, clock } = await joined11();
    await enqueue(devEui, { id: "one", confirmed: true });
    await send(1, text("a"));
    await enqueue(devEui, { id: "two", confirmed: true });
    faults.loseToGateways = true;
    await send(1, text("acknowledges one"), true);
    faults.loseToGateways = false;
    device.repeat();
    await clock.advance(8_000);
    expect(device.downlinks.at(-1)).toMatchObject({ ack: true });
    expect(device.faults).toEqual([]);
  });

  test("a hundred uplinks of a 1.1 device arrive once each", async () => {
    const { device, send, ups } = await joined11();
    for (let count = 0; count < 100; count += 1) await send(1, Uint8Array.of(count), count % 10 === 0);
    expect((await ups()).map(({ fCnt }) => fCnt)).toEqual(Array.from({ length: 101 }, (_, index) => index));
    expect(device.faults).toEqual([]);
  });
});

describe("MAC commands", () => {
  const region: RegionConfig = {
    id: "eu868",
    region: "EU868",
    rx1DelaySeconds: 1,
    rx1DrOffset: 0,
    extraChannels: [],
    subBand: 0,
    installationMarginDb: 10,
  };

  test("C64 rejoin limits and ADR limits are set where they are configured", async () => {
    const { send, session, device } = await joined11({
      network: {
        regions: [
          {
            ...region,
            rejoinMaxTimeExponent: 7,
            rejoinMaxCountExponent: 6,
            adrAckLimitExponent: 7,
            adrAckDelayExponent: 6,
          },
        ],
      },
    });
    await send(1, text("a"));
    await send(1, text("b"));
    expect((await session())?.mac.current).toMatchObject({
      rejoinMaxTimeExponent: 7,
      rejoinMaxCountExponent: 6,
      adrAckLimitExponent: 7,
      adrAckDelayExponent: 6,
    });
    const sent = device.downlinks.map(({ commands }) => commands).join("");
    expect(sent).toContain("0c76");
    expect(sent).toContain("0f76");
  });

  test("C9 the first uplink on a new channel is told by the channel's number, before its answer is read", async () => {
    const extraChannels = [867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000, 868_700_000].map(
      frequencyHz => ({ frequencyHz, minDataRate: 0, maxDataRate: 5 }),
    );
    const { device, send, ups, session } = await joined11({ network: { regions: [{ ...region, extraChannels }] } });
    expect(device.parameters.channels[8]?.uplinkFrequencyHz).toBe(868_700_000);
    device.parameters = { ...device.parameters, enabledChannels: [8] };
    expect((await session())?.mac.current.channels[8]).toBeUndefined();
    await send(1, text("b"));
    expect((await ups()).at(-1)).toMatchObject({ txInfo: { frequency: 868_700_000 } });
    expect((await session())?.mac.current.channels[8]?.uplinkFrequencyHz).toBe(868_700_000);
  });

  test("C64 DeviceModeInd is confirmed and makes the device class C", async () => {
    const { device, send, session } = await joined11();
    device.answers += "2002";
    await send(1, text("a"));
    expect(device.downlinks.at(-1)?.commands).toMatch(/^2002/);
    expect((await session())?.mac.deviceClass).toBe("C");
  });

  test("C64 ResetInd of a personalised device brings its built-in parameters back", async () => {
    const keys = [1, 2, 3, 4].map(seed => Uint8Array.from({ length: 16 }, (_, index) => seed * 16 + index));
    const [fNwkSIntKey, sNwkSIntKey, nwkSEncKey, appSKey] = keys;
    if (!fNwkSIntKey || !sNwkSIntKey || !nwkSEncKey || !appSKey) throw new Error("four keys");
    const session = {
      version11: true,
      netId: "000000",
      devAddr: "00112233",
      fNwkSIntKey,
      sNwkSIntKey,
      nwkSEncKey,
      appSKey,
      fCntUp: 0,
      lastDown: { network: -1, application: -1 },
      confFCnt: 0,
      rjCount0: 0,
    };
    const life = await life11(
      { network: { regions: [{ ...region, rx1DelaySeconds: 3 }] }, profile: { supportsOtaa: false } },
      { session },
    );
    const { device, devEui, send, server } = life;
    const keyHex = (key: Uint8Array): string => Buffer.from(key).toString("hex");
    await server.activate(devEui, {
      devAddr: parseDevAddr(session.devAddr),
      fNwkSIntKey: keyHex(fNwkSIntKey),
      sNwkSIntKey: keyHex(sNwkSIntKey),
      nwkSEncKey: keyHex(nwkSEncKey),
      appSKey: { aesKey: keyHex(appSKey) },
      fCntUp: 0,
      nFCntDown: 0,
      aFCntDown: 0,
    });
    for (const _ of [1, 2, 3]) await send(1, text("a"));
    expect(device.parameters.rx1DelaySeconds).toBe(3);
    expect((await life.session())?.mac.current.rx1DelaySeconds).toBe(3);

    // It starts anew: the counters go on, the parameters do not.
    device.parameters = { ...device.parameters, rx1DelaySeconds: 1, rx2DataRate: 0 };
    device.indication = "0101";
    device.answers = "";
    await send(1, text("b"));
    expect(device.indication).toBe("");
    expect(device.downlinks.at(-1)?.commands).toMatch(/^0101/);
    for (const _ of [1, 2, 3]) await send(1, text("c"));
    expect((await life.session())?.mac.current.rx1DelaySeconds).toBe(3);
    expect(device.faults).toEqual([]);
  });

  test("C64 an order to rejoin goes out until the device obeys", async () => {
    const { device, devEui, send, server, rejoin, session } = await joined11();
    await server.forceRejoin(devEui, { rejoinType: 2, dataRate: 4 });
    await send(1, text("a"));
    await send(1, text("b"));
    const orders = () => device.downlinks.filter(({ commands }) => commands.includes("0e2403")).length;
    expect(orders()).toBe(2);
    await rejoin(2);
    await send(1, text("c"));
    await send(1, text("d"));
    expect(orders()).toBe(2);
    expect((await session())?.mac.forceRejoin).toBeUndefined();
  });

  test("only a device that joined with 1.1 can be ordered to rejoin", async () => {
    const { devEui, server, join, send } = await life11({ profile: { macVersion: "1.0.4" } });
    await join();
    await send(1, text("a"));
    await expect(server.forceRejoin(devEui, { rejoinType: 0 })).rejects.toMatchObject({ code: "rejoin_impossible" });
    await expect(server.forceRejoin(parseDevEui("ffffffffffffffff"), { rejoinType: 0 })).rejects.toMatchObject({
      code: "rejoin_impossible",
    });
  });
});
