import { pino } from "pino";
import { expect, test } from "vitest";
import { createBackground } from "../../network-server/background.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

test("there is room until as much as is allowed is under way, and again when some of it has ended", async () => {
  const log = pino({ level: "silent" });
  const background = createBackground({ clock: createVirtualClock(), log, metrics: createMetrics(), room: 2 });
  const { promise, resolve } = Promise.withResolvers<void>();
  expect(background.hasRoom()).toBe(true);
  background.run(() => promise);
  expect(background.hasRoom()).toBe(true);
  background.run(() => promise);
  expect(background.hasRoom()).toBe(false);
  resolve();
  await background.idle();
  expect(background.hasRoom()).toBe(true);
});

test("work that fails is counted each time, and told once a second with how often", async () => {
  const lines: unknown[] = [];
  const log = pino({ base: null, timestamp: false }, { write: (text: string) => lines.push(JSON.parse(text)) });
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const background = createBackground({ clock, log, metrics });
  const fail = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) background.run(() => Promise.reject(new Error("full")));
    await background.idle();
  };
  await fail(3);
  await clock.advance(1_000);
  await fail(2);
  await clock.advance(1_000);
  await fail(1);
  expect(lines).toMatchObject([{ err: { message: "full" } }, { alsoBefore: 2 }, { alsoBefore: 1 }]);
  expect(lines[0]).not.toHaveProperty("alsoBefore");
  expect((await metrics.storeFaults.get()).values).toMatchObject([{ value: 6 }]);
});
