import { expect, test } from "vitest";
import { Keeper } from "../../../app-server/delivery/keeper.ts";
import type { DeliveryQueue } from "../../../app-server/integration-ports.ts";
import { createDeliveryQueue } from "../../../app-server/storage/delivery-queue.ts";
import { parseIntegrationId } from "../../../lorawan/ids.ts";
import { sleep } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { testSql } from "../../support/postgres.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { usualLimits } from "../support/delivery.ts";
import { integrationId } from "../support/sink-context.ts";

const otherId = parseIntegrationId("5a1f8f0e-3c39-4c6c-8f4e-1f35c5a9a8b1");
const everyMs = 10_000;

/** Keeps two queues, one round each ten seconds; `queue` is as the test wants it, and needs no real time. */
async function keeping(queueOf: (clock: ReturnType<typeof createVirtualClock>) => Partial<DeliveryQueue>) {
  const clock = createVirtualClock();
  const keeper = new Keeper({
    // The clock does not wait for a database.
    queue: { ...createDeliveryQueue(await testSql()), trimDeadLetters: async () => 0, ...queueOf(clock) },
    clock,
    log: createLog({ level: "silent" }),
    metrics: createMetrics(),
    everyMs,
    isOnDuty: () => true,
  });
  for (const id of [integrationId, otherId]) keeper.keep(id, "http", usualLimits);
  keeper.start();
  return { keeper, clock };
}

test("counting queues takes a twentieth of the time at most, however long they are", async () => {
  let counts = 0;
  const { keeper, clock } = await keeping(clock => ({
    async size(id) {
      counts += 1;
      await sleep(clock, 1500);
      return { integrationId: id, messages: 1, bytes: 1, oldestAgeMs: 1 };
    },
  }));
  await clock.advance(everyMs - 1);
  expect(counts).toBe(0);
  await clock.advance(1 + 3000);
  expect(counts).toBe(2);
  await clock.advance(59_000);
  expect(counts).toBe(2);
  await clock.advance(1000 + 3000);
  expect(counts).toBe(4);
  keeper.close();
});

test("a queue that cannot be counted keeps no other from being held within its limits", async () => {
  const trimmed: string[] = [];
  const { keeper, clock } = await keeping(() => ({
    async size(id) {
      if (id === integrationId) throw new Error("it took too long");
      return { integrationId: id, messages: usualLimits.maxMessages + 1, bytes: 1, oldestAgeMs: 1 };
    },
    async trim(id) {
      trimmed.push(id);
      return 1;
    },
    report: async () => undefined,
  }));
  await clock.advance(everyMs);
  expect(trimmed).toEqual([otherId]);
  keeper.close();
});
