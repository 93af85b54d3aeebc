import { expect, test } from "vitest";
import { createApplicationCommands } from "../../app-server/commands.ts";
import type { ApplicationEvent, DownlinkQueue } from "../../app-server/ports.ts";
import { createRefusedCommands } from "../../app-server/refused-commands.ts";
import type { DevEui } from "../../lorawan/ids.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { applicationId, devEui, directoryDevice, otherApplicationId, randomDevEui } from "./support/fixtures.ts";

function createScene() {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const kept: ApplicationEvent[] = [];
  const state = { keep: async (): Promise<void> => undefined };
  const refused = createRefusedCommands({
    keeper: {
      async keep(events) {
        await state.keep();
        kept.push(...events);
      },
    },
    clock,
    log: createLog({ level: "silent" }),
    metrics,
  });
  const full = async () => ({ kind: "refused", reason: "queue_full", message: "1 items are waiting already" }) as const;
  const none = async () => {
    throw new Error("not used here");
  };
  const queue: DownlinkQueue = {
    ...{ maxEntries: 1, enqueue: full, nextFCntDown: none, list: none, remove: none, reorder: none, flush: none },
  };
  const directory = { device: async (id: DevEui) => directoryDevice({ kind: "none" }, { devEui: id }) };
  const commands = createApplicationCommands({ queue, directory, onRefused: refused.keep, clock, metrics });
  const down = (body: string, id = devEui, of: string = applicationId) => commands.down(of, id, Buffer.from(body));
  const reasons = () => kept.map(({ json }) => JSON.parse(json).context.reason);
  const leftOut = async () => (await metrics.historyLeftOut.get()).values.map(({ value }) => value);
  return { clock, state, kept, refused, down, reasons, leftOut };
}

const good = JSON.stringify({ fPort: 1, data: "AQ==" });

test("refusals of commands are kept with their reason, one of a device in ten seconds", async () => {
  const { clock, down, refused, reasons } = createScene();
  expect(await down("no JSON")).toMatchObject({ kind: "refused", answer: { kind: "log" } });
  await down(good);
  await clock.advance(10_000);
  await down(good);
  await down(good, randomDevEui());
  await refused.close();
  expect(reasons()).toEqual(["malformed", "queue_full", "queue_full"]);
});

test("nothing is kept of a command for a device of another application", async () => {
  const { down, refused, kept } = createScene();
  await down(good, devEui, otherApplicationId);
  await refused.close();
  expect(kept).toEqual([]);
});

test("a history that is away keeps no command waiting, and what is missing in it is counted", async () => {
  const { down, state, refused, kept, leftOut } = createScene();
  let fail = (): void => undefined;
  state.keep = () => new Promise((_, reject) => (fail = () => reject(new Error("the database is away"))));
  for (let n = 0; n < 130; n += 1) expect(await down(good, randomDevEui())).toMatchObject({ kind: "refused" });
  expect(await leftOut()).toEqual([30]);
  state.keep = async () => undefined;
  fail();
  await refused.close();
  expect(kept).toHaveLength(99);
  expect(await leftOut()).toEqual([31]);
});
