import { expect, test } from "vitest";
import { createPushDataWriter } from "../../../simulators/load/datagrams.ts";

const frame = Buffer.from("4001020304000000aabbccdd", "hex");
const base64 = Buffer.from(frame.toString("base64"));
const fields = { gatewayId: "0200fe0001000002", frameBytes: frame.length, rssiDbm: -71, snrDb: 5 };
const bodyOf = (datagram: Buffer): unknown => JSON.parse(datagram.toString("utf8", 12));

test("a PUSH_DATA has version, token, gateway and a reception that says what is in it", () => {
  const datagram = createPushDataWriter(fields).write(base64, 1, 0xbeef, 4_294_967_295);
  expect(datagram.subarray(0, 12).toString("hex")).toBe("02beef000200fe0001000002");
  expect(bodyOf(datagram)).toEqual({
    rxpk: [
      {
        ...{
          tmst: 4_294_967_295,
          chan: 1,
          rfch: 0,
          freq: 865.4025,
          stat: 1,
          modu: "LORA",
          datr: "SF7BW125",
          codr: "4/5",
        },
        ...{ lsnr: 5, rssi: -71, size: 12, data: frame.toString("base64") },
      },
    ],
  });
});

test("a datagram stays as it is when the next is written, and short counters are JSON too", () => {
  const writer = createPushDataWriter(fields);
  const first = writer.write(base64, 0, 1, 7);
  const second = writer.write(Buffer.alloc(base64.length, "A"), 2, 2, 123_456);
  expect(bodyOf(first)).toMatchObject({ rxpk: [{ tmst: 7, freq: 865.0625, data: frame.toString("base64") }] });
  expect(bodyOf(second)).toMatchObject({ rxpk: [{ tmst: 123_456, freq: 865.985, data: "A".repeat(16) }] });
});
