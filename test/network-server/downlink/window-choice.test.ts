import { describe, expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import type { Modulation } from "../../../lorawan/region/region.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import { expectedMarginDb, orderWindows } from "../../../network-server/downlink/window-choice.ts";
import { dataWindows } from "../../../network-server/downlink/windows.ts";
import type { Reception } from "../../../network-server/gateway/types.ts";
import { someSession } from "../../support/sessions.ts";

const region = regionOf("EU868", "RP002-1.0.4");
const gatewayId = parseGatewayId("0000000000000001");
const lora = (spreadingFactor: number): Modulation => ({ kind: "lora", spreadingFactor, bandwidthHz: 125_000 });

const uplink = (snrDb: number, modulation: Modulation): Reception => ({
  gatewayId,
  phyPayload: new Uint8Array(),
  frequencyHz: 868_100_000,
  modulation,
  rssiDbm: -100,
  snrDb,
  counterUs: 0,
  receivedAtUs: 0,
  receivedAtMs: 0,
  rxInfo: { gatewayId, uplinkId: 1, nsTime: "", context: "" },
  txInfo: { frequency: 868_100_000, modulation: { fsk: { frequencyDeviation: 25_000, datarate: 50_000 } } },
});

const windowsAt = (dataRate: number, rx2DataRate = 0) =>
  dataWindows(region, { ...someSession().mac.current, rx2DataRate }, { frequencyHz: 868_100_000, dataRate });
const names = (windows: readonly { readonly name: string }[]) => windows.map(({ name }) => name);

describe("the best window", () => {
  test("is RX1 while the device is expected to hear it clearly", () => {
    expect(names(orderWindows(windowsAt(5), "best", uplink(5, lora(7))))).toEqual(["RX1", "RX2"]);
  });

  test("is RX2 where RX1 is weak and RX2 is slower and stronger", () => {
    expect(names(orderWindows(windowsAt(5), "best", uplink(-5, lora(7))))).toEqual(["RX2", "RX1"]);
  });

  test("is RX1 where RX2 is faster and has no power to make up for it", () => {
    const [rx1, rx2] = windowsAt(0, 5);
    if (!rx1 || !rx2) throw new Error("no windows");
    const heard = uplink(-19, lora(12));
    expect(names(orderWindows([rx1, rx2], "best", heard))).toEqual(["RX2", "RX1"]);
    expect(names(orderWindows([rx1, { ...rx2, eirpDbm: rx1.eirpDbm }], "best", heard))).toEqual(["RX1", "RX2"]);
  });

  test("is RX1 where SNR says nothing", () => {
    const fsk: Modulation = { kind: "fsk", bitRate: 50_000 };
    expect(names(orderWindows(windowsAt(7), "best", uplink(0, fsk)))).toEqual(["RX1", "RX2"]);
    expect(names(orderWindows(windowsAt(5), "best", undefined))).toEqual(["RX1", "RX2"]);
  });
});

test("the expected margin counts power, spreading factor and bandwidth", () => {
  const [rx1, rx2] = windowsAt(5);
  if (!rx1 || !rx2) throw new Error("no windows");
  // SF7 demodulates at -7.5 dB.
  expect(expectedMarginDb(rx1, rx1, uplink(-5, lora(7)))).toBeCloseTo(2.5);
  // 13 dB more power and 12.5 dB more sensitivity at SF12.
  expect(expectedMarginDb(rx2, rx1, uplink(-5, lora(7)))).toBeCloseTo(28);
  const wide = { ...rx1, modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 250_000 } as const };
  expect(expectedMarginDb(wide, rx1, uplink(-5, lora(7)))).toBeCloseTo(2.5 - 3.01);
});

test("a preference is obeyed where there are two windows", () => {
  const [rx1, rx2] = windowsAt(5);
  if (!rx1 || !rx2) throw new Error("no windows");
  expect(names(orderWindows([rx1, rx2], "rx1", undefined))).toEqual(["RX1", "RX2"]);
  expect(names(orderWindows([rx1, rx2], "rx2", undefined))).toEqual(["RX2", "RX1"]);
  expect(names(orderWindows([rx2], "rx1", undefined))).toEqual(["RX2"]);
  expect(names(orderWindows([rx1], "rx2", undefined))).toEqual(["RX1"]);
});
