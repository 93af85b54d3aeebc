import { expect, test } from "vitest";
import { type GatewayId, parseGatewayId } from "../../lorawan/ids.ts";
import { createGatewayPlaces } from "../../network-server/gateway-places.ts";
import { createLocalPeers } from "../../platform/peers/local.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const gatewayA = parseGatewayId("000000000000000a");
const gatewayB = parseGatewayId("000000000000000b");

function bench() {
  const clock = createVirtualClock();
  const network = createLocalPeers(clock);
  const join = () => {
    const peers = network.join({ isShared: true });
    const left: GatewayId[] = [];
    const places = createGatewayPlaces({ peers, clock, onLeft: gatewayId => left.push(gatewayId) });
    return { ...places, left, instance: peers.instance, peers };
  };
  return { clock, join };
}

test("a gateway is where it was heard last, and whom it left is told", async () => {
  const { clock, join } = bench();
  const [one, two, three] = [join(), join(), join()];
  one.here(gatewayA);
  one.here(gatewayB);
  await clock.advance(10);
  expect([two, three].map(({ elsewhere }) => elsewhere(gatewayA))).toEqual([one.instance, one.instance]);
  expect(one.elsewhere(gatewayA)).toBeUndefined();
  two.here(gatewayA);
  await clock.advance(10);
  expect([one, three].map(({ elsewhere }) => elsewhere(gatewayA))).toEqual([two.instance, two.instance]);
  expect(two.elsewhere(gatewayA)).toBeUndefined();
  expect(one.left).toEqual([gatewayA]);
  expect(three.elsewhere(gatewayB)).toBe(one.instance);
});

test("one who comes later is told of all, and older news changes nothing", async () => {
  const { clock, join } = bench();
  const one = join();
  one.here(gatewayA);
  await clock.advance(10);
  const two = join();
  await clock.advance(10);
  expect(two.elsewhere(gatewayA)).toBe(one.instance);
  two.here(gatewayA);
  const old = JSON.stringify([[gatewayA, clock.nowMs() - 10]]);
  await one.peers.tell(two.instance, "gateways-here", old);
  await clock.advance(10);
  expect(two.elsewhere(gatewayA)).toBeUndefined();
  expect(two.left).toEqual([]);
});

test("a gateway is nowhere when its server is gone, leaves, or has not heard it for long", async () => {
  const { clock, join } = bench();
  const [one, two, three] = [join(), join(), join()];
  one.here(gatewayA);
  two.here(gatewayB);
  await clock.advance(10);
  three.gone(one.instance);
  expect(three.elsewhere(gatewayA)).toBeUndefined();
  await one.close();
  await clock.advance(10);
  expect(two.elsewhere(gatewayA)).toBeUndefined();
  expect(three.elsewhere(gatewayB)).toBe(two.instance);
  await clock.advance(91_000);
  expect(three.elsewhere(gatewayB)).toBeUndefined();
});

test("what is no list of gateways is left alone", async () => {
  const { clock, join } = bench();
  const [one, two] = [join(), join()];
  for (const text of ["", "{", "[[1,2]]", '[["x",1]]']) await one.peers.tell(two.instance, "gateways-here", text);
  one.here(gatewayA);
  await clock.advance(10);
  expect(two.elsewhere(gatewayA)).toBe(one.instance);
});
