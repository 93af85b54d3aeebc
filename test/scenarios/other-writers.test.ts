import { expect, test } from "vitest";
import type { DevEui } from "../../lorawan/ids.ts";
import { decodeDeviceState, encodeDeviceState } from "../../network-server/device-record.ts";
import type { DeviceState, Session } from "../../network-server/session.ts";
import { createScenario } from "../support/scenario.ts";
import { nwkSKey, someDevAddr, someSession, someUplink } from "../support/sessions.ts";

/** A server whose devices somebody else changes in the store as well, as other instances and the API do. */
async function sharedState() {
  const scenario = await createScenario();
  const gateway = await scenario.addGateway();
  const { devEui } = await scenario.addDevice();
  let frames = 0;

  const write = async (changed: (state: DeviceState) => DeviceState, id: DevEui = devEui): Promise<void> => {
    const document = await scenario.store.device(id);
    const state = changed(document ? decodeDeviceState(document.value) : {});
    const devAddrs = state.active ? [state.active.devAddr] : [];
    const commit = { devEui: id, expectedVersion: document?.version ?? 0, value: encodeDeviceState(state), devAddrs };
    expect(await scenario.store.commit(commit)).toMatchObject({ kind: "committed" });
  };

  const hear = async (fCnt: number, key = nwkSKey): Promise<void> => {
    frames += 1;
    const startUs = scenario.clock.monotonicUs() + 1000;
    scenario.air.transmit({
      senderId: `frame ${frames}`,
      position: { eastM: 100, northM: 0, heightM: 2 },
      phyPayload: someUplink({ fCnt, frmPayload: Uint8Array.of(frames) }, key).phyPayload,
      frequencyHz: 868_100_000,
      modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
      inverted: false,
      powerDbm: 14,
      startUs,
      endUs: startUs + 60_000,
    });
    await scenario.clock.advance(5_000);
    expect(gateway.statistics().heard).toBe(frames);
  };

  const counters = async (): Promise<readonly number[]> =>
    (await scenario.events()).flatMap(event => (event.kind === "up" ? [event.fCnt] : []));

  const begin = (changes: Partial<Session> = {}) => write(() => ({ active: someSession(changes) }));
  const change = (changes: Partial<Session>) =>
    write(state => (state.active ? { ...state, active: { ...state.active, ...changes } } : state));
  return { ...scenario, devEui, write, begin, change, hear, counters };
}

test("C12 a counter that another instance has accepted is not accepted again", async () => {
  const { begin, change, hear, counters, eventsOf, devEui } = await sharedState();
  await begin();
  await hear(0);
  await change({ fCntUp: 6 });
  await hear(5);
  await hear(6);
  expect(await counters()).toEqual([0, 6]);
  expect(await eventsOf(devEui)).toContainEqual(
    expect.objectContaining({ kind: "log", code: "UPLINK_F_CNT_RETRANSMISSION" }),
  );
});

test("C18 counters of downlinks that another instance sent are kept", async () => {
  const { begin, change, hear, server, devEui } = await sharedState();
  await begin();
  await hear(0);
  await change({ nFCntDown: 40 });
  await hear(1);
  expect((await server.session(devEui))?.session.nFCntDown).toBeGreaterThanOrEqual(40);
});

test("a device that another process has activated anew is heard under its new keys and counters, and no longer under the old", async () => {
  const { begin, hear, counters } = await sharedState();
  const otherKey = "f0".repeat(16);
  await begin();
  await hear(0);
  await hear(9);
  await begin({ fNwkSIntKey: otherKey, sNwkSIntKey: otherKey, nwkSEncKey: otherKey });
  await hear(10);
  await hear(0, otherKey);
  await begin();
  await hear(3);
  expect(await counters()).toEqual([0, 9, 0, 3]);
});

test("a device without a session is not heard, whoever ended it", async () => {
  const { begin, write, hear, counters } = await sharedState();
  await begin();
  await hear(0);
  await write(() => ({}));
  await hear(1);
  expect(await counters()).toEqual([0]);
});

test("C33 a device that another process has put under an address is told from those known there", async () => {
  const { begin, write, hear, addDevice, eventsOf } = await sharedState();
  const otherKey = "0f".repeat(16);
  await begin();
  await hear(0);
  const other = await addDevice();
  const active = someSession({ fNwkSIntKey: otherKey, sNwkSIntKey: otherKey, nwkSEncKey: otherKey });
  await write(() => ({ active }), other.devEui);
  await hear(0, otherKey);
  expect(await eventsOf(other.devEui)).toMatchObject([{ kind: "up", devAddr: someDevAddr, fCnt: 0 }]);
});

test("a device that is disabled is not heard", async () => {
  const { begin, hear, counters, devices, devEui } = await sharedState();
  await begin();
  await hear(0);
  const config = devices.get(devEui);
  if (config) devices.set(devEui, { ...config, disabled: true });
  await hear(1);
  expect(await counters()).toEqual([0]);
});

test("a device goes on whose session stands in the store as an earlier version wrote it", async () => {
  const { store, devEui, hear, counters } = await sharedState();
  const { mac, adrHistory: _, ...session } = someSession({ fCntUp: 7, adrSince: { fCnt: 6, heard: 1 } });
  const lines = [session, { ...mac, current: { ...mac.current, channels: [] } }, { ...session, adr: [6, 8.5, 2] }];
  const former = `2\n${lines.map(line => JSON.stringify(line)).join("\n")}\n\n\n\n`;
  await store.commit({ devEui, expectedVersion: 0, value: Buffer.from(former), devAddrs: [session.devAddr] });
  await hear(6);
  await hear(7);
  expect(await counters()).toEqual([7]);
  const { value } = (await store.device(devEui)) ?? expect.fail("no document");
  expect(Buffer.from(value).toString()).toMatch(/^3\n/);
  const { mac: after, ...now } = decodeDeviceState(value).active ?? expect.fail("no session");
  expect(now).toMatchObject({ fNwkSIntKey: session.fNwkSIntKey, appSKey: session.appSKey, fCntUp: 8 });
  expect(after.current.channels).toEqual(mac.current.channels);
});
