import { describe, expect, test } from "vitest";
import { type GatewayId, parseGatewayId } from "../../../lorawan/ids.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { createLocalSender } from "../../../network-server/downlink/gateway-sender.ts";
import { createSchedule } from "../../../network-server/downlink/schedule.ts";
import { type Answer, createTransmitter, txInfoOf } from "../../../network-server/downlink/transmit.ts";
import { dataWindows } from "../../../network-server/downlink/windows.ts";
import type {
  GatewayTransport,
  Reception,
  Transmission,
  TransmissionFailure,
} from "../../../network-server/gateway/types.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { someSession } from "../../support/sessions.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const region = regionOf("EU868", "RP002-1.0.4");
const near = parseGatewayId("0000000000000001");
const far = parseGatewayId("0000000000000002");
const windows = dataWindows(region, someSession().mac.current, { frequencyHz: 868_100_000, dataRate: 5 });
const sf7 = { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 } as const;
/** An unconfirmed data frame with a payload of 10 bytes on port 10. */
const payloadFrame = Buffer.from(`60cd23ab01000000${"0a"}${"00".repeat(10)}01020304`, "hex");
const joinAccept = Buffer.alloc(17, 1).fill(0x20, 0, 1);

interface Options {
  readonly transport?: GatewayTransport;
  readonly dutyCycle?: boolean;
}

/** A transport that answers as it is told, in order; when the list is at its end, that the frame was sent. */
function bench(script: readonly (TransmissionFailure | "sent")[] = [], options: Options = {}) {
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const asked: Transmission[] = [];
  const transport: GatewayTransport = options.transport ?? {
    reaches: () => true,
    async transmit(transmission) {
      const reason = script[asked.length] ?? "sent";
      asked.push(transmission);
      return reason === "sent" ? { kind: "sent" } : { kind: "failed", reason };
    },
  };
  const schedule = createSchedule({ metrics, dutyCycle: options.dutyCycle ?? true });
  const transmitter = createTransmitter({ sender: createLocalSender({ clock, metrics, transport, schedule }) });
  const reception = (gatewayId: GatewayId, changes: Partial<Reception> = {}): Reception => ({
    gatewayId,
    phyPayload: new Uint8Array(),
    frequencyHz: 868_100_000,
    modulation: sf7,
    rssiDbm: -80,
    snrDb: gatewayId === near ? 9 : 0,
    counterUs: 1_000_000,
    receivedAtUs: clock.monotonicUs(),
    receivedAtMs: clock.nowMs(),
    rxInfo: { gatewayId, uplinkId: 1, nsTime: "", context: "" },
    txInfo: { frequency: 868_100_000, modulation: { fsk: { frequencyDeviation: 25_000, datarate: 50_000 } } },
    ...changes,
  });
  const answer = (changes: Partial<Answer> = {}) =>
    transmitter.answer({
      downlinkId: 1,
      phyPayload: payloadFrame,
      windows,
      receptions: [reception(near), reception(far)],
      ...changes,
    });
  const counted = async (name: "downlinkAttempts" | "downlinksNotScheduled" | "downlinkAirtime") =>
    Object.fromEntries(
      (await metrics[name].get()).values.map(({ labels, value }) => [Object.values(labels)[0], value]),
    );
  return { clock, asked, answer, reception, counted };
}

const tried = (outcome: Awaited<ReturnType<ReturnType<typeof bench>["answer"]>>) =>
  outcome.kind === "failed" ? outcome.attempts.map(({ gatewayId, window, reason }) => [gatewayId, window, reason]) : [];

const everyError = [
  "TOO_LATE",
  "TOO_EARLY",
  "COLLISION_PACKET",
  "COLLISION_BEACON",
  "TX_FREQ",
  "TX_POWER",
  "GPS_UNLOCKED",
  "QUEUE_FULL",
  "DUTY_CYCLE_OVERFLOW",
  "INTERNAL_ERROR",
  "GATEWAY_OFFLINE",
] as const;

test("C41 a gateway that cannot be reached is not asked, however well it heard the device", async () => {
  const asked: GatewayId[] = [];
  const transport: GatewayTransport = {
    reaches: gatewayId => gatewayId === far,
    async transmit({ gatewayId }) {
      asked.push(gatewayId);
      return { kind: "sent" };
    },
  };
  const { answer } = bench([], { transport });
  expect(await answer()).toMatchObject({ kind: "sent", reception: { gatewayId: far } });
  expect(asked).toEqual([far]);
});

