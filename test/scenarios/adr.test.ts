import { describe, expect, test } from "vitest";
import type { DevEui } from "../../lorawan/ids.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import type { AdrScripts } from "../../network-server/ports.ts";
import { joinedLife, type LifeOptions } from "../support/radio-life.ts";

type Life = Awaited<ReturnType<typeof joinedLife>>;

/** A place that a test can change while the device lives there. */
const placeAt = (eastM: number) => ({ eastM, northM: 0, heightM: 2 });

const life = (eastM: number, options: LifeOptions = {}) => {
  const place = placeAt(eastM);
  return joinedLife({ ...options, device: { position: place, ...options.device } }).then(joined => ({
    ...joined,
    place,
  }));
};

/** Longer than three transmissions with their windows. */
const intervalMs = 30_000;

async function uplinks(of: Life, count: number, each: (index: number) => void = () => {}): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    each(index);
    of.device.device.send({ fPort: 1, payload: Uint8Array.of(index & 0xff) });
    await of.clock.advance(intervalMs);
  }
}

const linkAdrCount = (of: Life): number => of.commandsHeard().filter(name => name === "LinkADRReq").length;
const rates = (of: Life) => {
  const { dataRate, txPowerIndex, nbTrans } = of.parameters();
  return { dataRate, txPowerIndex, nbTrans };
};
const delivered = async (of: Life): Promise<number> =>
  (await of.eventsOf(of.device.devEui)).filter(event => event.kind === "up").length;

describe("a device that stays where it is", () => {
  test.each([
    [0, 0],
    [1, 0],
    [3, 2],
    [5, 3],
  ])("comes to rest though its link fades by %i dB", async (fadingDb, changes) => {
    const device = await life(700, { fadingDb });
    await uplinks(device, 200);
    const asked = linkAdrCount(device);
    expect(device.parameters().dataRate).toBe(5);
    await uplinks(device, 400);
    expect(linkAdrCount(device) - asked).toBeLessThanOrEqual(changes);
    expect(device.parameters().dataRate).toBe(5);
    device.expectAllHeard();
  });

  test("saves power when it is near, and keeps its rate low when it is far", async () => {
    const near = await life(30);
    const far = await life(2_600, { device: { dataRate: 0 } });
    await uplinks(near, 200);
    await uplinks(far, 200);
    expect(near.parameters()).toMatchObject({ dataRate: 5, txPowerIndex: 7 });
    expect(far.parameters().dataRate).toBeLessThan(3);
    expect(await delivered(far)).toBe(200);
  });
});

describe("a device that moves", () => {
  test("C54 loses power and data rate step by step before its own back-off begins", async () => {
    const device = await life(100);
    await uplinks(device, 150);
    expect(device.parameters().txPowerIndex).toBeGreaterThan(0);
    const before = await delivered(device);
    let silent = 0;
    await uplinks(device, 300, index => {
      device.place.eastM = 100 + index * 7;
      silent = Math.max(silent, device.device.device.session?.adrAckCounter ?? 0);
    });
    expect(device.parameters().dataRate).toBeLessThan(5);
    expect(device.parameters().txPowerIndex).toBe(0);
    // ADR_ACK_LIMIT and ADR_ACK_DELAY: at 96 the device steps back by itself.
    expect(silent).toBeLessThan(96);
    expect((await delivered(device)) - before).toBeGreaterThanOrEqual(295);
    device.expectAllHeard();
  });

  test("a link that is suddenly worse is answered within ten uplinks", async () => {
    const device = await life(300);
    await uplinks(device, 150);
    const before = rates(device);
    device.place.eastM = 900;
    await uplinks(device, 10);
    const after = rates(device);
    expect(before.dataRate).toBe(5);
    expect(after.txPowerIndex).toBeLessThanOrEqual(before.txPowerIndex - 3);
    expect(await delivered(device)).toBe(160);
  });

  test("a device that comes back gets its rate and power back", async () => {
    const device = await life(300);
    await uplinks(device, 150);
    const before = rates(device);
    device.place.eastM = 700;
    await uplinks(device, 60);
    expect(rates(device).txPowerIndex).toBeLessThan(before.txPowerIndex - 2);
    device.place.eastM = 300;
    await uplinks(device, 150);
    expect(rates(device)).toEqual(before);
    await device.expectAgreement();
  });

  test("C57 a device that nobody heard for a while is found at its slowest rate and brought back", async () => {
    const device = await life(300);
    await uplinks(device, 150);
    const before = rates(device);
    device.place.eastM = 60_000;
    await uplinks(device, 330);
    expect(device.parameters()).toMatchObject({ dataRate: 0, txPowerIndex: 0 });
    device.place.eastM = 300;
    await uplinks(device, 150);
    expect(rates(device)).toEqual(before);
    await device.expectAgreement();
    device.expectAllHeard();
  });
});

describe("a device whose frames get lost", () => {
  const region = regionOf("EU868", "RP002-1.0.4");
  const defaults = region.defaultChannels.flatMap(channel => channel?.uplinkFrequencyHz ?? []);
  const extras = [867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000];

  test("repeats them, stays with that, and stops when the loss is gone", async () => {
    const listensTo = new Set([...defaults, ...extras]);
    const device = await life(400, { gateways: [{ listensTo }] });
    await uplinks(device, 100);
    expect(device.parameters().nbTrans).toBe(1);

    // One of four transmissions is lost, whatever its strength.
    listensTo.delete(867_100_000);
    listensTo.delete(867_300_000);
    await uplinks(device, 60);
    expect(device.parameters().nbTrans).toBeGreaterThan(1);
    const asked = linkAdrCount(device);
    const before = await delivered(device);
    await uplinks(device, 200);
    expect((await delivered(device)) - before).toBeGreaterThan(185);
    expect(linkAdrCount(device) - asked).toBeLessThanOrEqual(3);
    expect(device.parameters().nbTrans).toBeGreaterThan(1);

    listensTo.add(867_100_000).add(867_300_000);
    await uplinks(device, 200);
    expect(device.parameters().nbTrans).toBe(1);
    device.expectAllHeard();
  });
});

