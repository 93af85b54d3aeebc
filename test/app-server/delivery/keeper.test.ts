import { expect, test } from "vitest";
import { Keeper } from "../../../app-server/delivery/keeper.ts";
import { createDeliveryQueue } from "../../../app-server/storage/delivery-queue.ts";
import { sleep } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { testSql } from "../../support/postgres.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { usualLimits } from "../support/delivery.ts";
import { integrationId } from "../support/sink-context.ts";

test("counting queues takes a twentieth of the time at most, however long they are", async () => {
  const clock = createVirtualClock();
  let counts = 0;
  const keeper = new Keeper({
    queue: {
      ...createDeliveryQueue(await testSql()),
      async sizes() {
        counts += 1;
        await sleep(clock, 3000);
        return [];
      },
      // The clock does not wait for a database.
      trimDeadLetters: async () => 0,
    },
    clock,
    log: createLog({ level: "silent" }),
    metrics: createMetrics(),
    everyMs: 10_000,
    isOnDuty: () => true,
  });
  keeper.keep(integrationId, "http", usualLimits);
  keeper.start();
  await clock.advance(9999);
  expect(counts).toBe(0);
  await clock.advance(1);
  expect(counts).toBe(1);
  await clock.advance(3000 + 59_000);
  expect(counts).toBe(1);
  await clock.advance(1000);
  expect(counts).toBe(2);
  keeper.close();
});
