import { expect, test } from "vitest";
import { joinedLife } from "../support/radio-life.ts";

/** Windows in which a device hears the answers to confirmed uplinks when a datagram takes so long. */
async function windowsOver(onWayMs: number) {
  const life = await joinedLife();
  life.faults.toServerMs = onWayMs;
  life.faults.toGatewaysMs = onWayMs;
  await life.sendMany(8, { confirmed: true });
  life.expectAllHeard();
  return life.eventsOfKind("downlink").map(event => event.window);
}

test("C40 answers over a quick way come in RX1", async () => {
  expect(await windowsOver(300)).toEqual(Array.from({ length: 8 }, () => "RX1"));
});

test.each([500, 700])("C40 over a way of %i ms RX2 is used as soon as the way is known", async onWayMs => {
  const windows = await windowsOver(onWayMs);
  expect(windows.length).toBeGreaterThanOrEqual(6);
  expect(new Set(windows)).toEqual(new Set(["RX2"]));
});
