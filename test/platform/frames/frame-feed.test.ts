import { describe, expect, test } from "vitest";
import { createFrameFeed, type FrameBatch } from "../../../platform/frames/frame-feed.ts";
import { readFrames, writeFrames } from "../../../platform/frames/frame-letter.ts";
import type { FrameRecord } from "../../../platform/frames/frame-record.ts";
import { createSharedFrameStream } from "../../../platform/frames/shared-frames.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { createLocalPeers } from "../../../platform/peers/local.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { deviceOf, downlinkFrame, gatewayOf, uplinkFrame } from "./records.ts";

const idsOf = (batches: readonly FrameBatch[]) => batches.flatMap(({ frames }) => frames.map(({ id }) => id));

function start(options: { readonly maxWaiting?: number } = {}) {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const feed = createFrameFeed({ clock, metrics, ...options });
  return { clock, metrics, feed };
}

describe("the feed of frames", () => {
  test("tells of frames in batches, each listener of what it asked for", async () => {
    const { clock, feed } = start();
    const [all, ofDevice, ofGateway]: FrameBatch[][] = [[], [], []];
    feed.subscribe({ kind: "all" }, batch => all!.push(batch));
    feed.subscribe({ kind: "device", devEui: deviceOf(1) }, batch => ofDevice!.push(batch));
    feed.subscribe({ kind: "gateway", gatewayId: gatewayOf(2) }, batch => ofGateway!.push(batch));
    const frames: readonly FrameRecord[] = [uplinkFrame(1), uplinkFrame(2), downlinkFrame(1), downlinkFrame(2)];
    for (const frame of frames) feed.add(() => frame);
    expect(all).toEqual([]);
    await clock.advance(200);
    expect(all).toEqual([{ frames, leftOut: 0 }]);
    expect(ofDevice).toEqual([{ frames: [frames[0], frames[2]], leftOut: 0 }]);
    expect(ofGateway).toEqual([{ frames: [frames[1], frames[3]], leftOut: 0 }]);
  });

  test("keeps nothing and wants nothing while nobody listens", async () => {
    const { clock, feed } = start();
    expect(feed.isWanted).toBe(false);
    feed.add(() => uplinkFrame(1));
    const batches: FrameBatch[] = [];
    const unsubscribe = feed.subscribe({ kind: "all" }, batch => batches.push(batch));
    expect(feed.isWanted).toBe(true);
    await clock.advance(1000);
    expect(batches).toEqual([]);
    unsubscribe();
    expect(feed.isWanted).toBe(false);
  });

  test("is bounded: what comes while it is full is left out, and counted", async () => {
    const { clock, feed, metrics } = start({ maxWaiting: 3 });
    const batches: FrameBatch[] = [];
    feed.subscribe({ kind: "all" }, batch => batches.push(batch));
    for (let n = 1; n <= 5; n += 1) feed.add(() => uplinkFrame(n));
    await clock.advance(200);
    expect(batches).toMatchObject([{ leftOut: 2 }]);
    expect(idsOf(batches)).toHaveLength(3);
    expect((await metrics.framesLeftOut.get()).values).toMatchObject([{ value: 2, labels: { where: "feed" } }]);
    feed.add(() => uplinkFrame(6));
    await clock.advance(200);
    expect(batches[1]).toMatchObject({ leftOut: 0 });
  });

  test("does not put a frame together that nobody would take, and says how many those were", async () => {
    const { clock, feed } = start();
    const batches: FrameBatch[] = [];
    let room = 2;
    feed.subscribe(
      { kind: "all" },
      batch => batches.push(batch),
      () => room,
    );
    let made = 0;
    const add = (n: number) =>
      feed.add(() => {
        made += 1;
        return uplinkFrame(n);
      });
    for (let n = 1; n <= 5; n += 1) add(n);
    await clock.advance(200);
    expect(made).toBe(2);
    expect(batches).toMatchObject([{ leftOut: 3 }]);
    expect(idsOf(batches)).toHaveLength(2);
    // One who follows takes all.
    room = 0;
    const stop = feed.subscribe({ kind: "device", devEui: deviceOf(6) }, batch => batches.push(batch));
    add(6);
    await clock.advance(200);
    stop();
    add(7);
    await clock.advance(200);
    expect(made).toBe(3);
    expect(batches.slice(1)).toMatchObject([
      { frames: [{ fCnt: 6 }], leftOut: 0 },
      { frames: [{ fCnt: 6 }], leftOut: 0 },
      { frames: [], leftOut: 1 },
    ]);
  });

  test("tells what waits when it closes", () => {
    const { feed } = start();
    const batches: FrameBatch[] = [];
    feed.subscribe({ kind: "all" }, batch => batches.push(batch));
    feed.add(() => uplinkFrame(1));
    feed.close();
    expect(idsOf(batches)).toEqual([uplinkFrame(1).id]);
  });
});

