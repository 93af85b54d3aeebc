import { expect, test } from "vitest";
import { createFrameKeeper } from "../../../app-server/history/frame-keeper.ts";
import { createFrameFeed } from "../../../platform/frames/frame-feed.ts";
import type { FrameRecord } from "../../../platform/frames/frame-record.ts";
import { createLog } from "../../../platform/log.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

/** Frames go into the keeper of a process that is so busy; gives how many are written by when. */
async function written(busyShare: number, frames: number, afterMs: number): Promise<number> {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const feed = createFrameFeed({ clock, metrics });
  let count = 0;
  const keeper = createFrameKeeper({
    stream: feed,
    intake: {
      async frames(batch) {
        count += batch.length;
      },
    },
    clock,
    metrics,
    log: createLog({ level: "silent" }),
    maxWaiting: 2_000,
    busyShare: () => busyShare,
  });
  for (let index = 0; index < frames; index += 1) feed.add(() => frame(index));
  await clock.advance(afterMs);
  const soFar = count;
  await keeper.close();
  feed.close();
  return soFar;
}

const frame = (index: number): FrameRecord => ({
  direction: "up",
  id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
  atMs: index,
  phyPayload: Uint8Array.of(0x40),
  txInfo: { frequency: 868_100_000, modulation: { fsk: { frequencyDeviation: 25_000, datarate: 50_000 } } },
  rxInfo: [],
  verdict: "unknown-device",
});

test("frames are written as they come while the process has time, and one batch in five seconds while it has none", async () => {
  expect(await written(0.4, 1_000, 1_000)).toBe(1_000);
  expect(await written(1, 1_000, 11_000)).toBe(300);
});

test("frames for which there is no room are counted, whether they came so far or not", async () => {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const feed = createFrameFeed({ clock, metrics });
  const intake = { frames: () => new Promise<void>(() => undefined) };
  createFrameKeeper({
    stream: feed,
    intake,
    clock,
    metrics,
    log: createLog({ level: "silent" }),
    maxWaiting: 10,
  });
  for (let index = 0; index < 8; index += 1) feed.add(() => frame(index));
  await clock.advance(200);
  for (let index = 8; index < 20; index += 1) feed.add(() => frame(index));
  await clock.advance(200);
  expect((await metrics.historyLeftOut.get()).values).toMatchObject([
    { value: 10, labels: { what: "frames", reason: "backlog" } },
  ]);
});
