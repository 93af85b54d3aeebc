import { describe, expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { createDutyCycle, type DownlinkPriority } from "../../../network-server/downlink/duty-cycle.ts";

const gateway = parseGatewayId("0000000000000001");
const band = { fromHz: 868_000_000, toHz: 868_600_000, dutyCycle: 0.01, maxEirpDbm: 16.15 };
const second = 1_000_000;
const minute = 60 * second;

function filled(priority: DownlinkPriority, subBand = band) {
  const dutyCycle = createDutyCycle();
  const spend = (own: DownlinkPriority, nowUs: number, durationUs = second, aheadUs = 0) =>
    dutyCycle.spend({ gatewayId: gateway, subBand, startUs: nowUs + aheadUs, durationUs, priority: own }, nowUs);
  let frames = 0;
  while (frames < 1000 && spend(priority, 0)) frames += 1;
  return { dutyCycle, spend, frames };
}

describe("C43 the duty cycle of a sub-band", () => {
  test.each([
    ["join-accept", 36],
    ["control", 32],
    ["class-a", 28],
    ["class-c", 25],
  ] as const)("lets %s frames of 1 s through %i times an hour at 1 %%", (priority, expected) => {
    expect(filled(priority).frames).toBe(expected);
  });

  test("keeps a share for what is more important", () => {
    const { spend } = filled("class-c");
    expect(spend("class-c", 0)).toBeUndefined();
    expect(spend("class-a", 0)).toBeDefined();
    expect(spend("control", 0)).toBeDefined();
    expect(spend("join-accept", 0)).toBeDefined();
  });

  test("is never exceeded in any hour, and comes back as the hour slides", () => {
    const sent: number[] = [];
    const dutyCycle = createDutyCycle();
    for (let nowUs = 0; nowUs < 300 * minute; nowUs += 7 * second) {
      const use = { gatewayId: gateway, subBand: band, startUs: nowUs + second, durationUs: second };
      if (dutyCycle.spend({ ...use, priority: "join-accept" }, nowUs)) sent.push(nowUs + second);
    }
    for (const end of sent) {
      const inHour = sent.filter(startUs => startUs > end - 60 * minute && startUs <= end).length;
      expect(inHour).toBeLessThanOrEqual(36);
    }
    // 36 in each of the hours, the fifth one cut short by the slack of one bucket an hour.
    expect(sent.length).toBeGreaterThanOrEqual(4 * 36);
  });

  test("has no limit where it is 1", () => {
    expect(filled("class-c", { ...band, dutyCycle: 1 }).frames).toBe(1000);
  });

  test("counts each gateway and each sub-band for itself", () => {
    const { dutyCycle } = filled("join-accept");
    const use = { gatewayId: gateway, subBand: band, startUs: 0, durationUs: second, priority: "class-c" } as const;
    expect(dutyCycle.spend(use, 0)).toBeUndefined();
    expect(dutyCycle.spend({ ...use, gatewayId: parseGatewayId("0000000000000002") }, 0)).toBeDefined();
    expect(dutyCycle.spend({ ...use, subBand: { ...band, fromHz: 869_400_000 } }, 0)).toBeDefined();
  });

  test("gets back what was not sent, once the place has not been used again", () => {
    const { dutyCycle, spend } = filled("control");
    const refund = spend("join-accept", 0);
    expect(dutyCycle.spentUs(gateway, band, 0)).toBe(33 * second);
    refund?.();
    expect(dutyCycle.spentUs(gateway, band, 0)).toBe(32 * second);
    const later = 64 * minute;
    spend("control", later);
    refund?.();
    expect(dutyCycle.spentUs(gateway, band, later)).toBe(second);
  });

  test("counts what is booked ahead, however far", () => {
    const { dutyCycle, spend } = filled("class-c");
    expect(dutyCycle.spentUs(gateway, band, 70 * minute)).toBe(0);
    expect(spend("class-c", 70 * minute, second, 128 * second)).toBeDefined();
    expect(spend("class-c", 70 * minute, second, 600 * minute)).toBeDefined();
    expect(dutyCycle.spentUs(gateway, band, 70 * minute)).toBe(2 * second);
    expect(dutyCycle.spentUs(gateway, band, 140 * minute)).toBe(0);
  });
});
