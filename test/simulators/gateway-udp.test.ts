import { describe, expect, test } from "vitest";
import { createDatagramPair, withNetworkFaults } from "../../simulators/datagram.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { createVirtualRadio } from "../support/virtual-radio.ts";
import { answerInRx1, createTinyServer, downlinkFrame, keys } from "./tiny-server.ts";

const uplink = { fPort: 1, payload: Uint8Array.of(1) };

describe("the packet forwarder", () => {
  test("keeps its path open and reports its figures", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway({ keepAliveMs: 5000 }).server);
    await radio.clock.advance(31_000);
    expect(server.pullData).toBe(7);
    expect(server.pushed.filter(({ stat }) => stat !== undefined)).toHaveLength(2);
    radio.stop();
  });

  test("forwards a frame with the counter at its end, which wraps", async () => {
    const radio = createVirtualRadio();
    const { gateway, server: end } = radio.gateway({ startCounterUs: 2 ** 32 - 10_000 });
    const server = createTinyServer(end);
    radio.device({ personalization: keys }).device.send(uplink);
    await radio.clock.advance(200);
    // 14 bytes at SF7: 46.336 ms.
    expect(server.frames).toMatchObject([{ tmst: 46_336 - 10_000, datr: "SF7BW125", size: 14, stat: 1, codr: "4/5" }]);
    expect(gateway.statistics()).toMatchObject({ heard: 1, forwarded: 1, pushAcks: 2 });
    radio.stop();
  });

  test("sends frames that end close together in one datagram when asked", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway({ batchMs: 100 }).server);
    radio.device({ personalization: keys, channels: new Set([0]) }).device.send(uplink);
    radio.device({ personalization: keys, channels: new Set([1]) }).device.send(uplink);
    await radio.clock.advance(300);
    expect(server.pushed.flatMap(({ rxpk }) => (rxpk ? [rxpk.length] : []))).toEqual([2]);
    radio.stop();
  });

  test.each([
    ["TOO_LATE", 60_000, {}],
    ["TOO_EARLY", 600_000_000, {}],
    ["TX_FREQ", 1_000_000, { freq: 915.1 }],
    ["TX_POWER", 1_000_000, { powe: 40 }],
  ])("C41 answers %s", async (error, delayUs, change) => {
    const radio = createVirtualRadio();
    const txRangeHz = { lowest: 863_000_000, highest: 870_000_000 };
    const server = createTinyServer(radio.gateway({ txRangeHz }).server);
    const { device, of } = radio.device({ personalization: keys });
    device.send(uplink);
    await radio.clock.advance(100);
    const [frame] = server.frames;
    if (frame) server.send({ ...answerInRx1(frame, downlinkFrame({ fCnt: 0 }), delayUs), ...change });
    await radio.clock.advance(3000);
    expect(server.txAcks).toEqual([error]);
    expect(of("downlink")).toEqual([]);
    radio.stop();
  });

  test("C42 refuses a frame that begins less than 42.5 ms after the end of one that waits", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway().server, frame => {
      server.send(answerInRx1(frame, downlinkFrame({ fCnt: 0, fPort: 1, payload: "01" })));
      server.send(answerInRx1(frame, downlinkFrame({ fCnt: 1 }), 1_030_000));
      server.send(answerInRx1(frame, downlinkFrame({ fCnt: 2 }), 1_083_000));
      server.send(answerInRx1(frame, downlinkFrame({ fCnt: 3 }), 1_200_000));
    });
    radio.device({ personalization: keys }).device.send(uplink);
    await radio.clock.advance(3000);
    expect(server.txAcks).toEqual(["NONE", "COLLISION_PACKET", "COLLISION_PACKET", "NONE"]);
    radio.stop();
  });

  test("a counter that drifts is still met by an answer that is timed with it", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway({ driftPpm: 100, startCounterUs: 2 ** 32 - 600_000 }).server, frame =>
      server.send(answerInRx1(frame, downlinkFrame({ fCnt: 0, fPort: 1, payload: "01" }))),
    );
    const { device, of } = radio.device({ personalization: keys });
    device.send(uplink);
    await radio.clock.advance(5000);
    expect(of("downlink").map(({ window }) => window)).toEqual(["RX1"]);
    radio.stop();
  });
});

describe("a faulty network", () => {
  const received = async (seed: number): Promise<readonly number[]> => {
    const clock = createVirtualClock();
    const [near, far] = createDatagramPair();
    const port = withNetworkFaults(near, clock, { seed, loss: 0.2, duplication: 0.2, maxDelayMs: 50 });
    const numbers: number[] = [];
    far.onMessage(bytes => numbers.push(bytes[0] ?? 0));
    for (let number = 0; number < 100; number += 1) port.send(Uint8Array.of(number));
    await clock.advance(100);
    return numbers;
  };

  test("loses, doubles and reorders, the same way for the same seed", async () => {
    const first = await received(3);
    const different = new Set(first);
    expect(different.size).toBeLessThan(95);
    expect(first.length).toBeGreaterThan(different.size);
    expect([...first].sort((one, other) => one - other)).not.toEqual(first);
    expect(await received(3)).toEqual(first);
    expect(await received(4)).not.toEqual(first);
  });
});
