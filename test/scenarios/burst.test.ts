import { expect, test } from "vitest";
import { encodeDeviceState } from "../../network-server/device-record.ts";
import { createScenario } from "../support/scenario.ts";
import { someDevAddr, someSession, someUplink } from "../support/sessions.ts";

test("C74 thirty frames of one device that arrive at once are all delivered, in order", async () => {
  const scenario = await createScenario();
  const gateway = await scenario.addGateway();
  const { devEui } = await scenario.addDevice();
  await scenario.store.commit({
    devEui,
    expectedVersion: 0,
    value: encodeDeviceState({ active: someSession() }),
    devAddrs: [someDevAddr],
  });
  const startUs = scenario.clock.monotonicUs() + 1000;
  for (let fCnt = 0; fCnt < 30; fCnt += 1) {
    scenario.air.transmit({
      senderId: `burst ${fCnt}`,
      position: { eastM: 100, northM: 0, heightM: 2 },
      phyPayload: someUplink({ fCnt, confirmed: true }).phyPayload,
      // Each on a frequency of its own, so that none drowns another.
      frequencyHz: 863_100_000 + 200_000 * fCnt,
      modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
      inverted: false,
      powerDbm: 14,
      startUs,
      endUs: startUs + 60_000,
    });
  }
  await scenario.clock.advance(5_000);
  expect(gateway.statistics().heard).toBe(30);
  const ups = (await scenario.eventsOf(devEui)).filter(event => event.kind === "up");
  expect(ups.map(event => event.fCnt)).toEqual(Array.from({ length: 30 }, (_, fCnt) => fCnt));
});

test("C74 an uplink whose device takes longer to be found is not overtaken by the device's next one", async () => {
  const { clock, store, air, addGateway, addDevice, eventsOf } = await createScenario();
  await addGateway();
  const { devEui } = await addDevice();
  const value = encodeDeviceState({ active: someSession() });
  await store.commit({ devEui, expectedVersion: 0, value, devAddrs: [someDevAddr] });
  const { devicesByDevAddr } = store;
  let lookups = 0;
  store.devicesByDevAddr = async devAddr => {
    lookups += 1;
    if (lookups === 1) await new Promise<void>(resolve => clock.after(20, resolve));
    return devicesByDevAddr(devAddr);
  };
  const startUs = clock.monotonicUs() + 1000;
  for (const fCnt of [0, 1]) {
    air.transmit({
      senderId: `frame ${fCnt}`,
      position: { eastM: 100, northM: 0, heightM: 2 },
      phyPayload: someUplink({ fCnt }).phyPayload,
      frequencyHz: 868_100_000 + 200_000 * fCnt,
      modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
      inverted: false,
      powerDbm: 14,
      startUs: startUs + fCnt,
      endUs: startUs + 60_000 + fCnt,
    });
  }
  await clock.advance(2_000);
  const ups = (await eventsOf(devEui)).filter(event => event.kind === "up");
  expect(ups.map(event => event.fCnt)).toEqual([0, 1]);
});
