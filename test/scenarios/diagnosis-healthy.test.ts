import { afterAll, beforeAll, expect, test } from "vitest";
import { type DiagnosedOptions, startDiagnoses } from "../support/diagnosed-life.ts";

let diagnoses: Awaited<ReturnType<typeof startDiagnoses>>;
beforeAll(async () => {
  diagnoses = await startDiagnoses();
});
afterAll(() => diagnoses.end());

type Life = Awaited<ReturnType<typeof diagnoses.life>>;

/** Its first uplinks, some confirmed, and downlinks that wait for it. */
async function healthy(options: DiagnosedOptions, add: (life: Life) => ReturnType<Life["addDevice"]>) {
  const life = await diagnoses.life(options);
  const device = await add(life);
  device.device.start();
  await life.clock.advance(20_000);
  for (let count = 0; count < 30; count += 1) {
    if (count % 10 === 5) await life.enqueue(device.devEui, { id: `item ${count}`, confirmed: count === 15 });
    device.device.send({ fPort: 1, payload: Uint8Array.of(count), confirmed: count % 3 === 0 });
    await life.clock.advance(40_000);
  }
  return life.diagnose(device.devEui);
}

const subBand2 = new Set([...Array.from({ length: 8 }, (_, n) => 903_900_000 + n * 200_000), 904_600_000]);

test.each<readonly [string, DiagnosedOptions, (life: Life) => ReturnType<Life["addDevice"]>]>([
  [
    "class A with ADR, of EU868",
    {},
    async life => {
      await life.addGateway();
      return life.addDevice({ dataRate: 0 });
    },
  ],
  [
    "personalised",
    {},
    async life => {
      await life.addGateway();
      return life.addPersonalisedDevice();
    },
  ],
  [
    "LoRaWAN 1.1",
    { profile: { macVersion: "1.1.0" } },
    async life => {
      await life.addGateway();
      return life.addDevice();
    },
  ],
  [
    "class C",
    { profile: { supportsClassC: true } },
    async life => {
      await life.addGateway();
      return life.addDevice({ deviceClass: "C" });
    },
  ],
  [
    "US915 with a gateway of one sub-band",
    { region: "US915" },
    async life => {
      await life.addGateway({ listensTo: subBand2 });
      return life.addDevice();
    },
  ],
])("a healthy device has no finding: %s", async (_name, options, add) => {
  const { findings, isWell } = await healthy(options, add);
  expect(findings).toEqual([]);
  expect(isWell).toBe(true);
});

test("a device of class B under a gateway with GPS time has no finding", async () => {
  const profile = { supportsClassB: true };
  const life = await diagnoses.life({ profile });
  await life.addGateway({ gps: true });
  const { device, devEui } = await life.addDevice();
  device.start();
  await life.clock.advance(20_000);
  device.send({ fPort: 1, payload: Uint8Array.of(1) });
  await life.clock.advance(10_000);
  expect((await life.diagnose(devEui)).findings).toEqual([]);
});

test("what is over is no finding: a device whose key was corrected joins and is well", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice();
  const keys = (await life.rootKeys.keys(devEui)) ?? expect.fail("no keys");
  await life.rootKeys.put(devEui, { nwkKey: new Uint8Array(16).fill(9) });
  device.start();
  await life.clock.advance(120_000);
  expect((await life.diagnose(devEui)).findings[0]).toMatchObject({ code: "wrong_root_key" });
  await life.rootKeys.put(devEui, keys);
  await life.clock.advance(600_000);
  device.send({ fPort: 1, payload: Uint8Array.of(1) });
  await life.clock.advance(10_000);
  expect((await life.diagnose(devEui)).findings).toEqual([]);
});
