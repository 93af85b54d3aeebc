import { expect, test } from "vitest";
import { runMicro } from "../../benchmark/micro.ts";

test("every part does its work and has a time", async () => {
  const parts = await runMicro(5);
  expect(parts.length).toBeGreaterThan(8);
  for (const { name, medianUs, p99Us, perSecond } of parts) {
    expect(medianUs, name).toBeGreaterThan(0);
    expect(p99Us, name).toBeGreaterThanOrEqual(medianUs);
    expect(perSecond, name).toBeGreaterThan(0);
  }
});
