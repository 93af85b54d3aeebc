import { generate, parse } from "coap-packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readDatagram, writeReset, writeResponse } from "../../../app-server/coap/message.ts";
import { createCoapScene, getRequest, option } from "../support/coap.ts";
import { devEui } from "../support/fixtures.ts";

describe("datagrams", () => {
  test("a request is read as RFC 7252 has its example", () => {
    // Figure 16 of RFC 7252: CON, GET, message id 0x7d34, "temperature".
    const bytes = Buffer.concat([Buffer.of(0x40, 0x01, 0x7d, 0x34, 0xbb), Buffer.from("temperature")]);
    expect(readDatagram(bytes)).toEqual({
      kind: "request",
      request: {
        isConfirmable: true,
        messageId: 0x7d34,
        token: Buffer.alloc(0),
        code: "0.01",
        path: ["temperature"],
        query: [],
        eTags: [],
        hasBadOption: false,
      },
    });
  });

  test("a response is written as RFC 7252 has its example", () => {
    // Figure 16: ACK, 2.05, message id 0x7d34, payload "22.3 C".
    const message = { type: "acknowledgement", messageId: 0x7d34, token: Buffer.alloc(0), code: "2.05" } as const;
    expect(writeResponse({ ...message, payload: Buffer.from("22.3 C") })).toEqual(
      Buffer.concat([Buffer.of(0x60, 0x45, 0x7d, 0x34, 0xff), Buffer.from("22.3 C")]),
    );
    expect(writeReset(0x7d34)).toEqual(Buffer.of(0x70, 0, 0x7d, 0x34));
  });

  test.each([
    ["of another version", Buffer.of(0x80, 1, 0, 7), { kind: "ignored" }],
    ["that is too short", Buffer.of(0x40, 1, 0), { kind: "ignored" }],
    ["that is too long", Buffer.alloc(1281, 0x40), { kind: "ignored" }],
    ["that asks whether anybody is there", Buffer.of(0x40, 0, 0, 7), { kind: "rejected", messageId: 7 }],
    ["whose option is cut off", Buffer.of(0x40, 1, 0, 7, 0xb5, 0x61), { kind: "rejected", messageId: 7 }],
    ["with an option of the reserved length", Buffer.of(0x40, 1, 0, 7, 0xbf), { kind: "rejected", messageId: 7 }],
    ["with a marker and no payload", Buffer.of(0x40, 1, 0, 7, 0xff), { kind: "rejected", messageId: 7 }],
    [
      "with a token of the reserved length",
      Buffer.of(0x49, 1, 0, 7, ...Buffer.alloc(9)),
      { kind: "rejected", messageId: 7 },
    ],
    ["that is a response", Buffer.of(0x40, 0x45, 0, 7), { kind: "rejected", messageId: 7 }],
    ["that waits for nothing and means nothing", Buffer.of(0x50, 0x45, 0, 7), { kind: "ignored" }],
  ])("one %s is told from a request", (_what, bytes, expected) => {
    expect(readDatagram(bytes)).toEqual(expected);
  });

  test("an option that must be understood and is not makes a request bad; one that need not does not", () => {
    const isBad = (bytes: Buffer) => {
      const datagram = readDatagram(bytes);
      return datagram.kind === "request" && datagram.request.hasBadOption;
    };
    const path = "devices/0101010101010101/latest";
    for (const name of ["If-Match", "Proxy-Uri", "Block1"] as const) {
      expect(isBad(getRequest(path, { options: [option(name, 1)] }))).toBe(true);
    }
    for (const name of ["Size2", "Max-Age", "Uri-Host", "No-Response"] as const) {
      expect(isBad(getRequest(path, { options: [option(name, 1)] }))).toBe(false);
    }
    const numbered = (name: number) =>
      generate({ confirmable: true, code: "0.01", options: [{ name, value: Buffer.of(1) }] });
    expect([isBad(numbered(65_001)), isBad(numbered(65_000))]).toEqual([true, false]);
    expect(isBad(getRequest(path, { options: [{ name: "Uri-Path", value: Buffer.of(0xff) }] }))).toBe(true);
    expect(isBad(getRequest(path, { options: [option("Block2", 7)] }))).toBe(true);
  });
});

/** Bytes that are none, requests that have everything, and requests with a few bytes changed. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 1400 }).map(bytes => Buffer.from(bytes)),
  fc
    .record({
      head: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      rest: fc.uint8Array({ maxLength: 60 }),
    })
    .map(({ head, rest }) => Buffer.concat([Buffer.of(0x40 | ((head[0] ?? 0) & 0x3f)), head.subarray(1), rest])),
  fc
    .record({
      query: fc.array(fc.string(), { maxLength: 3 }),
      accept: fc.nat(255),
      observe: fc.nat(255),
      block: fc.nat(255),
      code: fc.constantFrom("0.01", "0.02", "0.05", "0.31"),
      isConfirmable: fc.boolean(),
      changes: fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 3 }),
    })
    .map(({ query, accept, observe, block, code, isConfirmable: confirmable, changes }) => {
      const options = [option("Accept", accept), option("Observe", observe), option("Block2", block)];
      const bytes = getRequest(`devices/${devEui}/latest`, { query, code, confirmable, options });
      for (const [index, byte] of changes) if (index < bytes.length) bytes[index] = byte;
      return bytes;
    }),
);

test("whatever comes from somebody without a password is answered once at most, with no more bytes than it has", async () => {
  const scene = createCoapScene();
  scene.uplink({ temperature: 21.5 });
  await fc.assert(
    fc.asyncProperty(hostile, async bytes => {
      const answers = await scene.give(bytes);
      expect(answers.length).toBeLessThanOrEqual(1);
      for (const answer of answers) {
        expect(answer.bytes.length).toBeLessThanOrEqual(bytes.length);
        expect(answer.payload).toHaveLength(0);
        expect(() => parse(answer.bytes)).not.toThrow();
      }
    }),
    { numRuns: 500 },
  );
  expect(scene.listeners.size).toBe(0);
  expect(
    (await scene.get(`devices/${devEui}/measurements/temperature`, { from: { address: "192.0.2.2", port: 1 } })).code,
  ).toBe("2.05");
});

test("whatever somebody with a password asks is answered in one datagram, and never with a failure", async () => {
  const scene = createCoapScene();
  scene.uplink({ text: "x".repeat(3000) });
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        path: fc.array(
          fc.oneof(
            fc.constantFrom("devices", "applications", devEui, "latest", "measurements"),
            fc.string({ maxLength: 40 }),
          ),
          {
            maxLength: 6,
          },
        ),
        options: fc.array(
          fc.record({
            name: fc.constantFrom("Accept", "Observe", "Block2", "ETag", "Size2"),
            value: fc.uint8Array({ maxLength: 9 }).map(bytes => Buffer.from(bytes)),
          }),
          { maxLength: 4 },
        ),
      }),
      async ({ path, options }) => {
        await scene.clock.advance(1000);
        const [answer, ...more] = await scene.give(getRequest(path.join("/"), { options }));
        expect(more).toEqual([]);
        expect(answer?.code).toMatch(/^(2\.0[35]|4\.0[0-9])$/);
        expect(answer?.bytes.length).toBeLessThan(1152);
      },
    ),
    { numRuns: 300 },
  );
});
