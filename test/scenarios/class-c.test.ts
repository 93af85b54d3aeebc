import { describe, expect, test } from "vitest";
import type { GatewayEvent } from "../../simulators/gateway-udp.ts";
import { createScenario, type ScenarioDevice } from "../support/scenario.ts";

const downlinks = ({ events }: ScenarioDevice) => events.filter(event => event.kind === "downlink");
const texts = (device: ScenarioDevice) => downlinks(device).map(({ payload }) => Buffer.from(payload).toString());
const counters = (device: ScenarioDevice) => downlinks(device).map(({ fCnt }) => fCnt);
const violations = ({ events }: ScenarioDevice) => events.filter(event => event.kind === "violation");
const rising = (values: readonly number[]) => [...new Set(values)].sort((left, right) => left - right);
const base64 = (text: string) => Buffer.from(text).toString("base64");

type Scenario = Awaited<ReturnType<typeof createScenario>>;
type Sent = Extract<GatewayEvent, { kind: "downlink" }>;

/** A class C device that has been heard once and is idle. */
async function idle(options: Parameters<typeof createScenario>[0] = {}, gatewayCount = 1) {
  const scenario = await createScenario({
    ...options,
    profile: { supportsClassC: true, adrAlgorithm: "none", ...options.profile },
  });
  const sent: (Sent & { readonly gateway: number; readonly atMs: number })[] = [];
  const gateways = [];
  for (let gateway = 0; gateway < gatewayCount; gateway += 1) {
    gateways.push(
      await scenario.addGateway({
        position: { eastM: -200 * gateway, northM: 0, heightM: 30 },
        listener: event => {
          if (event.kind === "downlink") sent.push({ ...event, gateway, atMs: scenario.clock.nowMs() });
        },
      }),
    );
  }
  const device = await scenario.addDevice({ deviceClass: "C" });
  device.device.start();
  await scenario.clock.advance(10_000);
  device.device.send({ fPort: 1, payload: Uint8Array.of(1) });
  // The network's wishes, and the device's answers to them.
  for (let count = 0; count < 3; count += 1) {
    await scenario.clock.advance(15_000);
    device.device.send({ fPort: 1, payload: Uint8Array.of(1) });
  }
  await scenario.clock.advance(60_000);
  device.events.length = 0;
  sent.length = 0;
  const put = (id: string, item = {}) => scenario.enqueue(device.devEui, { id, data: base64(id), ...item });
  const eventsOf = async (kind: string) =>
    (await scenario.eventsOf(device.devEui)).filter(event => event.kind === kind);
  return { ...scenario, gateways, device, put, sent, eventsOf };
}

const uplink = ({ device }: { device: ScenarioDevice }, changes = {}) =>
  device.device.send({ fPort: 1, payload: Uint8Array.of(2), ...changes });

const waiting = async ({ store }: Scenario, { devEui }: ScenarioDevice) =>
  (await store.queue(devEui)).map(({ id }) => id);

describe("an idle class C device", () => {
  test("C51 hears a downlink without an uplink, on the parameters of RX2", async () => {
    const life = await idle();
    await life.put("now");
    await life.clock.advance(2_000);
    expect(downlinks(life.device)).toMatchObject([{ window: "RXC", fPort: 10, fPending: false, macCommands: "" }]);
    expect(texts(life.device)).toEqual(["now"]);
    expect(life.sent.map(({ txpk }) => txpk.imme)).toEqual([true]);
    expect(await life.eventsOf("txack")).toMatchObject([{ queueItemId: "now" }]);
    expect(life.device.events.some(event => event.kind === "uplink-sent")).toBe(false);
  });

  test("C20 hears several in their order under rising counters", async () => {
    const life = await idle();
    for (const id of ["one", "two", "three"]) await life.put(id);
    await life.clock.advance(10_000);
    expect(texts(life.device)).toEqual(["one", "two", "three"]);
    expect(counters(life.device)).toEqual(rising(counters(life.device)));
    expect(downlinks(life.device).map(({ fPending }) => fPending)).toEqual([true, true, false]);
    expect(violations(life.device)).toEqual([]);
    expect(await waiting(life, life.device)).toEqual([]);
  });

  test("C68 is not kept waiting by what is too long or too old", async () => {
    const life = await idle();
    await life.put("long", { data: Buffer.alloc(200).toString("base64") });
    await life.put("old", { expiresAtMs: life.clock.nowMs() - 1 });
    await life.put("good");
    await life.clock.advance(5_000);
    expect(texts(life.device)).toEqual(["good"]);
    expect(await life.eventsOf("log")).toMatchObject([
      { code: "DOWNLINK_PAYLOAD_SIZE", context: { queue_item_id: "long", max_size: "51" } },
      { code: "EXPIRED", context: { queue_item_id: "old" } },
    ]);
    expect((await life.server.session(life.device.devEui))?.maxPayload).toBe(51);
  });
});

