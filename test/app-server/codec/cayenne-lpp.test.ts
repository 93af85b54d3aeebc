import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeCayenneLpp, encodeCayenneLpp } from "../../../app-server/codec/cayenne-lpp.ts";

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

/** The examples of the Cayenne LPP documentation, then one frame with every type. */
const vectors: readonly [string, Record<string, unknown>][] = [
  ["03670110056700ff", { temperatureSensor: { "3": 27.2, "5": 25.5 } }],
  ["0167ffd7", { temperatureSensor: { "1": -4.1 } }],
  ["067104d2fb2e0000", { accelerometer: { "6": { x: 1.234, y: -1.234, z: 0 } } }],
  ["018806765ff2960a0003e8", { gpsLocation: { "1": { latitude: 42.3519, longitude: -87.9094, altitude: 10 } } }],
  ["000001", { digitalInput: { "0": 1 } }],
  ["ff01ff", { digitalOutput: { "255": 255 } }],
  ["0102fb2e", { analogInput: { "1": -12.34 } }],
  ["010304d2", { analogOutput: { "1": 12.34 } }],
  ["0164fffffffe", { genericSensor: { "1": 4294967294 } }],
  ["016500fd", { illuminanceSensor: { "1": 253 } }],
  ["016601", { presenceSensor: { "1": 1 } }],
  ["016829", { humiditySensor: { "1": 20.5 } }],
  ["01732726", { barometer: { "1": 1002.2 } }],
  ["017401f4", { voltage: { "1": 5 } }],
  ["017501f4", { current: { "1": 0.5 } }],
  ["017633bca100", { frequency: { "1": 868_000_000 } }],
  ["017832", { percentage: { "1": 50 } }],
  ["0179ff38", { altitude: { "1": -200 } }],
  ["017d0190", { concentration: { "1": 400 } }],
  ["01800bb8", { power: { "1": 3000 } }],
  ["0182000004d2", { distance: { "1": 1.234 } }],
  ["0183000004d2", { energy: { "1": 1.234 } }],
  ["01840167", { direction: { "1": 359 } }],
  ["018563f2a280", { unixTime: { "1": 1676845696 } }],
  ["0186006400c8ff9c", { gyrometer: { "1": { x: 1, y: 2, z: -1 } } }],
  ["0187ff8000", { color: { "1": { r: 255, g: 128, b: 0 } } }],
  ["018e01", { switch: { "1": 1 } }],
];

describe("Cayenne LPP", () => {
  test.each(vectors)("%s is read and written", (hex, object) => {
    expect(decodeCayenneLpp(bytesOf(hex))).toEqual({ kind: "decoded", object });
    expect(encodeCayenneLpp(object)).toEqual({ kind: "encoded", bytes: bytesOf(hex) });
  });

  test("an empty frame has no values", () => {
    expect(decodeCayenneLpp(new Uint8Array())).toEqual({ kind: "decoded", object: {} });
  });

  test.each(["01", "0167", "016700", "0163ff", "01670110ff"])("%s is refused with a reason", hex => {
    expect(decodeCayenneLpp(bytesOf(hex))).toMatchObject({ kind: "failed", message: expect.stringContaining("byte") });
  });

  test.each([
    { temperature: { "1": 1 } },
    { temperatureSensor: 5 },
    { temperatureSensor: { "256": 1 } },
    { temperatureSensor: { a: 1 } },
    { temperatureSensor: { "1": 4000 } },
    { temperatureSensor: { "1": "20" } },
    { temperatureSensor: { "1": Number.NaN } },
    { digitalInput: { "1": -1 } },
    { gpsLocation: { "1": { latitude: 1, longitude: 2 } } },
  ])("%o is refused", object => {
    expect(encodeCayenneLpp(object).kind).toBe("failed");
  });

  test("any bytes give an answer, and what decodes encodes to the same length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        const outcome = decodeCayenneLpp(bytes);
        if (outcome.kind === "failed") return;
        const again = encodeCayenneLpp(outcome.object);
        expect(again.kind).toBe("encoded");
        if (again.kind === "encoded") expect(decodeCayenneLpp(again.bytes)).toEqual(outcome);
      }),
    );
  });
});
