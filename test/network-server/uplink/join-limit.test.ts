import { describe, expect, test } from "vitest";
import { parseDevEui, parseGatewayId, parseJoinEui } from "../../../lorawan/ids.ts";
import { createJoinGuard } from "../../../network-server/uplink/join-limit.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const gateway = parseGatewayId("aa00000000000001");
const other = parseGatewayId("aa00000000000002");
const joinEuiOf = (number: number) => parseJoinEui(number.toString(16).padStart(16, "0"));
const devEuiOf = (number: number) => parseDevEui(number.toString(16).padStart(16, "0"));
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

describe("the guard of joins", () => {
  test("C34 a gateway that floods is held, another one is not", () => {
    const guard = createJoinGuard(createVirtualClock());
    guard.learn(joinEuiOf(1));
    const admitted = numbers(2000).filter(() => guard.admitFrom(gateway, joinEuiOf(1)));
    expect(admitted.length).toBeLessThan(1000);
    expect(guard.admitFrom(other, joinEuiOf(1))).toBe(true);
  });

  test("C34 made-up JoinEUIs use up a smaller share, and leave room for those that are known", () => {
    const guard = createJoinGuard(createVirtualClock());
    guard.learn(joinEuiOf(1));
    const admitted = numbers(300).filter(number => guard.admitFrom(gateway, joinEuiOf(1000 + number)));
    expect(admitted.length).toBeLessThan(200);
    expect(guard.admitFrom(gateway, joinEuiOf(1))).toBe(true);
    expect(guard.admitFrom(gateway, joinEuiOf(99_999))).toBe(false);
  });

  test("C34 a device that was held is admitted again in time, and others all the while", async () => {
    const clock = createVirtualClock();
    const guard = createJoinGuard(clock);
    expect(numbers(20).filter(() => guard.admitDevice(devEuiOf(1)))).toHaveLength(10);
    expect(guard.admitDevice(devEuiOf(2))).toBe(true);
    await clock.advance(1_000);
    expect(guard.admitDevice(devEuiOf(1))).toBe(true);
    expect(guard.admitDevice(devEuiOf(1))).toBe(false);
  });

  test("C34 more questions than the Join Server can take at once are not asked", async () => {
    const guard = createJoinGuard(createVirtualClock());
    const { promise: slow, resolve } = Promise.withResolvers<string>();
    let asked = 0;
    const question = (): Promise<string> => {
      asked += 1;
      return slow;
    };
    const answers = numbers(500).map(() => guard.ask(question));
    expect(asked).toBeLessThan(500);
    resolve("answer");
    const given = (await Promise.all(answers)).filter(answer => answer === "answer");
    expect(given).toHaveLength(asked);
    expect(await guard.ask(async () => "again")).toBe("again");
  });

  test("C34 a question that fails makes room again", async () => {
    const guard = createJoinGuard(createVirtualClock());
    const fail = (): Promise<string> => Promise.reject(new TypeError("down"));
    for (const _ of numbers(1000)) await expect(guard.ask(fail)).rejects.toThrow("down");
    expect(await guard.ask(async () => "up")).toBe("up");
  });
});