describe("class C around an uplink", () => {
  test("C51 what is enqueued right after an uplink waits for the end of its windows", async () => {
    const life = await idle();
    uplink(life);
    // The answer is decided 200 ms after the first copy.
    await life.clock.advance(500);
    const enqueuedAtMs = life.clock.nowMs();
    await life.put("after");
    await life.clock.advance(5_000);
    expect(downlinks(life.device)).toMatchObject([{ window: "RXC" }]);
    expect((life.sent[0]?.atMs ?? 0) - enqueuedAtMs).toBeGreaterThan(1_500);
  });

  test("C20 what is enqueued while the uplink waits for copies goes with its answer", async () => {
    const life = await idle();
    uplink(life, { confirmed: true });
    await life.clock.advance(150);
    await life.put("answer");
    await life.put("later");
    await life.clock.advance(8_000);
    expect(downlinks(life.device)).toMatchObject([
      { window: "RX1", ack: true, fPending: true },
      { window: "RXC", ack: false },
    ]);
    expect(texts(life.device)).toEqual(["answer", "later"]);
    expect(counters(life.device)).toEqual(rising(counters(life.device)));
  });

  test("C51 a repeat of the uplink opens windows again, which are waited for too", async () => {
    const life = await idle();
    const state = life.device.device.snapshot();
    if (!state.session) throw new Error("the device has joined");
    life.device.device.stop();
    life.devices.delete(life.device.devEui);
    const parameters = { ...state.session.parameters, nbTrans: 2 };
    const device = await life.addDevice({
      deviceClass: "C",
      state: { ...state, session: { ...state.session, parameters } },
    });
    const life2 = { ...life, device };
    const repeats = () => device.events.filter(event => event.kind === "uplink-ended").length;
    uplink(life2);
    while (repeats() < 2) await life.clock.advance(100);
    await life.clock.advance(300);
    const enqueuedAtMs = life.clock.nowMs();
    await life.put("after");
    await life.clock.advance(6_000);
    expect(texts(device)).toEqual(["after"]);
    expect((life.sent[0]?.atMs ?? 0) - enqueuedAtMs).toBeGreaterThan(1_500);
  });

  test("C67 the acknowledgement of a repeat says that more waits", async () => {
    const life = await idle();
    life.faults.loseToGateways = true;
    uplink(life, { confirmed: true });
    const attempts = () => life.device.events.filter(event => event.kind === "uplink-ended").length;
    while (attempts() < 1) await life.clock.advance(100);
    await life.clock.advance(500);
    await life.put("later", { confirmed: true });
    while (attempts() < 2) await life.clock.advance(20);
    life.faults.loseToGateways = false;
    await life.clock.advance(20_000);
    const [acknowledgement, later] = downlinks(life.device).slice(-2);
    expect(acknowledgement).toMatchObject({ window: "RX1", ack: true, fPending: true });
    expect(later).toMatchObject({ window: "RXC", confirmed: true, fPending: false });
    expect(violations(life.device)).toEqual([]);
  });

  test("C20 class A answers and class C items never share a counter, whenever they meet", async () => {
    const life = await idle({}, 2);
    for (let round = 0; round < 40; round += 1) {
      await life.put(`${round}`, { confirmed: round % 5 === 4 });
      await life.clock.advance(round * 67);
      uplink(life, { confirmed: round % 2 === 0 });
      await life.clock.advance(12_000);
    }
    await life.clock.advance(120_000);
    expect(counters(life.device)).toEqual(rising(counters(life.device)));
    expect(violations(life.device)).toEqual([]);
    expect(await waiting(life, life.device)).toEqual([]);
    const planned = (await life.eventsOf("txack")).flatMap(event => (event.kind === "txack" ? [event.fCntDown] : []));
    expect(planned).toEqual(rising(planned));
  });
});

