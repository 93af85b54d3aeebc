import { expect, test } from "vitest";
import { personalisedLife } from "../support/radio-life.ts";
import { someUplink } from "../support/sessions.ts";

test("a server that stops answers the uplink that it has taken, and neither takes nor acknowledges another", async () => {
  const life = await personalisedLife();
  const { device, clock, air } = life;
  device.device.send({ fPort: 1, payload: Uint8Array.of(1), confirmed: true });
  while (life.gateways[0]?.statistics().heard === 0) await clock.advance(10);
  const before = life.gateways[0]?.statistics();
  const closing = life.server.close();
  const startUs = clock.monotonicUs();
  air.transmit({
    senderId: "another device",
    position: { eastM: 100, northM: 0, heightM: 2 },
    phyPayload: someUplink({ fCnt: 1 }).phyPayload,
    frequencyHz: 868_300_000,
    modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
    inverted: false,
    powerDbm: 14,
    startUs,
    endUs: startUs + 60_000,
  });
  await clock.advance(3_000);
  await closing;
  const after = life.gateways[0]?.statistics();
  expect(after?.heard).toBe(2);
  expect(after?.pushAcks).toBe(before?.pushAcks);
  expect(life.eventsOfKind("uplink-done")).toMatchObject([{ outcome: "acknowledged" }]);
});
