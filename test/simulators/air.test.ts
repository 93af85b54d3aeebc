import { describe, expect, test } from "vitest";
import { type AirReception, createAir, type Transmission } from "../../simulators/air.ts";
import { noiseFloorDbm, pathLossDb, snrLimitDb } from "../../simulators/propagation.ts";
import { createRandom, seedOf } from "../../simulators/random.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const sf = (spreadingFactor: number) => ({ kind: "lora", spreadingFactor, bandwidthHz: 125_000 }) as const;
const at = (eastM: number) => ({ eastM, northM: 0, heightM: 0 });

const frame = (senderId: string, change: Partial<Transmission> = {}): Transmission => ({
  senderId,
  position: at(100),
  phyPayload: Uint8Array.of(1),
  frequencyHz: 868_100_000,
  modulation: sf(7),
  inverted: false,
  powerDbm: 14,
  startUs: 0,
  endUs: 50_000,
  ...change,
});

function setUp(seed = 1, still = true) {
  const clock = createVirtualClock();
  const air = createAir(clock, still ? { seed, shadowingDb: 0, fadingDb: 0 } : { seed });
  const heard: AirReception[] = [];
  const receiver = {
    id: "gateway",
    position: at(0),
    hearsInverted: false,
    listens: () => true,
    heard: (reception: AirReception) => heard.push(reception),
  };
  air.add(receiver);
  return { clock, air, heard, receiver, senders: () => heard.map(({ transmission }) => transmission.senderId) };
}

describe("the air", () => {
  test("a frame arrives with the strength that the distance leaves", async () => {
    const { clock, air, heard } = setUp();
    air.transmit(frame("a", { position: at(1000) }));
    await clock.advance(60);
    expect(heard[0]?.rssiDbm).toBeCloseTo(14 - 128.95, 6);
    expect(pathLossDb(at(0), at(10_000)) - pathLossDb(at(0), at(1000))).toBeCloseTo(23.2, 6);
    expect(noiseFloorDbm(sf(7))).toBeCloseTo(-117.03, 2);
  });

  test("each spreading factor reaches 2.5 dB further down", async () => {
    expect([7, 8, 9, 10, 11, 12].map(factor => snrLimitDb(sf(factor)))).toEqual([-7.5, -10, -12.5, -15, -17.5, -20]);
    const { clock, air, senders } = setUp();
    // 5 km: SNR -14.1 dB.
    air.transmit(frame("weak", { position: at(5000) }));
    air.transmit(frame("slow", { position: at(5000), modulation: sf(10) }));
    await clock.advance(60);
    expect(senders()).toEqual(["slow"]);
    expect(air.statistics()).toMatchObject({ uplinksLost: 1, losses: { "too-weak": 1 } });
  });

  test("two frames of like strength on one channel are both lost, and the much stronger one survives", async () => {
    const { clock, air, senders } = setUp();
    air.transmit(frame("a"));
    air.transmit(frame("b", { startUs: 40_000, endUs: 90_000 }));
    await clock.advance(100);
    expect(senders()).toEqual([]);
    air.transmit(frame("near", { startUs: 100_000, endUs: 150_000 }));
    air.transmit(frame("far", { startUs: 100_000, endUs: 150_000, position: at(400) }));
    await clock.advance(100);
    expect(senders()).toEqual(["near"]);
    expect(air.statistics().losses.collision).toBe(3);
  });

  test("other spreading factors, frequencies and times do not disturb", async () => {
    const { clock, air, senders } = setUp();
    air.transmit(frame("a"));
    air.transmit(frame("b", { modulation: sf(8) }));
    air.transmit(frame("c", { frequencyHz: 868_300_000 }));
    air.transmit(frame("d", { startUs: 50_000, endUs: 100_000 }));
    await clock.advance(200);
    expect(senders()).toEqual(["a", "b", "c", "d"]);
  });

  test("a receiver is deaf while it transmits", async () => {
    const { clock, air, senders } = setUp();
    air.transmit(frame("gateway", { inverted: true, frequencyHz: 869_525_000, startUs: 49_000, endUs: 80_000 }));
    air.transmit(frame("a"));
    air.transmit(frame("b", { startUs: 80_000, endUs: 130_000 }));
    await clock.advance(200);
    expect(senders()).toEqual(["b"]);
    expect(air.statistics().losses.deaf).toBe(1);
  });

  test("C11 uplinks are not heard by those that listen for downlinks", async () => {
    const { clock, air, senders } = setUp();
    air.transmit(frame("a", { inverted: true }));
    await clock.advance(100);
    expect(senders()).toEqual([]);
  });

  test("a frame that is taken off the air was never there", async () => {
    const { clock, air, senders } = setUp();
    const cancel = air.transmit(frame("a"));
    air.transmit(frame("b"));
    cancel();
    await clock.advance(100);
    expect(senders()).toEqual(["b"]);
  });

  test("strengths are the same for the same seed, and others for another", async () => {
    const strengths = async (seed: number): Promise<readonly number[]> => {
      const { clock, air, heard } = setUp(seed, false);
      for (let count = 0; count < 5; count += 1) {
        air.transmit(frame(`device ${count}`, { startUs: count * 100_000, endUs: count * 100_000 + 50_000 }));
      }
      await clock.advance(1000);
      return heard.map(({ rssiDbm }) => rssiDbm);
    };
    expect(await strengths(5)).toEqual(await strengths(5));
    expect(await strengths(5)).not.toEqual(await strengths(6));
  });
});

test("random numbers are spread evenly and follow the seed", () => {
  const random = createRandom(seedOf(7, "a"));
  const values = Array.from({ length: 4000 }, () => random.next());
  expect(values.every(value => value >= 0 && value < 1)).toBe(true);
  expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.5, 1);
  expect(createRandom(random.state()).next()).toBe(random.next());
  expect(seedOf(7, "a")).not.toBe(seedOf(7, "b"));
});