test("each change is told with its reason, once, and what it says is what the device then uses", async () => {
  const device = await life(100);
  await uplinks(device, 100);
  const told = (await device.eventsOf(device.device.devEui)).flatMap(event =>
    event.kind === "log" && event.code === "ADR" ? [event] : [],
  );
  expect(told).toHaveLength(linkAdrCount(device));
  for (const { level, description } of told) {
    expect(level).toBe("INFO");
    expect(description).toMatch(/^SNR max -?\d+\.\d dB over \d+, margin -?\d+\.\d dB: DR\d, \d+ dBm, 1 transmission$/);
  }
  const { dataRate, txPowerIndex, nbTrans } = rates(device);
  // EU868 begins at 16 dBm and loses 2 dB a step.
  const context = {
    data_rate: dataRate,
    tx_power_index: txPowerIndex,
    tx_power_dbm: 16 - 2 * txPowerIndex,
    nb_trans: nbTrans,
  };
  expect(told.at(-1)?.context).toEqual(
    Object.fromEntries(Object.entries(context).map(([name, value]) => [name, String(value)])),
  );
});

describe("a profile with a script", () => {
  const byScript = (decide: AdrScripts["decide"], options: LifeOptions = {}) =>
    life(50, { profile: { adrAlgorithm: "script", adrScript: "source" }, adrScripts: { decide }, ...options });

  test("steers its devices as the script says", async () => {
    const wanted = { dataRate: 2, txPowerIndex: 3, nbTrans: 2 };
    const device = await byScript(async () => ({ kind: "decided", wanted, id: "mine", reason: "it is Friday" }));
    await uplinks(device, 5);
    expect(rates(device)).toEqual(wanted);
    expect(linkAdrCount(device)).toBe(1);
    expect(await device.eventsOf(device.device.devEui)).toContainEqual(
      expect.objectContaining({ code: "ADR", description: "mine, it is Friday: DR2, 10 dBm, 2 transmissions" }),
    );
    device.expectAllHeard();
  });

  test("that fails keeps them as they are, says so, and loses no uplink and no answer", async () => {
    const device = await byScript(async () => ({ kind: "failed", message: "boom (line 3)" }));
    const before = rates(device);
    for (let index = 0; index < 5; index += 1) await device.send({ confirmed: true });
    expect(rates(device)).toEqual(before);
    expect(device.eventsOfKind("downlink").filter(({ ack }) => ack)).toHaveLength(5);
    const events = await device.eventsOf(device.device.devEui);
    const faults = events.flatMap(event => (event.kind === "log" && event.code === "ADR_SCRIPT" ? [event] : []));
    expect(faults).toHaveLength(5);
    expect(faults[0]).toMatchObject({ level: "ERROR", description: expect.stringContaining("boom (line 3)") });
    expect(await delivered(device)).toBe(5);
  });

  test("C54 is not asked about a device without the ADR bit", async () => {
    let asked = 0;
    const decide: AdrScripts["decide"] = async () => {
      asked += 1;
      return { kind: "decided", wanted: { dataRate: 5, txPowerIndex: 5, nbTrans: 3 } };
    };
    const device = await byScript(decide, { device: { adr: false, dataRate: 1 } });
    await uplinks(device, 5);
    expect([asked, linkAdrCount(device)]).toEqual([0, 0]);
  });

  test("holds up no other device while it thinks", async () => {
    const answers: (() => void)[] = [];
    const device = await byScript(
      () => new Promise(resolve => answers.push(() => resolve({ kind: "failed", message: "late" }))),
    );
    const other = await device.addDevice({}, { profile: { ...device.profile, adrAlgorithm: "default" } });
    other.device.start();
    await device.clock.advance(15_000);
    device.device.device.send({ fPort: 1, payload: Uint8Array.of(1) });
    other.device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await device.clock.advance(intervalMs);
    const upOf = async (devEui: DevEui) => (await device.eventsOf(devEui)).filter(({ kind }) => kind === "up").length;
    expect([await upOf(device.device.devEui), await upOf(other.devEui)]).toEqual([0, 1]);
    for (const answer of answers) answer();
    await device.clock.settle();
    expect(await upOf(device.device.devEui)).toBe(1);
  });
});

describe("limits and wishes", () => {
  test("a profile's limits hold for ADR", async () => {
    const limited = await life(50, { profile: { adrMinDataRate: 2, adrMaxDataRate: 3 } });
    await uplinks(limited, 60);
    expect(limited.parameters().dataRate).toBe(3);
    limited.place.eastM = 1_400;
    await uplinks(limited, 60);
    expect(limited.parameters().dataRate).toBeGreaterThanOrEqual(2);
  });

  test("a profile without ADR leaves data rate and power alone", async () => {
    const alone = await life(50, { profile: { adrAlgorithm: "none" }, device: { dataRate: 1 } });
    await uplinks(alone, 60);
    expect(alone.parameters()).toMatchObject({ dataRate: 1, txPowerIndex: 0, nbTrans: 1 });
    expect(linkAdrCount(alone)).toBe(0);
  });

  test("C54 a device without the ADR bit is left alone, and its own rate is known", async () => {
    const stubborn = await life(50, { device: { dataRate: 1, adr: false } });
    await uplinks(stubborn, 60);
    expect(linkAdrCount(stubborn)).toBe(0);
    expect((await stubborn.believed()).dataRate).toBe(1);
    stubborn.expectAllHeard();
  });
});
