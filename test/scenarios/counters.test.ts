import { describe, expect, test } from "vitest";
import type { LogCode } from "../../platform/state/network-event.ts";
import { joinedLife, type LifeOptions, personalisedLife } from "../support/radio-life.ts";

type Life = Awaited<ReturnType<typeof joinedLife>>;

const eventsOf = (life: Life) => life.eventsOf(life.device.devEui);
const delivered = async (life: Life): Promise<readonly number[]> =>
  (await eventsOf(life)).flatMap(event => (event.kind === "up" ? [event.fCnt] : []));
const logs = async (life: Life, code: LogCode) =>
  (await eventsOf(life)).flatMap(event => (event.kind === "log" && event.code === code ? [event] : []));
const verdicts = async (life: Life, verdict: string): Promise<number> => {
  const { values } = await life.metrics.uplinks.get();
  return values.find(({ labels }) => labels.verdict === verdict)?.value ?? 0;
};

/** A PUSH_DATA with frames in it. */
const carriesFrame = (bytes: Uint8Array): boolean => bytes[3] === 0 && Buffer.from(bytes).includes('"rxpk"');

describe("somebody who recorded frames and sends them again", () => {
  test.each(["1.0.2", "1.0.4"] as const)(
    "C12 gets none delivered or answered, and is reported (%s)",
    async macVersion => {
      const life = await joinedLife({ profile: { macVersion } });
      const recorded: Uint8Array[] = [];
      life.faults.toServer = bytes => {
        // PUSH_DATA with frames in it.
        if (bytes[3] === 0 && Buffer.from(bytes).includes('"rxpk"')) recorded.push(bytes);
        return [bytes];
      };
      await life.sendMany(3, { confirmed: true });
      const heard = life.eventsOfKind("downlink").length;
      expect(await delivered(life)).toEqual([0, 1, 2]);
      // That of counter 0 could be of a device that begins again.
      const [, second] = recorded;
      life.faults.toServer = bytes => (carriesFrame(bytes) && second ? [bytes, second] : [bytes]);
      await life.send({ confirmed: true });
      life.faults.toServer = undefined;
      expect(await delivered(life)).toEqual([0, 1, 2, 3]);
      expect(await verdicts(life, "replay")).toBe(1);
      expect(await logs(life, "UPLINK_F_CNT_RETRANSMISSION")).toMatchObject([
        { level: "WARNING", context: { f_cnt: "1" } },
      ]);
      expect(life.eventsOfKind("downlink")).toHaveLength(heard + 1);
      life.expectAllHeard();
      await life.send();
      expect(await delivered(life)).toEqual([0, 1, 2, 3, 4]);
    },
  );
});

describe("a personalised device that begins again", () => {
  async function restarted(options: LifeOptions = {}): Promise<Life> {
    const life = await personalisedLife(options);
    const session = await life.server.session(life.device.devEui);
    const keys = { fNwkSIntKey: "0a".repeat(16), sNwkSIntKey: "0a".repeat(16), nwkSEncKey: "0a".repeat(16) };
    await life.server.activate(life.device.devEui, {
      ...keys,
      devAddr: session?.session.devAddr ?? expect.fail("no session"),
      appSKey: { aesKey: "0b".repeat(16) },
      fCntUp: 500,
      nFCntDown: 0,
      aFCntDown: 0,
    });
    return life;
  }

  test("C19 is refused and reported, and goes unanswered", async () => {
    const life = await restarted();
    await life.sendMany(2, { confirmed: true });
    expect(await delivered(life)).toEqual([]);
    expect(life.eventsOfKind("downlink")).toEqual([]);
    const [report] = await logs(life, "UPLINK_F_CNT_RESET");
    expect(report).toMatchObject({ level: "ERROR", context: { f_cnt: "0" } });
  });

  test("C19 is let in and reported where its settings allow it, and its counter holds from then on", async () => {
    const life = await restarted({ config: { resetsFCnt: true } });
    await life.sendMany(3, { confirmed: true });
    expect(await delivered(life)).toEqual([0, 1, 2]);
    expect(await logs(life, "UPLINK_F_CNT_RESET")).toMatchObject([
      { level: "WARNING", context: { f_cnt: "0", expected: "500" } },
    ]);
    expect((await life.server.session(life.device.devEui))?.session.fCntUp).toBe(3);
    life.expectAllHeard();
  });
});

test("a session that is to be there stays as it is when it is, and is started when another is", async () => {
  const life = await personalisedLife();
  await life.sendMany(3);
  const { devEui } = life.device;
  const keys = { fNwkSIntKey: "0a".repeat(16), sNwkSIntKey: "0a".repeat(16), nwkSEncKey: "0a".repeat(16) };
  const counters = { fCntUp: 0, nFCntDown: 0, aFCntDown: 0 };
  const devAddr = (await life.server.session(devEui))?.session.devAddr ?? expect.fail("no session");
  const order = { ...keys, ...counters, devAddr, appSKey: { aesKey: "0b".repeat(16) } };
  await life.server.ensureActive(devEui, order);
  expect((await life.server.session(devEui))?.session.fCntUp).toBe(3);
  const otherKey = "0e".repeat(16);
  const other = { ...order, fNwkSIntKey: otherKey, sNwkSIntKey: otherKey, nwkSEncKey: otherKey };
  await life.server.ensureActive(devEui, other);
  expect((await life.server.session(devEui))?.session.fCntUp).toBe(0);
});