describe("what a gateway is asked for", () => {
  test.each([
    [1_000_000, 2_000_000],
    [2_147_000_000, 2_148_000_000],
    [3_000_000_000, 3_001_000_000],
    [4_294_967_295, 999_999],
  ])("C37 C38 counts from its own counter, %i, modulo 2^32", async (counterUs, expected) => {
    const { asked, answer, reception } = bench();
    await answer({ receptions: [reception(near, { counterUs })] });
    expect(asked.map(({ timing }) => timing)).toEqual([{ kind: "at-counter", counterUs: expected }]);
  });

  test("C44 comes with the reception that it answers, that of the strongest antenna, and no other gateway is asked", async () => {
    const { asked, answer, reception } = bench(["TX_FREQ", "TX_FREQ"]);
    const weak = reception(near, { snrDb: 1 });
    const strong = reception(near, { snrDb: 8, counterUs: 1_000_007 });
    await answer({ receptions: [weak, strong] });
    expect(asked.map(({ gatewayId, answerTo }) => [gatewayId, answerTo])).toEqual([
      [near, strong],
      [near, strong],
    ]);
  });
});

describe("what a gateway refuses", () => {
  test.each(everyError)(
    "C41 with %s goes to the other gateway, then to the other window, as the same frame",
    async error => {
      const { asked, answer } = bench([error, error]);
      expect(await answer()).toMatchObject({ kind: "sent", reception: { gatewayId: near }, window: { name: "RX2" } });
      expect(asked.map(({ gatewayId, timing }) => [gatewayId, timing])).toEqual([
        [near, { kind: "at-counter", counterUs: 2_000_000 }],
        [far, { kind: "at-counter", counterUs: 2_000_000 }],
        [near, { kind: "at-counter", counterUs: 3_000_000 }],
      ]);
      expect(new Set(asked.map(({ phyPayload }) => Buffer.from(phyPayload).toString("hex"))).size).toBe(1);
    },
  );

  test.each(everyError)("C41 with %s everywhere fails, and tells where and why", async error => {
    const { answer } = bench([error, error, error, error]);
    expect(tried(await answer())).toEqual([
      [near, "RX1", error],
      [far, "RX1", error],
      [near, "RX2", error],
      [far, "RX2", error],
    ]);
  });

  test("gives its air time back", async () => {
    const { answer, asked } = bench(["TX_FREQ", "TX_FREQ"]);
    await answer();
    await answer();
    // The first answer went out in RX2, so the second finds RX1 free.
    expect(asked.map(({ timing }) => timing.kind === "at-counter" && timing.counterUs)).toEqual([
      2_000_000, 2_000_000, 3_000_000, 2_000_000,
    ]);
  });

  test("C41 may have been sent when the gateway says nothing: no second gateway in the same window", async () => {
    const { answer, asked } = bench(["NO_TX_ACK"]);
    expect(await answer()).toMatchObject({ kind: "sent", window: { name: "RX2" } });
    expect(asked.map(({ gatewayId }) => gatewayId)).toEqual([near, near]);
    // Its time stays taken.
    expect(await answer({ windows: windows.slice(0, 1) })).toMatchObject({
      kind: "sent",
      reception: { gatewayId: far },
    });
  });
});

