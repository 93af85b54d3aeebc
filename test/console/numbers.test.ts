import { expect, test } from "vitest";
import { counted, scaleNumber, shortNumber, valueNumber } from "../../app-server/console/src/parts/numbers.ts";

const scale = (step: number, from: number): readonly string[] =>
  [0, 1, 2].map(index => scaleNumber(from + index * step, step));

test("a chart's scale tells its steps apart, whatever their size", () => {
  expect(scale(0.01, 2.96)).toEqual(["2.96", "2.97", "2.98"]);
  expect(scale(0.25, 0)).toEqual(["0.00", "0.25", "0.50"]);
  expect(scale(2.5, 20)).toEqual(["20.0", "22.5", "25.0"]);
  expect(scale(1, -101)).toEqual(["-101", "-100", "-99"]);
  expect(scale(50_000_000_000, 0)).toEqual(["0", "50B", "100B"]);
});

test("numbers are as long as there is room for them", () => {
  expect([0, 9999, 12_345, 1e12].map(shortNumber)).toEqual(["0", "9,999", "12.3K", "1T"]);
  expect([2.9864, -110.35, 0.000_123_4, 12_345].map(valueNumber)).toEqual(["2.986", "-110.4", "0.0001234", "12.3K"]);
  expect([0, 1, 1234].map(count => counted(count, "device"))).toEqual(["0 devices", "1 device", "1,234 devices"]);
});