describe("class C and RX2", () => {
  test("C51 nothing is sent while the parameters of RX2 change; then the new ones hold", async () => {
    const life = await idle();
    life.register(life.device.devEui, { mac: { rx2DataRate: 3 } });
    uplink(life);
    await life.clock.advance(10_000);
    expect(downlinks(life.device)).toMatchObject([{ window: "RX1", macCommands: expect.stringMatching(/^05/) }]);
    await life.put("where?");
    await life.clock.advance(60_000);
    expect(downlinks(life.device)).toHaveLength(1);
    uplink(life);
    await life.clock.advance(500);
    await life.put("there");
    await life.clock.advance(8_000);
    expect(texts(life.device).slice(1)).toEqual(["where?", "there"]);
    expect(life.sent.at(-1)?.txpk).toMatchObject({ imme: true, datr: "SF9BW125" });
    expect((await life.server.session(life.device.devEui))?.maxPayload).toBe(115);
  });
});

describe("gateways of class C downlinks", () => {
  test("C41 the other gateway that heard the device sends when the better one is gone", async () => {
    const life = await idle({}, 2);
    life.gateways[0]?.stop();
    // Until the server knows that nobody listens there any more.
    await life.clock.advance(120_000);
    await life.put("other way");
    await life.clock.advance(2_000);
    expect(texts(life.device)).toEqual(["other way"]);
    expect(life.sent.map(({ gateway }) => gateway)).toEqual([1]);
  });

  test("C41 a gateway that does not answer is followed by the other, under the same counter", async () => {
    const life = await idle({}, 2);
    life.gateways[0]?.stop();
    await life.put("other way");
    await life.clock.advance(10_000);
    expect(texts(life.device)).toEqual(["other way"]);
    const session = await life.server.session(life.device.devEui);
    expect(session?.session.nFCntDown).toBe((counters(life.device)[0] ?? -1) + 1);
  });

  test("C41 with no gateway the item waits, is reported once, and is sent when one is back", async () => {
    const life = await idle();
    const before = await life.server.session(life.device.devEui);
    life.gateways[0]?.stop();
    await life.clock.advance(120_000);
    await life.put("patient");
    await life.clock.advance(300_000);
    expect(await waiting(life, life.device)).toEqual(["patient"]);
    expect(await life.eventsOf("log")).toMatchObject([{ code: "DOWNLINK_GATEWAY" }]);
    expect((await life.server.session(life.device.devEui))?.session.nFCntDown).toBe(before?.session.nFCntDown);
    life.gateways[0]?.start();
    await life.clock.advance(600_000);
    expect(texts(life.device)).toEqual(["patient"]);
  });

  test("C41 a refused frame is tried again later under a new counter", async () => {
    const life = await idle();
    life.faults.toServer = bytes => [
      bytes[3] === 5
        ? Buffer.from(Buffer.from(bytes).toString("latin1").replace("NONE", "DUTY_CYCLE_OVERFLOW"), "latin1")
        : bytes,
    ];
    await life.put("again");
    await life.clock.advance(3_000);
    life.faults.toServer = undefined;
    const gatewayId = life.gateways[0]?.gatewayId;
    expect(await life.eventsOf("log")).toMatchObject([
      { code: "DOWNLINK_GATEWAY", context: { duty_cycle_gateways: gatewayId } },
    ]);
    await life.clock.advance(10_000);
    expect(await waiting(life, life.device)).toEqual([]);
    expect(counters(life.device)).toEqual(rising(counters(life.device)));
    expect(counters(life.device)).toHaveLength(2);
  });
});

