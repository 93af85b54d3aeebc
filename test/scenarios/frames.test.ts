import { expect, test } from "vitest";
import { parseDevAddr, parseDevEui, parseJoinEui } from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import { sealJoinRequest } from "../../lorawan/phy/security.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import type { FrameRecord } from "../../platform/frames/frame-record.ts";
import { createScenario, type ScenarioOptions } from "../support/scenario.ts";

/** A device that has joined through two gateways, and every frame that the server saw. */
async function traced(options: ScenarioOptions = {}) {
  const frames: FrameRecord[] = [];
  const scenario = await createScenario({
    ...options,
    frames: { isWanted: true, add: make => frames.push(make()) },
  });
  await scenario.addGateway();
  await scenario.addGateway();
  const device = await scenario.addDevice();
  device.device.start();
  await scenario.clock.advance(10_000);
  const send = async (changes = {}) => {
    device.device.send({ fPort: 1, payload: Uint8Array.of(1, 2, 3), ...changes });
    await scenario.clock.advance(8_000);
  };
  /** From the air, of no simulated device. */
  const shout = async (phyPayload: Uint8Array) => {
    const [channel] = scenario.region.defaultChannels;
    const modulation = scenario.region.uplinkDataRates[5];
    if (!channel || !modulation) throw new TypeError("the region has a first channel and DR5");
    const startUs = scenario.clock.monotonicUs();
    const from = { senderId: "somebody", position: { eastM: 100, northM: 0, heightM: 2 }, powerDbm: 14 };
    const on = { frequencyHz: channel.uplinkFrequencyHz, modulation, inverted: false };
    scenario.air.transmit({ ...from, ...on, phyPayload, startUs, endUs: startUs + 60_000 });
    await scenario.clock.advance(1_000);
  };
  return { ...scenario, device, frames, send, shout };
}

const kindOf = (frame: FrameRecord) => (frame.direction === "up" ? frame.verdict : frame.outcome);

test("a join, its accept, an uplink and its acknowledgement are told with their receptions and attempts", async () => {
  const { frames, device, send, eventsOf, clock } = await traced();
  await send({ confirmed: true });
  expect(frames.map(frame => [frame.direction, kindOf(frame)])).toEqual([
    ["up", "accepted"],
    ["down", "sent"],
    ["up", "accepted"],
    ["down", "sent"],
  ]);
  const [join, accept, uplink, ack] = frames;
  const up = (await eventsOf(device.devEui)).find(({ kind }) => kind === "up");
  for (const frame of frames) expect(frame.subject?.devEui).toBe(device.devEui);
  expect(join?.phyPayload[0]).toBe(0x00);
  expect(join?.direction === "up" && join.rxInfo).toHaveLength(2);
  expect(accept).toMatchObject({ attempts: [{ window: "RX1", status: "OK" }], delayUs: 5_000_000 });
  expect(uplink).toMatchObject({
    deduplicationId: up?.deduplicationId,
    fCnt: 0,
    devAddr: device.device.session?.devAddr,
    txInfo: up?.kind === "up" ? up.txInfo : undefined,
  });
  expect(uplink?.direction === "up" && uplink.rxInfo).toEqual(up?.kind === "up" ? up.rxInfo : undefined);
  expect(ack).toMatchObject({ fCnt: 0, delayUs: 1_000_000 });
  expect(ack?.atMs).toBeLessThanOrEqual(clock.nowMs());
});

test("a downlink that gateways refuse is told with each attempt and why", async () => {
  const { frames, faults, send, enqueue, device } = await traced();
  faults.toServer = bytes => [
    bytes[3] === 5 ? Buffer.from(Buffer.from(bytes).toString("latin1").replace("NONE", "TX_FREQ"), "latin1") : bytes,
  ];
  await enqueue(device.devEui, { id: "first" });
  await send();
  const [failed] = frames.filter(({ direction }) => direction === "down").slice(1);
  expect(failed).toMatchObject({ outcome: "failed", queueItemId: "first" });
  const attempts =
    failed?.direction === "down" ? failed.attempts.map(({ window, status }) => `${window} ${status}`) : [];
  expect(attempts).toEqual(["RX1 TX_FREQ", "RX1 TX_FREQ", "RX2 TX_FREQ", "RX2 TX_FREQ"]);
});

test("frames that are not accepted are told with why", async () => {
  const { frames, shout, send, device, register, gatewayIdOf } = await traced();
  await send();
  const uplink = frames.findLast(({ direction }) => direction === "up");
  frames.length = 0;
  const bytes = uplink?.phyPayload ?? expect.fail("no uplink");
  const devAddr = device.device.session?.devAddr;
  const changed = (at: number, value: number) => Uint8Array.from(bytes, (byte, index) => (index === at ? value : byte));
  await shout(bytes);
  await send();
  await shout(bytes);
  await shout(changed(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1));
  await shout(changed(1, (bytes[1] ?? 0) ^ 1));
  await shout(Uint8Array.of(0xe0, 1, 2, 3));
  await shout(Uint8Array.of(0x40, 1, 2));
  const requestOf = (devEui: string) =>
    sealJoinRequest(parseAesKey("00".repeat(16)), {
      joinEui: parseJoinEui("0e0e0e0e0e0e0e0e"),
      devEui: parseDevEui(devEui),
      devNonce: 1,
    });
  await shout(requestOf("ffffffffffffffff"));
  register(parseDevEui("eeeeeeeeeeeeeeee"));
  await shout(requestOf("eeeeeeeeeeeeeeee"));
  expect(
    frames.filter(({ direction }) => direction === "up").map(frame => [kindOf(frame), frame.subject?.devEui]),
  ).toEqual([
    ["repeat", device.devEui],
    ["accepted", device.devEui],
    ["counter-reset", device.devEui],
    ["bad-mic", undefined],
    ["unknown-device", undefined],
    ["proprietary", undefined],
    ["malformed", undefined],
    ["refused", undefined],
    ["refused", "eeeeeeeeeeeeeeee"],
  ]);
  const reasons = frames.flatMap(frame => (frame.direction === "up" && frame.reason ? [frame.reason] : []));
  expect(reasons).toEqual(["proprietary", "frame_too_short", "unknown_device", "UnknownDevEUI"]);
  for (const frame of frames) {
    if (frame.direction === "up")
      expect(frame.rxInfo.map(({ gatewayId }) => gatewayId)).toContain(gatewayIdOf("aaaaaaaaaaaaaaa1"));
    if (frame.direction === "up" && kindOf(frame) === "bad-mic")
      expect(frame.devAddr).toBe(parseDevAddr(devAddr ?? ""));
  }
});

test("no key of the device is in what is told of its frames", async () => {
  const { frames, store, device, send } = await traced();
  await send({ confirmed: true });
  const document = (await store.device(device.devEui)) ?? expect.fail("no document");
  const session = decodeDeviceState(document.value).active ?? expect.fail("no session");
  const { fNwkSIntKey, sNwkSIntKey, nwkSEncKey, appSKey } = session;
  const text = JSON.stringify(frames, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value,
  );
  for (const key of [fNwkSIntKey, sNwkSIntKey, nwkSEncKey, appSKey?.aesKey]) expect(text).not.toContain(key);
});
