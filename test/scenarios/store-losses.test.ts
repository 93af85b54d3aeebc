import { expect, test } from "vitest";
import { parseDevAddr, parseDevEui } from "../../lorawan/ids.ts";
import { personalisedLife } from "../support/radio-life.ts";

const skipped = 128;

/** A device whose frames are all answered, and what its server says of its downlink counter. */
async function answeredLife() {
  const life = await personalisedLife();
  const { server, device, store } = life;
  const nFCntDown = async () => (await server.session(device.devEui))?.session.nFCntDown;
  const answered = () => device.events.filter(({ kind }) => kind === "downlink").length;
  const violations = () => device.events.filter(({ kind }) => kind === "violation");
  const lose = (times: number): void => {
    store.lossCount = () => times;
  };
  return { ...life, nFCntDown, answered, violations, lose };
}

test("C16 a downlink counter skips ahead once after each end of the store that may have lost something", async () => {
  const { send, nFCntDown, answered, violations, lose } = await answeredLife();
  await send({ confirmed: true });
  expect(await nFCntDown()).toBe(1);
  lose(1);
  expect(await nFCntDown()).toBe(1 + skipped);
  await send({ confirmed: true });
  expect(await nFCntDown()).toBe(2 + skipped);
  await send({ confirmed: true });
  expect(await nFCntDown()).toBe(3 + skipped);
  lose(2);
  await send({ confirmed: true });
  expect(await nFCntDown()).toBe(4 + 2 * skipped);
  expect(answered()).toBe(4);
  expect(violations()).toEqual([]);
});

test("C16 a session that began after a loss skips nothing", async () => {
  const { server, register, lose } = await answeredLife();
  lose(3);
  const devEui = parseDevEui("ee00000000000001");
  register(devEui);
  const key = "0c".repeat(16);
  const keys = { fNwkSIntKey: key, sNwkSIntKey: key, nwkSEncKey: key, appSKey: { aesKey: key } };
  const counters = { fCntUp: 0, nFCntDown: 7, aFCntDown: 7 };
  await server.activate(devEui, { devAddr: parseDevAddr("01020305"), ...keys, ...counters });
  expect((await server.session(devEui))?.session).toMatchObject(counters);
});
