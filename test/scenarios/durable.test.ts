import { describe, expect, test } from "vitest";
import type { DevEui } from "../../lorawan/ids.ts";
import { decodeFrame } from "../../lorawan/phy/codec.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import type { DeviceState } from "../../network-server/session.ts";
import type { StateStore } from "../../platform/state/store.ts";
import { joined11 } from "../support/life11.ts";
import { joinedLife, personalisedLife } from "../support/radio-life.ts";
import type { createScenario } from "../support/scenario.ts";

type Scenario = Pick<Awaited<ReturnType<typeof createScenario>>, "store" | "clock" | "faults">;
type Commit = Parameters<StateStore["commit"]>[0];

const pullResp = 3;

/** The frame of a PULL_RESP; undefined for any other datagram. */
function sentFrame(datagram: Uint8Array): Uint8Array | undefined {
  if (datagram[3] !== pullResp) return undefined;
  const { txpk }: { txpk: { data: string } } = JSON.parse(Buffer.from(datagram.subarray(4)).toString());
  return Buffer.from(txpk.data, "base64");
}

/**
 * Makes every commit take so long that whatever does not wait for it comes first, and notes each frame on its way to a
 * gateway, and each uplink event, that what is durable by then does not allow.
 */
function watched({ store, clock, faults }: Scenario, commitMs: number) {
  const durable = new Map<DevEui, DeviceState>();
  const early: string[] = [];
  const frames: string[] = [];
  const { commit } = store;
  const counterOf = (devEui: DevEui): number => durable.get(devEui)?.active?.fCntUp ?? 0;

  store.commit = async (change: Commit) => {
    // An event may come in one step with the counter that it uses up.
    const counter = change.value ? (decodeDeviceState(change.value).active?.fCntUp ?? 0) : counterOf(change.devEui);
    for (const bytes of change.events ?? []) {
      const event: { kind: string; fCnt: number } = JSON.parse(Buffer.from(bytes).toString());
      if (event.kind === "up" && event.fCnt >= counter) early.push(`event of uplink ${event.fCnt}`);
    }
    await new Promise<void>(resolve => clock.after(commitMs, resolve));
    const outcome = await commit(change);
    if (outcome.kind === "committed" && change.value) durable.set(change.devEui, decodeDeviceState(change.value));
    return outcome;
  };

  faults.toGateways = datagram => {
    const bytes = sentFrame(datagram);
    const frame = bytes && decodeFrame(bytes);
    if (!frame || !("kind" in frame)) return [datagram];
    frames.push(frame.kind);
    const states = [...durable.values()];
    if (frame.kind === "join-accept") {
      if (!states.some(({ joined }) => joined !== undefined)) early.push("Join-Accept");
    } else if (frame.kind === "data") {
      const sessions = states.flatMap(({ active }) => (active?.devAddr === frame.devAddr ? [active] : []));
      const used = sessions.some(({ nFCntDown, aFCntDown }) => Math.max(nFCntDown, aFCntDown) > frame.fCnt16);
      if (!used) early.push(`downlink ${frame.fCnt16}`);
      if (frame.ack && !sessions.some(({ fCntUp }) => fCntUp > 0)) early.push("acknowledgement");
    }
    return [datagram];
  };
  return { early, frames };
}

/** RX1 opens 5 s after an uplink, so that slow commits are in time. */
const slow = { regions: [{ ...defaultRegionConfig("EU868"), rx1DelaySeconds: 5 }] };
const slowMs = 700;

describe.each([
  { waits: "in the store", deduplicationWindowMs: 200 },
  { waits: "in memory", deduplicationWindowMs: 10 },
])("nothing leaves before it is durable while an uplink waits $waits for its copies", ({ deduplicationWindowMs }) => {
  const network = { ...slow, deduplicationWindowMs };

  test("C15 C16 acknowledgements, their repeats, payloads and MAC commands, and the events of uplinks", async () => {
    const life = await joinedLife({ network });
    const { early, frames } = watched(life, slowMs);
    const { device, enqueue, clock, faults } = life;
    for (const id of ["a", "b"]) await enqueue(device.devEui, { id });
    await life.sendMany(3, { confirmed: true });
    const { toGateways } = faults;
    // The device's confirmed uplink comes again, since nothing of its acknowledgement gets through.
    faults.toGateways = datagram => {
      const passed = toGateways?.(datagram) ?? [datagram];
      return datagram[3] === pullResp ? [] : passed;
    };
    await life.send({ confirmed: true });
    faults.toGateways = toGateways;
    await clock.advance(60_000);
    expect(frames.length).toBeGreaterThanOrEqual(5);
    expect(new Set(frames)).toEqual(new Set(["data"]));
    expect(early).toEqual([]);
    expect((await life.eventsOf(device.devEui)).filter(event => event.kind === "up").length).toBeGreaterThanOrEqual(4);
  });

  test("C16 a Join-Accept, whose session is there before it", async () => {
    const scenario = await personalisedLife({ network });
    const { early, frames } = watched(scenario, 2_000);
    const { device, devEui } = await scenario.addDevice();
    device.start();
    await scenario.clock.advance(15_000);
    expect(frames).toEqual(["join-accept"]);
    expect(early).toEqual([]);
    expect((await scenario.eventsOf(devEui)).map(event => event.kind)).toEqual(["join"]);
  });

  test("C16 the Join-Accept of a rejoin", async () => {
    const life = await joined11({ network });
    const { early, frames } = watched(life, 2_000);
    await life.rejoin(0);
    expect(frames).toEqual(["join-accept"]);
    expect(early).toEqual([]);
    expect(life.device.accepts).toHaveLength(2);
  });

  test("C16 frames of class C", async () => {
    const life = await joinedLife({
      network,
      profile: { supportsClassC: true, adrAlgorithm: "none" },
      device: { deviceClass: "C" },
    });
    await life.sendMany(4);
    await life.clock.advance(60_000);
    const { early, frames } = watched(life, slowMs);
    for (const id of ["a", "b"]) await life.enqueue(life.device.devEui, { id, confirmed: id === "a" });
    await life.clock.advance(60_000);
    expect(frames).toEqual(["data", "data"]);
    expect(early).toEqual([]);
  });
});

test("C16 a frame of class C whose counter somebody else has used meanwhile is not sent under it", async () => {
  const life = await joinedLife({
    profile: { supportsClassC: true, adrAlgorithm: "none" },
    device: { deviceClass: "C" },
  });
  await life.sendMany(4);
  await life.clock.advance(60_000);
  const { store, device } = life;
  const { commit } = store;
  const counterBefore = (await life.server.session(device.devEui))?.session.nFCntDown ?? -1;
  const { frames } = watched(life, 0);
  let overtaken = 0;
  const slow = store.commit;
  store.commit = async change => {
    const isSending = (change.queue ?? []).some(({ kind }) => kind === "replace") && overtaken === 0;
    if (!isSending) return slow(change);
    overtaken += 1;
    // Another instance sends its own frame under the same counter first.
    const document = (await store.device(device.devEui)) ?? expect.fail("no document");
    await commit({ ...change, expectedVersion: document.version, queue: [] });
    return slow(change);
  };
  await life.enqueue(device.devEui, { id: "a" });
  await life.clock.advance(60_000);
  expect(overtaken).toBe(1);
  expect(frames).toEqual(["data"]);
  expect(life.eventsOfKind("downlink").at(-1)).toMatchObject({ fCnt: counterBefore + 1 });
});
