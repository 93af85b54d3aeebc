import { expect, test } from "vitest";
import { personalisedLife } from "../support/radio-life.ts";

type Life = Awaited<ReturnType<typeof personalisedLife>>;

/** The server commits once more and is then as good as dead. Gives what starts the next one on the same store. */
function killedAfterNextCommit({ store, restart }: Life): () => Promise<unknown> {
  const { commit } = store;
  let committed = false;
  store.commit = change => {
    if (committed) return new Promise(() => {});
    committed = true;
    return commit(change);
  };
  return () => {
    store.commit = commit;
    return restart();
  };
}

test("C15 an uplink that a killed process had accepted comes before the device's next one", async () => {
  const life = await personalisedLife();
  const counters = async () =>
    (await life.eventsOf(life.device.devEui)).flatMap(event => (event.kind === "up" ? [event.fCnt] : []));
  await life.send();
  const restart = killedAfterNextCommit(life);
  life.device.device.send({ fPort: 1, payload: Uint8Array.of(4) });
  await life.clock.advance(2_500);
  expect(await counters()).toEqual([0]);
  await restart();
  life.device.device.send({ fPort: 1, payload: Uint8Array.of(5) });
  await life.clock.advance(1_000);
  expect(await counters()).toEqual([0, 1, 2]);
});