describe("frames between processes", () => {
  test("are the same after the way", () => {
    const frames = [uplinkFrame(1), downlinkFrame(2), uplinkFrame(3, { verdict: "refused", reason: "not_otaa" })];
    expect(readFrames(writeFrames({ frames, leftOut: 7 }))).toEqual({ frames, leftOut: 7 });
  });

  test.each(["", "{}", '{"frames":[{}],"leftOut":0}', '{"frames":1,"leftOut":0}'])("are not made of %j", text => {
    expect(readFrames(text)).toBeUndefined();
  });

  function twoProcesses() {
    const { clock, feed } = start();
    const peers = createLocalPeers(clock);
    const hearing = createSharedFrameStream(feed, peers.join({ isShared: true }), clock);
    const looking = createSharedFrameStream(undefined, peers.join({ isShared: true }), clock);
    return { clock, feed, hearing, looking };
  }

  test("travel while somebody listens elsewhere, those of what they listen for alone", async () => {
    const { clock, feed, looking } = twoProcesses();
    const batches: FrameBatch[] = [];
    const unsubscribe = looking.subscribe({ kind: "device", devEui: deviceOf(1) }, batch => batches.push(batch));
    await clock.advance(10);
    for (const frame of [uplinkFrame(1), uplinkFrame(2), downlinkFrame(1)]) feed.add(() => frame);
    await clock.advance(200);
    expect(batches).toEqual([{ frames: [uplinkFrame(1), downlinkFrame(1)], leftOut: 0 }]);
    // For longer than one asking holds.
    await clock.advance(30_000);
    feed.add(() => uplinkFrame(1, { fCnt: 2 }));
    await clock.advance(200);
    expect(idsOf(batches)).toHaveLength(3);
    unsubscribe();
    await clock.advance(30_000);
    feed.add(() => uplinkFrame(1));
    await clock.advance(200);
    expect(idsOf(batches)).toHaveLength(3);
    expect(feed.isWanted).toBe(false);
  });

  test("travel again when somebody listens after everybody was gone, as often as that happens", async () => {
    const { clock, feed, looking } = twoProcesses();
    for (const round of [1, 2, 3]) {
      const batches: FrameBatch[] = [];
      const unsubscribe = looking.subscribe({ kind: "device", devEui: deviceOf(1) }, batch => batches.push(batch));
      await clock.advance(10);
      feed.add(() => uplinkFrame(1, { fCnt: round }));
      await clock.advance(200);
      expect(idsOf(batches)).toHaveLength(1);
      unsubscribe();
      await clock.advance(30_000);
      feed.add(() => uplinkFrame(1));
      await clock.advance(200);
      expect(feed.isWanted).toBe(false);
    }
  });

  test("come once to a listener in the process that hears them", async () => {
    const { clock, feed, hearing } = twoProcesses();
    const batches: FrameBatch[] = [];
    hearing.subscribe({ kind: "gateway", gatewayId: gatewayOf(1) }, batch => batches.push(batch));
    feed.add(() => uplinkFrame(1));
    await clock.advance(200);
    expect(idsOf(batches)).toEqual([uplinkFrame(1).id]);
  });
});