describe("confirmed class C downlinks", () => {
  test("C66 end with the acknowledgement, and the next follows", async () => {
    const life = await idle();
    await life.put("sure", { confirmed: true });
    await life.put("next");
    await life.clock.advance(15_000);
    expect(texts(life.device)).toEqual(["sure", "next"]);
    expect(await life.eventsOf("ack")).toMatchObject([{ queueItemId: "sure", acknowledged: true }]);
    expect(await waiting(life, life.device)).toEqual([]);
  });

  test("C66 are repeated after each time-out, then reported as not acknowledged; what waits follows", async () => {
    const life = await idle();
    // The device hears and answers; its answers do not arrive.
    life.faults.toServer = bytes => (bytes[3] === 0 ? [] : [bytes]);
    await life.put("unsure", { confirmed: true });
    await life.put("next");
    await life.clock.advance(25_000);
    expect(await life.eventsOf("ack")).toEqual([]);
    await life.clock.advance(20_000);
    expect(texts(life.device)).toEqual(["unsure", "unsure", "unsure", "next"]);
    expect(counters(life.device)).toEqual(rising(counters(life.device)));
    expect(await life.eventsOf("ack")).toMatchObject([{ queueItemId: "unsure", acknowledged: false }]);
    expect(await waiting(life, life.device)).toEqual([]);
    const unsure = life.sent.slice(0, 3).map(({ atMs }) => atMs);
    expect(Math.min((unsure[1] ?? 0) - (unsure[0] ?? 0), (unsure[2] ?? 0) - (unsure[1] ?? 0))).toBeGreaterThan(8_000);
  });

  test("C66 do not go with the answer to an uplink, which has no time-out", async () => {
    const life = await idle();
    uplink(life, { confirmed: true });
    await life.clock.advance(150);
    await life.put("sure", { confirmed: true });
    await life.clock.advance(15_000);
    expect(downlinks(life.device)).toMatchObject([
      { window: "RX1", ack: true, confirmed: false, fPending: true },
      { window: "RXC", ack: false, confirmed: true, fPending: false },
    ]);
    expect(await life.eventsOf("ack")).toMatchObject([{ queueItemId: "sure", acknowledged: true }]);
  });

  test("C66 an uplink that was on the air with the downlink says nothing of it", async () => {
    const life = await idle({ profile: { confirmedDownlinkRetries: 1 } });
    uplink(life);
    await life.clock.advance(20);
    await life.put("crossing", { confirmed: true });
    await life.clock.advance(5_000);
    expect(life.sent).toHaveLength(1);
    await life.clock.advance(15_000);
    expect(await life.eventsOf("ack")).toMatchObject([{ queueItemId: "crossing", acknowledged: true }]);
    expect(counters(life.device)).toEqual(rising(counters(life.device)));
  });
});

describe("a new session", () => {
  test("C31 what is enqueued after a join waits for the first uplink under the new keys", async () => {
    const life = await idle();
    life.device.device.join();
    await life.clock.advance(20_000);
    expect(life.device.events).toContainEqual(expect.objectContaining({ kind: "joined" }));
    await life.put("early");
    await life.clock.advance(60_000);
    expect(downlinks(life.device)).toEqual([]);
    uplink(life);
    await life.clock.advance(500);
    await life.put("late");
    await life.clock.advance(10_000);
    expect(texts(life.device)).toEqual(["early", "late"]);
    expect(downlinks(life.device).map(({ window }) => window)).toEqual(["RX1", "RXC"]);
    expect(violations(life.device)).toEqual([]);
  });
});

describe("a restart", () => {
  test("what was enqueued in the windows of an uplink is sent by the next process", async () => {
    const life = await idle();
    uplink(life);
    await life.clock.advance(500);
    await life.put("kept");
    await life.clock.settle();
    await Promise.all([life.server.close(), life.clock.advance(3_000)]);
    expect(downlinks(life.device)).toEqual([]);
    await life.restart();
    await life.clock.advance(30_000);
    expect(texts(life.device)).toEqual(["kept"]);
    expect(await life.eventsOf("log")).toEqual([]);
  });

  test("C16 in the middle of a queue goes on without a counter used twice", async () => {
    const life = await idle();
    for (let count = 0; count < 6; count += 1) await life.put(`${count}`);
    await life.clock.advance(3_500);
    const before = texts(life.device).length;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(6);
    await Promise.all([life.server.close(), life.clock.advance(3_000)]);
    const server = await life.restart();
    await life.clock.advance(90_000);
    expect(rising(texts(life.device).map(Number))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(counters(life.device)).toEqual(rising(counters(life.device)));
    expect(violations(life.device)).toEqual([]);
    expect(await waiting(life, life.device)).toEqual([]);
    await server.close();
  });

  test("C66 while a confirmed downlink waits for its acknowledgement ends with the time-out", async () => {
    const life = await idle({ profile: { confirmedDownlinkRetries: 0 } });
    life.faults.toServer = bytes => (bytes[3] === 0 ? [] : [bytes]);
    await life.put("unsure", { confirmed: true });
    await life.clock.advance(2_000);
    await Promise.all([life.server.close(), life.clock.advance(3_000)]);
    await life.restart();
    await life.clock.advance(30_000);
    expect(texts(life.device)).toEqual(["unsure"]);
    expect(await life.eventsOf("ack")).toMatchObject([{ queueItemId: "unsure", acknowledged: false }]);
  });
});