describe("time", () => {
  test("C40 a frame that would be late for RX1 goes to RX2, and for RX2 nowhere", async () => {
    const { answer, clock, reception, asked } = bench();
    const receptions = [reception(near)];
    await clock.advance(956);
    expect(await answer({ receptions })).toMatchObject({ kind: "sent", window: { name: "RX2" } });
    await clock.advance(1000);
    expect(tried(await answer({ receptions }))).toEqual([
      [near, "RX1", "TOO_LATE"],
      [near, "RX2", "TOO_LATE"],
    ]);
    expect(asked).toHaveLength(1);
  });

  test.each([
    [0, 955],
    [160, 840],
    [700, 300],
  ])("C40 a gateway that needs %i ms is asked for RX1 until %i ms after the uplink", async (leadMs, lastMs) => {
    const transport = { reaches: () => true, leadMs: () => leadMs, transmit: async () => ({ kind: "sent" }) as const };
    for (const [waitedMs, name] of [
      [lastMs, "RX1"],
      [lastMs + 1, "RX2"],
    ] as const) {
      const { answer, clock, reception } = bench([], { transport });
      const receptions = [reception(near)];
      await clock.advance(waitedMs);
      expect(await answer({ receptions })).toMatchObject({ window: { name } });
    }
  });

  test("C40 a gateway that is said to need 5 s is asked for RX2 all the same", async () => {
    const transport = { reaches: () => true, leadMs: () => 5_000, transmit: async () => ({ kind: "sent" }) as const };
    const { answer, clock, reception } = bench([], { transport });
    const receptions = [reception(near)];
    await clock.advance(500);
    expect(await answer({ receptions })).toMatchObject({ window: { name: "RX2" } });
    await clock.advance(1);
    expect((await answer({ receptions })).kind).toBe("failed");
  });

  test("C40 a reception that was long on its way counts from when it was heard", async () => {
    const { answer, reception } = bench();
    expect(await answer({ receptions: [reception(near, { lateByUs: 970_000 })] })).toMatchObject({
      window: { name: "RX2" },
    });
    expect((await answer({ receptions: [reception(near, { lateByUs: 3_600_000_000 })] })).kind).toBe("failed");
  });

  test("C42 while a gateway is bound to send, the other one answers, and then RX2 is used", async () => {
    const { answer } = bench();
    const sent = [await answer(), await answer(), await answer()];
    expect(sent).toMatchObject([
      { reception: { gatewayId: near }, window: { name: "RX1" } },
      { reception: { gatewayId: far }, window: { name: "RX1" } },
      { reception: { gatewayId: near }, window: { name: "RX2" } },
    ]);
  });
});

describe("C43 the duty cycle", () => {
  /** RX1 in 868.0-868.6 MHz at 1 %: this many frames of 56.6 ms fill the share of payload. */
  const untilSpent = async (dutyCycle: boolean) => {
    const { answer, clock, reception, counted } = bench([], { dutyCycle });
    const names: string[] = [];
    for (let count = 0; count < 600; count += 1) {
      const outcome = await answer({ receptions: [reception(near)] });
      if (outcome.kind === "sent") names.push(outcome.window.name);
      await clock.advance(5_000);
    }
    return { names, answer, reception, counted };
  };

  test("sends a device to RX2 when RX1's sub-band is spent, and keeps room for a Join-Accept", async () => {
    const { names, answer, reception, counted } = await untilSpent(true);
    expect(names).toHaveLength(600);
    expect(names[0]).toBe("RX1");
    expect(names.at(-1)).toBe("RX2");
    const airtime = await counted("downlinkAirtime");
    expect(airtime["868-868.6"]).toBeGreaterThan(28);
    expect(airtime["868-868.6"]).toBeLessThanOrEqual(28.8);
    expect((await counted("downlinksNotScheduled")).DUTY_CYCLE_OVERFLOW).toBeGreaterThan(0);
    const receptions = [reception(near)];
    expect(tried(await answer({ receptions, windows: windows.slice(0, 1) }))).toEqual([
      [near, "RX1", "DUTY_CYCLE_OVERFLOW"],
    ]);
    expect(await answer({ receptions, phyPayload: joinAccept })).toMatchObject({ window: { name: "RX1" } });
  });

  test("can be left to the gateways", async () => {
    const { names } = await untilSpent(false);
    expect(new Set(names)).toEqual(new Set(["RX1"]));
  });
});

describe("which window is first", () => {
  test("RX2 where it is preferred, and RX1 when RX2 is refused", async () => {
    const { answer } = bench(["sent", "TX_FREQ", "TX_FREQ"]);
    expect(await answer({ preferredWindow: "rx2" })).toMatchObject({ window: { name: "RX2" } });
    expect(await answer({ preferredWindow: "rx2" })).toMatchObject({ window: { name: "RX1" } });
  });
});

test("events tell the coding rate, which is another at 2.4 GHz", () => {
  expect(txInfoOf({ frequencyHz: 868_100_000, modulation: sf7 })).toMatchObject({
    frequency: 868_100_000,
    modulation: { lora: { codeRate: "CR_4_5" } },
  });
  const modulation = { ...sf7, bandwidthHz: 812_000 };
  expect(txInfoOf({ frequencyHz: 2_423_000_000, modulation })).toMatchObject({
    modulation: { lora: { codeRate: "CR_LI_4_8" } },
  });
});
