import { expect, test } from "vitest";
import { createEventConsumer } from "../../app-server/events.ts";
import type { ApplicationEvent } from "../../app-server/ports.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import type { LeaseHolder } from "../../platform/leases/leases.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { partitionOf } from "../../platform/state/store.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { createEventLog } from "./support/event-log.ts";
import { bytesOf, directoryDevice, randomDevEui, uplinkRecord } from "./support/fixtures.ts";

/** A consumer whose partitions come and go as the test says, and which reads positions when the test lets it. */
async function createScene() {
  const log = createEventLog();
  const clock = createVirtualClock();
  const devEui = randomDevEui();
  const partition = partitionOf(devEui);
  const told: string[] = [];
  const delivered: ApplicationEvent[] = [];
  let holder: LeaseHolder | undefined;
  let isHeld = false;
  let reading = Promise.resolve();
  const failed = async () => ({ kind: "failed", message: "" }) as const;
  const consumer = createEventConsumer({
    store: {
      ...log.store,
      async cursor(name, each) {
        await reading;
        told.push("position");
        return log.store.cursor(name, each);
      },
    },
    leases: {
      start: async given => {
        holder = given;
      },
      isHeld: () => isHeld,
      close: async () => {},
    },
    directory: {
      device: async () => directoryDevice({ kind: "none" }, { devEui }),
      deviceIn: async () => directoryDevice({ kind: "none" }, { devEui }),
    },
    vault: createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) }),
    sandbox: { decode: failed, decodeDownlink: failed, encode: failed, close: async () => undefined },
    sinks: [{ name: "mqtt", deliver: async event => void delivered.push(event) }],
    followers: [
      {
        acquired: () => told.push("acquired"),
        released: async () => void told.push("released"),
        lost: () => told.push("lost"),
      },
    ],
    clock,
    metrics: createMetrics(),
    log: createLog({ level: "silent" }),
  });
  await consumer.start();
  const holdReading = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    reading = promise;
    return resolve;
  };
  return {
    clock,
    told,
    delivered,
    consumer,
    holdReading,
    uplink: () => log.append(devEui, bytesOf(uplinkRecord({ devEui, fCnt: 1 }))),
    acquire: () => {
      isHeld = true;
      holder?.acquired(partition);
    },
    lose: () => {
      isHeld = false;
      holder?.lost(partition);
    },
    release: () => holder?.released(partition),
  };
}

test("whoever follows a partition looks at it after the positions in it were read, and before the first event", async () => {
  const { clock, told, delivered, holdReading, uplink, acquire, consumer } = await createScene();
  uplink();
  const read = holdReading();
  acquire();
  await clock.advance(100);
  expect(told).toEqual([]);
  read();
  await clock.settle();
  expect(told).toEqual(["position", "acquired"]);
  await clock.advance(100);
  expect(delivered).toHaveLength(1);
  await consumer.close();
});

test("a partition that goes before its positions were read is nothing that a follower hears of", async () => {
  const { clock, told, holdReading, acquire, lose, release, consumer } = await createScene();
  const read = holdReading();
  acquire();
  lose();
  acquire();
  await release();
  read();
  await clock.advance(2000);
  expect(told.filter(each => each !== "position")).toEqual([]);
  acquire();
  await clock.settle();
  lose();
  expect(told.filter(each => each !== "position")).toEqual(["acquired", "lost"]);
  await consumer.close();
});
