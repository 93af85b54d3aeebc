import { expect, test } from "vitest";
import { createEventWatch, KnownRules, Watched } from "../../../app-server/alerts/keeper.ts";
import type { ApplicationEvent } from "../../../app-server/ports.ts";
import { createAlertStore } from "../../../app-server/storage/alerts.ts";
import { parseDevEui } from "../../../lorawan/ids.ts";
import { createLog } from "../../../platform/log.ts";
import { applicationOf, tenantOf } from "../../platform/frames/records.ts";
import { testSql } from "../../support/postgres.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const startMs = Date.UTC(2026, 0, 1);
const heard = (n: number, atMs = startMs): ApplicationEvent => ({
  kind: "up",
  tenantId: tenantOf(1),
  applicationId: applicationOf(1),
  devEui: parseDevEui(n.toString(16).padStart(16, "0")),
  json: JSON.stringify({ time: new Date(atMs).toISOString(), devAddr: "01020304", rxInfo: [] }),
});

test("many devices that were heard are written down in small pieces, with rests, and none is lost when one fails", async () => {
  const clock = createVirtualClock(startMs);
  const written: { readonly atMs: number; readonly count: number }[] = [];
  const newest = new Map<string, number>();
  let failsAt = 3;
  const store: ReturnType<typeof createAlertStore> = {
    ...createAlertStore(await testSql()),
    async pulse(pulses) {
      if (written.length + 1 === failsAt) {
        failsAt = 0;
        throw new Error("the database is away");
      }
      written.push({ atMs: clock.nowMs() - startMs, count: pulses.length });
      for (const { devEui, heardAtMs } of pulses) newest.set(devEui, heardAtMs);
      return new Set();
    },
  };
  const log = createLog({ level: "silent" });
  const watch = createEventWatch({ store, rules: new KnownRules(), watched: new Watched(), clock, log });
  const devices = Array.from({ length: 1100 }, (_, n) => n);
  await watch.keep(devices.map(n => heard(n)));
  const failed = expect(watch.flush?.()).rejects.toThrow("the database is away");
  await clock.advance(25);
  // Heard since, and an older one that comes late.
  await watch.keep([heard(1099, startMs + 5_000), heard(1098, startMs - 5_000)]);
  await clock.advance(2_000);
  await failed;
  expect(written).toEqual([
    { atMs: 0, count: 250 },
    { atMs: 25, count: 250 },
  ]);
  const done = watch.flush?.();
  await clock.advance(2_000);
  await done;
  expect(written.slice(2).map(({ count }) => count)).toEqual([250, 250, 100]);
  expect(newest.size).toBe(1100);
  expect([1097, 1098, 1099].map(n => newest.get(heard(n).devEui))).toEqual([startMs, startMs, startMs + 5_000]);
});
