import { expect, test } from "vitest";
import { decodeDeviceState, encodeDeviceState } from "../../network-server/device-record.ts";
import { personalisedLife } from "../support/radio-life.ts";

type Life = Awaited<ReturnType<typeof personalisedLife>>;

const short = { network: { deduplicationWindowMs: 10 } };
const long = { network: { deduplicationWindowMs: 200 } };

const uplinksOf = async ({ eventsOf, device }: Life) =>
  (await eventsOf(device.devEui)).flatMap(event => (event.kind === "up" ? [event] : []));

/** Counts what the server commits from now on. */
function countedCommits({ store }: Life) {
  const { commit } = store;
  const seen = { commits: 0 };
  store.commit = change => {
    seen.commits += 1;
    return commit(change);
  };
  return seen;
}

test.each([
  { network: short, commits: 1 },
  { network: long, commits: 2 },
])(
  "an uplink is committed $commits times in a window of $network.network.deduplicationWindowMs ms",
  async ({ network, commits }) => {
    const life = await personalisedLife({ ...network, profile: { adrAlgorithm: "none" } });
    await life.sendMany(3);
    const seen = countedCommits(life);
    await life.send();
    expect(seen.commits).toBe(commits);
    expect(await uplinksOf(life)).toHaveLength(4);
  },
);

test("C14 copies of other gateways that come within a short window are in the one event", async () => {
  const life = await personalisedLife({ ...short, gateways: [{}, {}, {}] });
  await life.send();
  const [uplink, ...more] = await uplinksOf(life);
  expect(more).toEqual([]);
  expect(uplink?.rxInfo).toHaveLength(3);
});

test("C15 an uplink whose process dies before the one commit was not accepted, and is when it comes again", async () => {
  const life = await personalisedLife(short);
  await life.send();
  const { commit } = life.store;
  life.store.commit = () => new Promise(() => {});
  life.device.device.send({ fPort: 1, payload: Uint8Array.of(4), confirmed: true });
  await life.clock.advance(500);
  life.store.commit = commit;
  expect((await life.server.session(life.device.devEui))?.session.fCntUp).toBe(1);
  await life.restart();
  await life.clock.advance(30_000);
  expect((await uplinksOf(life)).map(({ fCnt }) => fCnt)).toEqual([0, 1]);
});

test("C15 an uplink whose device somebody else changes while copies are waited for is delivered once", async () => {
  const life = await personalisedLife(short);
  await life.sendMany(2);
  const { commit } = life.store;
  const { devEui } = life.device;
  let overtaken = 0;
  life.store.commit = async change => {
    const document = (await life.store.device(devEui)) ?? expect.fail("no document");
    if (overtaken === 0) {
      overtaken += 1;
      const state = decodeDeviceState(document.value);
      const active = state.active ?? expect.fail("no session");
      const value = encodeDeviceState({ ...state, active: { ...active, nFCntDown: active.nFCntDown + 10 } });
      await commit({ ...change, expectedVersion: document.version, value, events: [], queue: [] });
    }
    return commit(change);
  };
  const before = (await life.server.session(devEui))?.session.nFCntDown ?? 0;
  await life.send({ confirmed: true });
  expect(overtaken).toBe(1);
  expect((await uplinksOf(life)).map(({ fCnt }) => fCnt)).toEqual([0, 1, 2]);
  expect((await life.server.session(devEui))?.session).toMatchObject({ fCntUp: 3, nFCntDown: before + 11 });
});
