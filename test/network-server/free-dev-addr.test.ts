import { expect, test } from "vitest";
import { matchesNetId } from "../../lorawan/dev-addr.ts";
import { type DevAddr, parseDevEui, parseNetId } from "../../lorawan/ids.ts";
import { freeDevAddr } from "../../network-server/free-dev-addr.ts";

/** So many sessions under each address; none under the others. */
const storeWith = (sessions: ReadonlyMap<DevAddr, number> | ((devAddr: DevAddr) => number)) => ({
  devicesByDevAddr: async (devAddr: DevAddr) => {
    const count = typeof sessions === "function" ? sessions(devAddr) : (sessions.get(devAddr) ?? 0);
    const document = {
      devEui: parseDevEui("0000000000000001"),
      version: 1,
      value: new Uint8Array(),
      devAddrs: [devAddr],
    };
    return Array.from({ length: count }, () => document);
  },
});
const always = (byte: number) => (count: number) => new Uint8Array(count).fill(byte);

test.each(["000000", "600001", "c00005", "fffffe"])("an address of NetID %s that no session has", async text => {
  const netId = parseNetId(text);
  const first = await freeDevAddr(storeWith(new Map()), netId, always(3));
  expect(matchesNetId(first, netId)).toBe(true);
  const next = await freeDevAddr(storeWith(new Map([[first, 1]])), netId, always(3));
  expect(matchesNetId(next, netId)).toBe(true);
  expect(next).not.toBe(first);
});

test("the one free address of a small network is found, wherever the search begins", async () => {
  const netId = parseNetId("fffffe");
  const free = await freeDevAddr(storeWith(new Map()), netId, always(0x55));
  for (const byte of [0, 0x54, 0x55, 0x56, 0x7f]) {
    expect(
      await freeDevAddr(
        storeWith(devAddr => (devAddr === free ? 0 : 1)),
        netId,
        always(byte),
      ),
    ).toBe(free);
  }
});

test("of addresses that are all taken, the one that fewest have", async () => {
  const netId = parseNetId("fffffe");
  const rare = await freeDevAddr(storeWith(new Map()), netId, always(0x22));
  expect(
    await freeDevAddr(
      storeWith(devAddr => (devAddr === rare ? 1 : 2)),
      netId,
      always(9),
    ),
  ).toBe(rare);
});
