import { expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { createSchedule } from "../../../network-server/downlink/schedule.ts";
import { createMetrics } from "../../../platform/metrics.ts";

const gatewayId = parseGatewayId("0000000000000001");
const second = 1_000_000;
/** 3.6 s an hour. */
const subBand = { fromHz: 868_700_000, toHz: 869_200_000, dutyCycle: 0.001, maxEirpDbm: 16.15 };

const claimAt = (startUs: number) =>
  ({ gatewayId, subBand, priority: "join-accept", slot: { startUs, durationUs: 2 * second } }) as const;

test("what is released is neither on the timeline nor in the duty cycle", () => {
  const schedule = createSchedule({ metrics: createMetrics() });
  for (let count = 0; count < 10; count += 1) {
    const claimed = schedule.claim(claimAt(second), 0);
    expect(claimed.kind).toBe("granted");
    if (claimed.kind === "granted") claimed.release();
  }
  expect(schedule.reservedUs(gatewayId, 0)).toBe(0);
});

test("a claim that is refused takes nothing, and is counted by its reason", async () => {
  const metrics = createMetrics();
  const schedule = createSchedule({ metrics });
  expect(schedule.claim(claimAt(second), 0).kind).toBe("granted");
  expect(schedule.claim(claimAt(2 * second), 0)).toEqual({ kind: "refused", reason: "COLLISION_PACKET" });
  expect(schedule.claim(claimAt(10 * second), 0)).toEqual({ kind: "refused", reason: "DUTY_CYCLE_OVERFLOW" });
  expect(schedule.reservedUs(gatewayId, 0)).toBe(2 * second);
  expect(schedule.nextFree(gatewayId, second, 10 * second)).toBe(10 * second);
  const { values } = await metrics.downlinksNotScheduled.get();
  expect(values.map(({ labels, value }) => [labels.reason, value])).toEqual([
    ["COLLISION_PACKET", 1],
    ["DUTY_CYCLE_OVERFLOW", 1],
  ]);
});
