import { describe, expect, test } from "vitest";
import type { RegionName } from "../../lorawan/region/region.ts";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createScenario } from "../support/scenario.ts";

const of = <Kind extends DeviceEvent["kind"]>(events: readonly DeviceEvent[], kind: Kind) =>
  events.filter((event): event is Extract<DeviceEvent, { kind: Kind }> => event.kind === kind);

const regions: readonly RegionName[] = [
  "EU868",
  "US915",
  "AU915",
  "AS923",
  "AS923-2",
  "AS923-3",
  "AS923-4",
  "CN470",
  "CN470-26A",
  "CN470-26B",
  "CN779",
  "EU433",
  "IN865",
  "KR920",
  "RU864",
  "ISM2400",
];

describe("devices and the network server agree on every region", () => {
  test.each(regions)("C39 in %s: join, MAC commands, acknowledgements", async region => {
    const scenario = await createScenario({ region });
    await scenario.addGateway();
    const { device, devEui, events } = await scenario.addDevice({ joinRetryMs: 1000 });
    device.start();
    await scenario.clock.advance(10_000);
    for (let count = 0; count < 25; count += 1) {
      device.send({ fPort: 1, payload: Uint8Array.of(count), confirmed: true });
      await scenario.clock.advance(12_000);
    }
    const outcomes = of(events, "uplink-done").map(({ outcome }) => outcome);
    expect(of(events, "joined")).toHaveLength(1);
    expect(of(events, "violation")).toEqual([]);
    expect(outcomes.filter(outcome => outcome === "acknowledged")).toHaveLength(25);
    expect(of(events, "uplink-sent").filter(({ attempt }) => attempt > 1)).toEqual([]);
    // ADR settles within these uplinks, so that at least one LinkADRReq is among them.
    expect(of(events, "downlink").some(({ macCommands }) => macCommands.startsWith("03"))).toBe(true);
    const delivered = (await scenario.eventsOf(devEui)).filter(({ kind }) => kind === "up");
    expect(delivered.length).toBeGreaterThanOrEqual(25);
    device.stop();
  });
});
