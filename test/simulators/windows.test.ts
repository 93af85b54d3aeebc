import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createVirtualRadio, type RadioDevice, type VirtualRadio } from "../support/virtual-radio.ts";
import { answerInRx1, createTinyServer, downlinkFrame, keys, type TinyServer } from "./tiny-server.ts";

describe("receive windows", () => {
  let radio: VirtualRadio;
  let server: TinyServer;
  let subject: RadioDevice;

  beforeEach(async () => {
    radio = createVirtualRadio();
    server = createTinyServer(radio.gateway().server);
    subject = radio.device({ personalization: keys });
    subject.device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await radio.clock.advance(200);
  });
  afterEach(() => radio.stop());

  const reply = async (change: (txpk: Record<string, unknown>) => object, delayUs = 1_000_000): Promise<void> => {
    const [frame] = server.frames;
    if (frame === undefined) throw new Error("the gateway heard nothing");
    server.send(change(answerInRx1(frame, downlinkFrame({ fCnt: 0, fPort: 4, payload: "c0ffee" }), delayUs)));
    await radio.clock.advance(5_000);
    expect(server.txAcks).toEqual(["NONE"]);
  };
  const windows = (): readonly string[] => subject.of("downlink").map(({ window }) => window);

  test("a downlink in RX1 is heard and deciphered", async () => {
    await reply(txpk => txpk);
    expect(subject.of("downlink")).toMatchObject([{ window: "RX1", fCnt: 0, fPort: 4 }]);
    expect(Buffer.from(subject.of("downlink")[0]?.payload ?? []).toString("hex")).toBe("c0ffee");
  });

  test("a downlink in RX2 is heard at SF12 on 869.525 MHz", async () => {
    await reply(txpk => ({ ...txpk, freq: 869.525, datr: "SF12BW125" }), 2_000_000);
    expect(windows()).toEqual(["RX2"]);
  });

  test("a downlink within the tolerance is heard, one millisecond off it is not", async () => {
    await reply(txpk => txpk, 1_000_400);
    expect(windows()).toEqual(["RX1"]);
  });

  test.each([
    ["a millisecond early", (txpk: object) => txpk, 999_000],
    ["a millisecond late", (txpk: object) => txpk, 1_001_000],
    ["in the time of RX2 with the channel of RX1", (txpk: object) => txpk, 2_000_000],
    ["on another frequency", (txpk: object) => ({ ...txpk, freq: 867.1 }), 1_000_000],
    ["at another data rate", (txpk: object) => ({ ...txpk, datr: "SF8BW125" }), 1_000_000],
    ["with the polarity of an uplink", (txpk: object) => ({ ...txpk, ipol: false }), 1_000_000],
  ] as const)("C11 C37 a downlink %s is not heard", async (_name, change, delayUs) => {
    await reply(change, delayUs);
    expect(windows()).toEqual([]);
    expect(subject.of("uplink-done")).toHaveLength(1);
  });

  test("C18 the same FCntDown twice is a violation, and a foreign key is not taken", async () => {
    await reply(txpk => txpk);
    subject.device.send({ fPort: 1, payload: Uint8Array.of(2) });
    await radio.clock.advance(200);
    const frame = server.frames.at(-1);
    if (frame) server.send(answerInRx1(frame, downlinkFrame({ fCnt: 0, fPort: 4, payload: "01" })));
    await radio.clock.advance(5_000);
    subject.device.send({ fPort: 1, payload: Uint8Array.of(3) });
    await radio.clock.advance(200);
    const next = server.frames.at(-1);
    const foreign = { ...keys, nwkSKey: "33".repeat(16) };
    if (next) server.send(answerInRx1(next, downlinkFrame({ fCnt: 1, fPort: 4, payload: "01" }, foreign)));
    await radio.clock.advance(5_000);
    expect(subject.of("violation").map(({ violation }) => violation)).toEqual(["counter-reused"]);
    expect(subject.of("bad-mic")).toHaveLength(1);
    expect(windows()).toEqual(["RX1"]);
  });
});

describe("uplinks", () => {
  test("a confirmed uplink is repeated under its counter until its ACK comes", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway().server, frame => {
      const ack = downlinkFrame({ fCnt: 0, ack: true });
      if (server.frames.length === 3) server.send(answerInRx1(frame, ack));
    });
    const { device, of } = radio.device({ personalization: keys });
    device.send({ fPort: 1, payload: Uint8Array.of(1), confirmed: true });
    await radio.clock.advance(60_000);
    expect(of("uplink-sent").map(({ fCnt, attempt }) => [fCnt, attempt])).toEqual([
      [0, 1],
      [0, 2],
      [0, 3],
    ]);
    expect(new Set(server.frames.map(({ data }) => data)).size).toBe(1);
    expect(of("uplink-done")).toEqual([{ kind: "uplink-done", fCnt: 0, outcome: "acknowledged" }]);
    radio.stop();
  });

  test("a class C device hears RX2 parameters at any time and answers a confirmed downlink soon", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway().server);
    const { device, of } = radio.device({ personalization: keys, deviceClass: "C" });
    device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await radio.clock.advance(30_000);
    const [frame] = server.frames;
    const downlink = downlinkFrame({ fCnt: 0, fPort: 4, payload: "01", confirmed: true });
    const { tmst: _, ...txpk } = frame ? answerInRx1(frame, downlink) : {};
    server.send({ ...txpk, imme: true, freq: 869.525, datr: "SF12BW125" });
    await radio.clock.advance(10_000);
    expect(of("downlink").map(({ window }) => window)).toEqual(["RXC"]);
    const answer = Buffer.from(server.frames.at(-1)?.data ?? "", "base64");
    expect(server.frames).toHaveLength(2);
    expect((answer[5] ?? 0) & 0x20).toBe(0x20);
    radio.stop();
  });

  test("C51 a frame on RX2 parameters is dropped when RX1 opens in its middle", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway().server, frame => {
      const { tmst: _, ...txpk } = answerInRx1(frame, downlinkFrame({ fCnt: 0, fPort: 4, payload: "01" }));
      server.send({ ...txpk, imme: true, freq: 869.525, datr: "SF12BW125" });
    });
    const { device, of } = radio.device({ personalization: keys, deviceClass: "C" });
    device.send({ fPort: 1, payload: Uint8Array.of(1) });
    await radio.clock.advance(5_000);
    expect(server.txAcks).toEqual(["NONE"]);
    expect(of("downlink")).toEqual([]);
    radio.stop();
  });

  test("C57 after 64 uplinks without a downlink ADRACKReq is set, and after 32 more the device steps back", async () => {
    const radio = createVirtualRadio();
    const server = createTinyServer(radio.gateway().server);
    const { device, of } = radio.device({ personalization: keys });
    for (let count = 0; count < 130; count += 1) {
      device.send({ fPort: 1, payload: Uint8Array.of(1) });
      await radio.clock.advance(4_000);
    }
    const asks = server.frames.map(({ data }) => ((Buffer.from(data, "base64")[5] ?? 0) & 0x40) !== 0);
    expect([asks.indexOf(true), asks.slice(64).every(Boolean)]).toEqual([64, true]);
    expect(
      of("uplink-sent")
        .map(({ dataRate }) => dataRate)
        .filter((rate, index, all) => rate !== all[index - 1]),
    ).toEqual([5, 4, 3]);
    radio.stop();
  });
});
