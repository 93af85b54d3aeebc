import { expect, test } from "vitest";
import { createRandom } from "../../simulators/random.ts";
import { createScenario, type ScenarioDevice } from "../support/scenario.ts";

const txAck = 5;

/** A class C device with two gateways, that has been heard. */
async function heard(seed: number) {
  const scenario = await createScenario({ seed, profile: { supportsClassC: true, confirmedDownlinkRetries: 3 } });
  await scenario.addGateway();
  await scenario.addGateway({ position: { eastM: -300, northM: 0, heightM: 30 } });
  const device = await scenario.addDevice({ deviceClass: "C" });
  device.device.start();
  await scenario.clock.advance(10_000);
  device.device.send({ fPort: 1, payload: Uint8Array.of(1) });
  await scenario.clock.advance(10_000);
  return { ...scenario, device };
}

/** Enqueues, uplinks and restarts at random moments; `loss` of all datagrams get lost, TX_ACKs never. */
async function live(life: Awaited<ReturnType<typeof heard>>, seed: number, loss: number): Promise<number> {
  const { clock, faults, device } = life;
  const random = createRandom(seed);
  const chance = (probability: number) => random.between(0, 1) < probability;
  const pass = (bytes: Uint8Array) => (chance(loss) ? [] : [bytes]);
  faults.toServer = bytes => (bytes[3] === txAck ? [bytes] : pass(bytes));
  faults.toGateways = pass;
  let { server } = life;
  let enqueued = 0;
  for (let round = 0; round < 120; round += 1) {
    if (chance(0.6)) {
      enqueued += 1;
      const data = Buffer.from(`${enqueued}`).toString("base64");
      await life.enqueue(device.devEui, { id: `${enqueued}`, confirmed: chance(0.3), data });
    } else if (chance(0.9)) {
      device.device.send({ fPort: 1, payload: Uint8Array.of(2), confirmed: chance(0.4) });
    } else {
      await Promise.all([server.close(), clock.advance(3_000)]);
      server = await life.restart();
    }
    await clock.advance(chance(0.5) ? random.between(0, 3_000) : random.between(3_000, 20_000));
  }
  faults.toServer = undefined;
  faults.toGateways = undefined;
  await clock.advance(1_800_000);
  return enqueued;
}

const rising = (values: readonly number[]) => [...new Set(values)].sort((left, right) => left - right);

const itemsHeard = ({ events }: ScenarioDevice) =>
  events.flatMap(event =>
    event.kind === "downlink" && event.fPort === 10 ? [Number(Buffer.from(event.payload).toString())] : [],
  );

test.each([
  [1, 0],
  [2, 0.05],
  [3, 0.15],
])(
  "C20 counters rise and items keep their order through losses and restarts (seed %i, %f lost)",
  async (seed, loss) => {
    const life = await heard(seed);
    const { device } = life;
    const enqueued = await live(life, seed, loss);
    const counters = device.events.flatMap(event => (event.kind === "downlink" ? [event.fCnt] : []));
    expect(counters).toEqual(rising(counters));
    const sent = (await life.eventsOf(device.devEui)).flatMap(event =>
      event.kind === "txack" ? [event.fCntDown] : [],
    );
    expect(sent).toEqual(rising(sent));
    expect(device.events.filter(event => event.kind === "violation")).toEqual([]);
    // What the air alone may lose, a frame that meets an uplink or its windows, is rare; what is heard is heard in order.
    const items = [...new Set(itemsHeard(device))];
    expect(items).toEqual(rising(items));
    expect(items.length).toBeGreaterThan(enqueued * 0.85);
    expect(await life.store.queue(device.devEui)).toEqual([]);
  },
);
