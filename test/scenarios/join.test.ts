import { describe, expect, test } from "vitest";
import { matchesNetId } from "../../lorawan/dev-addr.ts";
import { parseDevAddr, parseDevEui, parseJoinEui, parseNetId } from "../../lorawan/ids.ts";
import { parseAesKey } from "../../lorawan/keys.ts";
import { sealJoinRequest } from "../../lorawan/phy/security.ts";
import { JoinServerUnavailable } from "../../network-server/backend/join-server.ts";
import type { DeviceEvent } from "../../simulators/device-events.ts";
import { createScenario, type ScenarioOptions } from "../support/scenario.ts";

const kinds = (events: readonly DeviceEvent[]) => events.map(event => event.kind);
type Scenario = Awaited<ReturnType<typeof createScenario>>;

const results = async ({ metrics }: Scenario): Promise<Readonly<Record<string, number>>> =>
  Object.fromEntries((await metrics.joins.get()).values.map(({ labels, value }) => [labels.result, value]));

async function withDevice(options: ScenarioOptions = {}) {
  const scenario = await createScenario(options);
  await scenario.addGateway();
  return { ...scenario, joiner: await scenario.addDevice() };
}

/** A Join-Request from the air that no simulated device sends. */
function shout({ air, region, clock }: Scenario, phyPayload: Uint8Array): void {
  const channel = region.defaultChannels[0];
  const modulation = region.uplinkDataRates[5];
  if (!channel || !modulation) throw new TypeError("the region has a first channel and DR5");
  const startUs = clock.monotonicUs();
  air.transmit({
    senderId: "somebody",
    position: { eastM: 100, northM: 0, heightM: 2 },
    phyPayload,
    frequencyHz: channel.uplinkFrequencyHz,
    modulation,
    inverted: false,
    powerDbm: 14,
    startUs,
    endUs: startUs + 60_000,
  });
}

const someKey = parseAesKey("00112233445566778899aabbccddeeff");
const requestOf = (number: number, devEui = parseDevEui(number.toString(16).padStart(16, "f"))): Uint8Array =>
  sealJoinRequest(someKey, { joinEui: parseJoinEui(number.toString(16).padStart(16, "e")), devEui, devNonce: number });

describe("addresses", () => {
  test.each(["000013", "20002d", "40016d", "6005b7", "8002db", "a016cb", "c05b2d", "e16cb5"])(
    "C32 a device that joins under NetID %s gets an address of that network",
    async netId => {
      const { joiner, clock, server } = await withDevice({ network: { netId } });
      joiner.device.start();
      await clock.advance(10_000);
      const session = await server.session(joiner.devEui);
      const devAddr = parseDevAddr(session?.session.devAddr ?? "");
      expect(matchesNetId(devAddr, parseNetId(netId))).toBe(true);
      expect(joiner.device.session?.devAddr).toBe(devAddr);
    },
  );
});

describe("a Join Server that is not well", () => {
  test("is reported to the device's owner, and the next join succeeds", async () => {
    let down = true;
    const { joiner, clock, eventsOf } = await withDevice({
      joinServer: client => ({
        ...client,
        join: async request => {
          if (down) throw new JoinServerUnavailable("the Join Server at https://join.example did not answer");
          return client.join(request);
        },
      }),
    });
    joiner.device.start();
    await clock.advance(8_000);
    expect(kinds(joiner.events)).not.toContain("joined");
    expect(await eventsOf(joiner.devEui)).toMatchObject([
      { kind: "log", code: "OTAA", level: "ERROR", context: { result_code: "Other" } },
    ]);
    down = false;
    await clock.advance(60_000);
    expect(kinds(joiner.events)).toContain("joined");
  });

  test.each([
    ["no Join-Accept at all", {}],
    ["a data frame for an accept", { PHYPayload: "600102030400000001aabbccdd" }],
    ["bytes that are no frame", { PHYPayload: "0x" }],
  ])("sends %s: nothing is kept and the log says so", async (_name, changes) => {
    const scenario = await withDevice({
      joinServer: client => ({
        ...client,
        join: async request => {
          const { PHYPayload: _, ...answer } = await client.join(request);
          return { ...answer, ...changes };
        },
      }),
    });
    scenario.joiner.device.start();
    await scenario.clock.advance(8_000);
    expect(await scenario.server.session(scenario.joiner.devEui)).toBeUndefined();
    expect(await results(scenario)).toEqual({ no_join_accept: 1 });
    expect(await scenario.eventsOf(scenario.joiner.devEui)).toMatchObject([{ kind: "log", code: "OTAA" }]);
  });

  test("answers with hex behind 0x, as TS002 has it too", async () => {
    const { joiner, clock } = await withDevice({
      joinServer: client => ({
        ...client,
        join: async request => {
          const answer = await client.join(request);
          return { ...answer, ...(answer.PHYPayload && { PHYPayload: `0x${answer.PHYPayload.toUpperCase()}` }) };
        },
      }),
    });
    joiner.device.start();
    await clock.advance(10_000);
    expect(kinds(joiner.events)).toContain("joined");
  });

  test("C34 never answers: what waits for it is bounded, and another device's uplinks go on", async () => {
    let asked = 0;
    const scenario = await createScenario({
      joinServer: client => ({
        ...client,
        join: request => {
          if (request.DevEUI.startsWith("d")) return client.join(request);
          asked += 1;
          return new Promise(() => {});
        },
      }),
    });
    await scenario.addGateway();
    const { device, devEui } = await scenario.addDevice();
    device.start();
    await scenario.clock.advance(10_000);
    for (let number = 1; number <= 300; number += 1) {
      const stranger = parseDevEui(number.toString(16).padStart(16, "f"));
      scenario.register(stranger);
      shout(scenario, requestOf(number, stranger));
      await scenario.clock.advance(250);
    }
    expect(asked).toBeLessThanOrEqual(128);
    expect(await results(scenario)).toHaveProperty("join_server_busy");
    device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await scenario.clock.advance(5_000);
    expect((await scenario.eventsOf(devEui)).at(-1)).toMatchObject({ kind: "up" });
  });
});

describe("floods", () => {
  test("C34 unknown devices under made-up JoinEUIs are shed before they are looked up, those of the house are not", async () => {
    const scenario = await withDevice();
    scenario.joiner.device.start();
    await scenario.clock.advance(10_000);
    const late = await scenario.addDevice();
    for (let number = 1; number <= 300; number += 1) {
      shout(scenario, requestOf(number));
      await scenario.clock.advance(70);
      if (number === 250) late.device.start();
    }
    await scenario.clock.advance(60_000);
    const { unknown_device: looked = 0, gateway_limited: shed = 0 } = await results(scenario);
    expect(looked).toBeLessThan(250);
    expect(shed).toBeGreaterThan(0);
    expect(kinds(late.events)).toContain("joined");
  });

  test("C34 a device that asks again and again is answered ten times, then once a second", async () => {
    const scenario = await withDevice();
    const { devEui } = scenario.joiner;
    await scenario.rootKeys.put(devEui, { nwkKey: someKey });
    for (let devNonce = 1; devNonce <= 30; devNonce += 1) {
      shout(scenario, sealJoinRequest(someKey, { joinEui: parseJoinEui("0e0e0e0e0e0e0e0e"), devEui, devNonce }));
      await scenario.clock.advance(100);
    }
    const { accepted = 0, rate_limited: limited = 0 } = await results(scenario);
    expect(accepted).toBeLessThanOrEqual(13);
    expect(accepted + limited).toBe(30);
  });
});
