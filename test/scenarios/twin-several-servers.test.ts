import { expect, test } from "vitest";
import { createMovingLeases, twinLife } from "../support/twin-life.ts";

const minute = 60_000;

/** Two application servers on one database and one state store: the first has the device's partition. */
async function twoServers() {
  const state = { encodedBy: [] as number[], hold: async (): Promise<void> => undefined };
  const [first, second] = [createMovingLeases(true), createMovingLeases(false)];
  const life = await twinLife({
    leases: first,
    async onEncode(server) {
      state.encodedBy.push(server);
      await state.hold();
    },
  });
  await life.addServer(second);
  return { ...life, first, second, state };
}

test("two application servers write one downlink for what is desired, whichever of them is asked", async () => {
  const life = await twoServers();
  await life.report();
  const outcomes = await Promise.all([
    life.twins.update(life.device.devEui, { desired: { interval: 600 }, version: 0 }),
    life.twins.update(life.device.devEui, { desired: { interval: 900 }, version: 0 }),
  ]);
  expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(["changed", "refused"]);
  await life.clock.advance(minute);
  expect(life.state.encodedBy).toEqual([1]);
  expect(await life.queue.list(life.device.devEui)).toHaveLength(1);
  await life.reading();
  await life.report();
  expect(life.heard()).toHaveLength(1);
  expect(await life.view()).toMatchObject({ delivery: { state: "in-sync" }, version: { desired: 1 } });
});

test("a partition that moves takes its twins along: nothing is written twice, reported twice or forgotten", async () => {
  const life = await twoServers();
  await life.report();
  let { first: holder, second: other } = life;
  const byWhom: number[] = [];
  for (let round = 1; round <= 6; round += 1) {
    await life.desire({ interval: 600 + round });
    // Each time at another step: while the downlink waits, when it was sent, and before it is made.
    byWhom.push(((round + Number(round % 3 === 0) - 1) % 2) + 1);
    if (round % 3 === 1) await life.clock.advance(1_000);
    if (round % 3 === 2) await life.reading();
    await holder.giveUp();
    other.take();
    [holder, other] = [other, holder];
    await life.clock.advance(1_000);
    await life.reading();
    await life.report();
    const { reported, version, delivery } = await life.view();
    expect({ interval: reported.interval, desired: version.desired, state: delivery.state }).toEqual({
      interval: 600 + round,
      desired: round,
      state: "in-sync",
    });
    expect(life.state.encodedBy).toEqual(byWhom);
    expect(life.heard()).toHaveLength(round);
  }
  await life.clock.advance(30 * minute);
  await life.report();
  expect(life.heard()).toHaveLength(6);
  const { reported, seen } = (await life.twinStore.get(life.device.devEui)) ?? { reported: {}, seen: [] };
  expect(reported).toEqual({ level: 7, interval: 606 });
  expect(new Set(seen).size).toBe(seen.length);
});

test("a server that slept in the codec while another took over puts nothing into the queue when it wakes", async () => {
  const life = await twoServers();
  await life.report();
  let wake = (): void => undefined;
  life.state.hold = () => new Promise(resolve => (wake = resolve));
  await life.desire({ interval: 600 });
  await life.clock.advance(1_000);
  expect(life.state.encodedBy).toEqual([1]);
  life.first.lose();
  life.state.hold = async () => undefined;
  life.second.take();
  await life.clock.advance(15_000);
  expect(life.state.encodedBy).toEqual([1, 2]);
  // The other's downlink is on its way already, and there would be room for one more.
  await life.reading();
  expect(await life.queue.list(life.device.devEui)).toEqual([]);
  wake();
  await life.clock.advance(1_000);
  expect(await life.queue.list(life.device.devEui)).toEqual([]);
  await life.report();
  await life.clock.advance(30 * minute);
  await life.report();
  expect(life.heard()).toHaveLength(1);
  expect(await life.view()).toMatchObject({ delivery: { state: "in-sync", attempts: 0 }, version: { desired: 1 } });
});
