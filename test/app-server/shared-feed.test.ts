import { expect, test } from "vitest";
import type { ApplicationEvent, EventFeed } from "../../app-server/ports.ts";
import { createSharedFeed, eventCarriage } from "../../app-server/shared-feed.ts";
import { createLocalPeers } from "../../platform/peers/local.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { applicationId, deviceInfo, randomDevEui } from "./support/fixtures.ts";

const eventOf = (fCnt: number): ApplicationEvent => ({
  kind: "up",
  tenantId: deviceInfo.tenantId,
  applicationId,
  devEui: randomDevEui(),
  json: JSON.stringify({ fCnt }),
});

function bench() {
  const clock = createVirtualClock();
  const network = createLocalPeers(clock);
  const join = () => {
    const listeners = new Set<(event: ApplicationEvent) => void>();
    const local: EventFeed = {
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const emit = (event: ApplicationEvent): void => listeners.forEach(listener => void listener(event));
    const peers = network.join({ isShared: true });
    return { feed: createSharedFeed(local, eventCarriage, { peers, clock }), emit, listeners };
  };
  return { clock, one: join(), other: join() };
}

test("a listener hears what any process delivers, once", async () => {
  const { clock, one, other } = bench();
  const heard: string[] = [];
  one.feed.subscribe(event => heard.push(event.json));
  await clock.advance(10);
  other.emit(eventOf(1));
  one.emit(eventOf(2));
  await clock.advance(30_000);
  other.emit(eventOf(3));
  await clock.advance(10);
  expect(heard).toEqual(['{"fCnt":2}', '{"fCnt":1}', '{"fCnt":3}']);
});

test("nobody works for listeners that are gone", async () => {
  const { clock, one, other } = bench();
  const stop = one.feed.subscribe(() => undefined);
  await clock.advance(10);
  expect(other.listeners.size).toBe(1);
  stop();
  expect(one.listeners.size).toBe(0);
  await clock.advance(10_000);
  other.emit(eventOf(1));
  await clock.advance(10);
  expect(other.listeners.size).toBe(0);
});

test("who listens again after everybody was gone hears it, as often as that happens", async () => {
  const { clock, one, other } = bench();
  for (const round of [1, 2, 3]) {
    const heard: string[] = [];
    const stop = one.feed.subscribe(event => heard.push(event.json));
    await clock.advance(10);
    one.emit(eventOf(round));
    other.emit(eventOf(round));
    await clock.advance(10);
    expect(heard).toHaveLength(2);
    stop();
    expect(one.listeners.size).toBe(0);
    await clock.advance(60_000);
    other.emit(eventOf(0));
    expect(other.listeners.size).toBe(0);
  }
});
