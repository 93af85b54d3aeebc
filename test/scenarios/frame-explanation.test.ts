import { expect, test } from "vitest";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import type { FrameRecord } from "../../platform/frames/frame-record.ts";
import { createScenario, type ScenarioOptions } from "../support/scenario.ts";

async function traced(options: ScenarioOptions = {}) {
  const frames: FrameRecord[] = [];
  const scenario = await createScenario({ ...options, frames: { isWanted: true, add: make => frames.push(make()) } });
  await scenario.addGateway();
  const device = await scenario.addDevice();
  device.device.start();
  await scenario.clock.advance(10_000);
  device.device.send({ fPort: 1, payload: Buffer.from("hello"), confirmed: true });
  await scenario.clock.advance(8_000);
  const explained = async (frame: FrameRecord | undefined) =>
    frame &&
    scenario.server.explainFrame(
      { devEui: device.devEui, phyPayload: frame.phyPayload, ...(frame.fCnt !== undefined && { fCnt: frame.fCnt }) },
      envelope => scenario.vault.open(envelope),
    );
  return { ...scenario, device, frames, explained };
}

test.each(["1.0.4", "1.1.0"] as const)(
  "a frame is opened with the keys of its session, and no key is told (%s)",
  async macVersion => {
    const { frames, explained, device, store } = await traced({ profile: { macVersion } });
    const uplink = await explained(frames.findLast(({ direction }) => direction === "up"));
    expect(uplink).toMatchObject({ title: "confirmed data uplink", payload: { text: "hello" } });
    expect(["fits", "half fits"]).toContain(uplink?.mic.kind);
    const downlink = await explained(frames.findLast(({ direction }) => direction === "down"));
    expect(downlink?.title).toContain("downlink");
    const document = (await store.device(device.devEui)) ?? expect.fail("no document");
    const keys = JSON.stringify(decodeDeviceState(document.value)).match(/[0-9a-f]{32}/g) ?? [];
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(JSON.stringify([uplink, downlink])).not.toContain(key);
  },
);

test("a frame of an earlier session, and a join, are not opened", async () => {
  const { frames, explained, server, device } = await traced();
  expect(await explained(frames[0])).toBeUndefined();
  const uplink = frames.findLast(({ direction }) => direction === "up");
  await server.deactivate(device.devEui);
  expect(await explained(uplink)).toBeUndefined();
});
