import { describe, expect, test } from "vitest";
import { parseDeviceState } from "../../simulators/device-state.ts";
import { createVirtualRadio } from "../support/virtual-radio.ts";
import { answerInRx1, createTinyServer, downlinkFrame, joinAcceptFrame, keys, loraPacket } from "./tiny-server.ts";

/** 867.1 to 867.9 MHz, type 0. */
const cfList = "184f84e85684b85e84886684586e8400";

/** Of the first device that a radio makes. */
const appKey = "1".padStart(32, "0");

const isJoinRequest = (data: string): boolean => Buffer.from(data, "base64")[0] === 0;

describe("over-the-air activation", () => {
  test("a device joins in RX1, takes what the accept says, and sends its queue under the new keys", async () => {
    const radio = createVirtualRadio();
    const { device, of } = radio.device();
    const server = createTinyServer(radio.gateway().server, frame => {
      if (!isJoinRequest(frame.data)) return;
      const accept = joinAcceptFrame({
        appKey,
        joinNonce: 1,
        dlSettings: 0x23,
        rxDelay: 3,
        cfList,
      });
      server.send(answerInRx1(frame, accept, 5_000_000));
    });
    device.send({ fPort: 7, payload: Uint8Array.of(1, 2, 3) });
    device.start();
    await radio.clock.advance(7_000);
    expect(of("joined")).toEqual([{ kind: "joined", devAddr: keys.devAddr, window: "RX1" }]);
    expect(server.txAcks).toEqual(["NONE"]);
    const parameters = device.session?.parameters;
    expect(parameters).toMatchObject({ rx1DelaySeconds: 3, rx1DrOffset: 2, rx2DataRate: 3 });
    expect(parameters?.channels.map(channel => channel?.uplinkFrequencyHz)).toEqual([
      868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000,
    ]);
    const uplink = loraPacket.fromWire(Buffer.from(server.frames[1]?.data ?? "", "base64"));
    const session = device.session;
    expect(loraPacket.verifyMIC(uplink, Buffer.from(session?.nwkSKey ?? "", "hex"))).toBe(true);
    const plain = loraPacket.decrypt(uplink, Buffer.from(session?.appSKey ?? "", "hex"));
    expect([uplink.getFPort(), plain.toString("hex")]).toEqual([7, "010203"]);
    radio.stop();
  });

  test("an accept one millisecond beyond the window is not heard, and the device asks again", async () => {
    const radio = createVirtualRadio();
    const { device, of } = radio.device({ joinRetryMs: 1000 });
    const server = createTinyServer(radio.gateway().server, frame => {
      const accept = joinAcceptFrame({ appKey, joinNonce: server.frames.length });
      server.send(answerInRx1(frame, accept, server.frames.length === 1 ? 5_001_000 : 5_000_000));
    });
    device.start();
    await radio.clock.advance(20_000);
    expect(of("join-failed")).toHaveLength(1);
    expect(of("join-requested").map(({ devNonce }) => devNonce)).toEqual([0, 1]);
    expect(of("joined")).toHaveLength(1);
    radio.stop();
  });

  test("a device without an answer asks less and less often, at lower data rates", async () => {
    const radio = createVirtualRadio();
    const { device, of } = radio.device({ joinRetryMs: 1000 });
    const server = createTinyServer(radio.gateway().server);
    device.start();
    await radio.clock.advance(600_000);
    const pauses = of("join-failed").map(({ retryInMs }) => retryInMs);
    expect(pauses.length).toBeGreaterThan(5);
    expect(pauses[5]).toBeGreaterThan(16 * (pauses[0] ?? 0) * 0.3);
    expect(server.frames.slice(0, 6).map(({ datr }) => datr)).toEqual([
      "SF7BW125",
      "SF7BW125",
      "SF8BW125",
      "SF8BW125",
      "SF9BW125",
      "SF9BW125",
    ]);
    radio.stop();
  });

  test("C26 a 1.0.4 device reports and refuses a JoinNonce that does not rise", async () => {
    const radio = createVirtualRadio();
    const { device, of } = radio.device({ joinRetryMs: 1000 });
    const server = createTinyServer(radio.gateway().server, frame => {
      if (!isJoinRequest(frame.data)) return;
      server.send(answerInRx1(frame, joinAcceptFrame({ appKey, joinNonce: 5 }), 5_000_000));
    });
    device.start();
    await radio.clock.advance(7_000);
    device.join();
    await radio.clock.advance(7_000);
    expect(of("joined")).toHaveLength(1);
    expect(of("violation").map(({ violation }) => violation)).toEqual(["join-nonce-not-rising"]);
    radio.stop();
  });

  test("a restored device goes on with its session and its counters", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway().server);
    const first = radio.device({ personalization: keys });
    first.device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await radio.clock.advance(5_000);
    first.device.stop();
    const state: unknown = JSON.parse(JSON.stringify(first.device.snapshot()));
    const second = radio.device({ state: parseDeviceState(state) });
    second.device.start();
    second.device.send({ fPort: 1, payload: Uint8Array.of(2) });
    const frame = downlinkFrame({ fCnt: 0, fPort: 9, payload: "aa" });
    await radio.clock.advance(500);
    const heard = server.frames.at(-1);
    if (heard) server.send(answerInRx1(heard, frame));
    await radio.clock.advance(5_000);
    expect(second.of("join-requested")).toEqual([]);
    expect(second.of("uplink-sent").map(({ fCnt }) => fCnt)).toEqual([1]);
    expect(second.of("downlink")).toHaveLength(1);
    radio.stop();
  });
});
