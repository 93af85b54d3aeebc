import { expect, test } from "vitest";
import { createNeighbours } from "../../network-server/neighbours.ts";
import { createLocalPeers } from "../../platform/peers/local.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

function bench() {
  const clock = createVirtualClock();
  const network = createLocalPeers(clock);
  const join = (isShared = true) => {
    const peers = network.join({ isShared });
    return createNeighbours(peers, clock);
  };
  return { clock, join, network };
}

test("a server that shares nothing is alone at once", () => {
  expect(bench().join(false).isAlone()).toBe(true);
});

test("a server is alone when nobody has answered for some seconds, until another begins", async () => {
  const { clock, join } = bench();
  const one = join();
  expect(one.isAlone()).toBe(false);
  await clock.advance(4_001);
  expect(one.isAlone()).toBe(true);
  const two = join();
  await clock.advance(1);
  expect(one.isAlone()).toBe(false);
  await clock.advance(20_000);
  expect([one, two].map(({ isAlone }) => isAlone())).toEqual([false, false]);
});

test("a server is alone at once when its neighbour stops, and some seconds after one has died", async () => {
  const { clock, join, network } = bench();
  const [one, two] = [join(), join()];
  await clock.advance(10_000);
  await two.close();
  await clock.advance(1);
  expect(one.isAlone()).toBe(true);
  await network.join({ isShared: true }).tellAll("network-server-here", "");
  await clock.advance(3_000);
  expect(one.isAlone()).toBe(false);
  await clock.advance(3_000);
  expect(one.isAlone()).toBe(true);
});
