import { expect, test } from "vitest";
import { isFloorSustained, openFloor } from "../../../simulators/load/floor.ts";

test("the floor gets every frame that the generator sends", async () => {
  const floor = await openFloor({ gateways: 3, payloadBytes: 16 });
  try {
    const report = await floor.run(200, 1);
    expect(report).toMatchObject({ ratePerSecond: 200, lost: 0 });
    expect(report.framesPerSecond).toBeGreaterThan(0);
    expect(report.cpuUsPerFrame).toBeGreaterThan(0);
    expect(isFloorSustained({ ...report, generatorLagMs: 0 })).toBe(true);
    expect(isFloorSustained({ ...report, generatorLagMs: 0, lost: 1 })).toBe(false);
  } finally {
    await floor.close();
  }
});
