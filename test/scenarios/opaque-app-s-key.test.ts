import { describe, expect, onTestFinished, test } from "vitest";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import { createDownlinkQueue } from "../../app-server/downlink.ts";
import { applicationEvents } from "../../app-server/uplink.ts";
import { createAppSKeyVault, type KeyEncryptionKey } from "../../app-server/vault.ts";
import { networkControl } from "../../compose/network-control.ts";
import { parseDevAddr, parseDevEui } from "../../lorawan/ids.ts";
import { cryptPayload } from "../../lorawan/phy/security.ts";
import type { MacVersion } from "../../lorawan/version.ts";
import { systemClock } from "../../platform/clock.ts";
import { directoryDevice } from "../app-server/support/fixtures.ts";
import { type AppSKeyPolicy, startExternalJoinServer } from "../support/external-join-server.ts";
import { life11 } from "../support/life11.ts";

const keyOf = (seed: number): Uint8Array => Uint8Array.from({ length: 16 }, (_, index) => seed * 16 + index);
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));
const base64 = (value: Uint8Array): string => Buffer.from(value).toString("base64");
const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");

const kept = (sessionKeyId: string): AppSKeyPolicy => ({ kind: "kept", sessionKeyId });
const theirs: KeyEncryptionKey = { kekLabel: "theirs", kek: keyOf(7) };
const wrapped: AppSKeyPolicy = { kind: "wrapped", ...theirs };

/** A device whose Join Server is somebody else's, and the application server's view of it. */
async function externalLife(
  first: AppSKeyPolicy,
  options: { keys?: KeyEncryptionKey[]; macVersion?: MacVersion; keepsQueue?: boolean } = {},
) {
  const { keys: applicationOnly = [], macVersion = "1.1.0", keepsQueue = false } = options;
  let policy = first;
  const devEui = parseDevEui("1100000000000001");
  const elsewhere = await startExternalJoinServer(() => policy, [{ devEui, nwkKey: keyOf(1), appKey: keyOf(2) }]);
  const life = await life11({
    profile: { macVersion, flushQueueOnActivate: !keepsQueue },
    joinServer: () => elsewhere.client,
  });
  const { clock, device, store, server } = life;
  const vault = createAppSKeyVault({ kekLabel: "ours", kek: keyOf(8), applicationOnly });
  const sandbox = createCodecSandbox({ clock: systemClock, metrics: life.metrics, workers: 1 });
  onTestFinished(() => sandbox.close());
  const owner = directoryDevice({ kind: "cayenne-lpp" });
  const queue = createDownlinkQueue({
    store,
    directory: { device: async () => owner },
    network: networkControl(server, vault),
    vault,
    sandbox,
    clock,
  });
  const answered = async (): Promise<void> => {
    await clock.advance(1_500);
    await elsewhere.answered();
    await clock.advance(8_000);
  };
  return {
    ...life,
    queue,
    async join(): Promise<void> {
      device.join();
      await answered();
    },
    async rejoin(type: 0 | 1 | 2, next: AppSKeyPolicy): Promise<void> {
      policy = next;
      device.rejoin(type);
      await answered();
    },
    /** As applications get them. */
    async delivered(kind: string): Promise<readonly Record<string, unknown>[]> {
      const events = await life.events();
      const told = await Promise.all(events.map(event => applicationEvents(event, owner, { vault, sandbox })));
      return told.flat().flatMap(event => (event.kind === kind ? [JSON.parse(event.json)] : []));
    },
    /** What somebody with the AppSKey encrypts for this counter. */
    encrypt(payload: string, fCntDown: number): string {
      const { session } = device;
      if (!session) throw new Error("the device has no session");
      return base64(cryptPayload(session.appSKey, "down", parseDevAddr(session.devAddr), fCntDown, text(payload)));
    },
    decrypt(data: unknown, fCnt: number): string {
      const { session } = device;
      if (!session || typeof data !== "string") throw new Error("there is nothing to decrypt");
      const bytes = Buffer.from(data, "base64");
      return hex(cryptPayload(session.appSKey, "up", parseDevAddr(session.devAddr), fCnt, bytes));
    },
  };
}

const downlink = { fPort: 7, confirmed: false };

describe("C36 a Join Server that keeps the AppSKey to itself", () => {
  test.each(["1.0.4", "1.1.0"] as const)("gives a %s device a session all the same", async macVersion => {
    const { join, send, device, delivered, decrypt, session } = await externalLife(kept("0xA1B2C3"), { macVersion });
    await join();
    await send(5, text("hello"), true);
    expect(device.downlinks.at(-1)).toMatchObject({ ack: true });
    expect(device.faults).toEqual([]);
    expect(await session()).toMatchObject({ devAddr: device.session?.devAddr, macVersion });
    const joinServerContext = { sessionKeyId: "a1b2c3" };
    expect((await delivered("join")).map(join => join.joinServerContext)).toEqual([joinServerContext]);
    const [up, ...more] = await delivered("up");
    expect(more).toEqual([]);
    expect(up?.joinServerContext).toEqual(joinServerContext);
    expect(up).not.toHaveProperty("object");
    expect(decrypt(up?.data, 0)).toBe(hex(text("hello")));
    expect(await delivered("log")).toEqual([]);
  });

  test.each(["1.0.4", "1.1.0"] as const)(
    "a %s device is sent what came encrypted, under its counter",
    async version => {
      const life = await externalLife(kept("a1"), { macVersion: version });
      const { join, send, device, devEui, queue, encrypt, delivered } = life;
      await join();
      await send(1, text("first"));
      const next = (await queue.nextFCntDown(devEui))?.fCntDown ?? -1;
      expect(await queue.nextFCntDown(devEui)).toMatchObject({ devAddr: device.session?.devAddr, sessionKeyId: "a1" });
      for (const [index, words] of ["one", "two"].entries()) {
        const fCntDown = next + 3 * index;
        const request = { ...downlink, data: encrypt(words, fCntDown), encrypted: { fCntDown } };
        expect(await queue.enqueue(devEui, request)).toMatchObject({ kind: "enqueued" });
      }
      expect(await queue.nextFCntDown(devEui)).toMatchObject({ fCntDown: next + 4 });
      await send(1, text("a"), true);
      await send(1, text("b"), true);
      const heard = device.downlinks.filter(({ fPort }) => fPort === 7);
      expect(heard.map(({ payload, fCnt }) => [payload, fCnt])).toEqual([
        [hex(text("one")), next],
        [hex(text("two")), next + 3],
      ]);
      await send(1, text("c"), true);
      expect(device.faults).toEqual([]);
      expect(await queue.list(devEui)).toEqual([]);
      expect((await delivered("txack")).map(event => event.fCntDown)).toEqual([next, next + 3]);
    },
  );

  test("what waits in the clear is reported and stops nobody, and no more is taken", async () => {
    const { join, send, device, devEui, queue, delivered } = await externalLife(kept("a1"), { keepsQueue: true });
    await queue.enqueue(devEui, { ...downlink, id: "early", data: "AQ==" });
    await join();
    const late = await queue.enqueue(devEui, { ...downlink, data: "AQ==" });
    expect(late).toMatchObject({ kind: "refused", reason: "not_encrypted" });
    await send(1, text("a"), true);
    expect(device.downlinks.at(-1)).not.toHaveProperty("fPort");
    expect(await queue.list(devEui)).toEqual([]);
    expect(await delivered("log")).toMatchObject([{ code: "F_CNT_DOWN", context: { queue_item_id: "early" } }]);
  });

  test.each([0, 1, 2] as const)("a rejoin of type %i makes what was encrypted before it stale", async type => {
    const { join, rejoin, send, device, devEui, queue, encrypt, delivered } = await externalLife(kept("a1"));
    await join();
    await send(1, text("a"));
    const data = encrypt("old", 20);
    await queue.enqueue(devEui, { ...downlink, id: "old", data, encrypted: { fCntDown: 20 } });
    const before = await queue.nextFCntDown(devEui);
    await rejoin(type, kept("b2"));
    expect(await queue.nextFCntDown(devEui)).toMatchObject({ fCntDown: 0, sessionKeyId: "b2" });
    await send(1, text("b"), true);
    expect((await delivered("join")).map(join => join.joinServerContext)).toEqual([
      { sessionKeyId: "a1" },
      { sessionKeyId: "b2" },
    ]);
    expect((await delivered("up")).at(-1)?.joinServerContext).toEqual({ sessionKeyId: "b2" });
    expect(before?.devAddr).not.toBe(device.session?.devAddr);
    expect(await delivered("log")).toMatchObject([
      { code: "F_CNT_DOWN", context: { queue_item_id: "old", dev_addr: device.session?.devAddr } },
    ]);
    expect(device.downlinks.filter(({ fPort }) => fPort === 7)).toEqual([]);
    expect(await queue.list(devEui)).toEqual([]);
    expect(device.faults).toEqual([]);
  });

  test("a confirmed one is sent once, since its counter is good for one frame", async () => {
    const { join, send, devEui, queue, encrypt, delivered, device } = await externalLife(kept("a1"));
    await join();
    await send(1, text("a"));
    const { fCntDown = -1 } = (await queue.nextFCntDown(devEui)) ?? {};
    const confirmed = { fPort: 7, confirmed: true, data: encrypt("one", fCntDown), encrypted: { fCntDown } };
    await queue.enqueue(devEui, { ...confirmed, id: "once" });
    const { parameters } = device;
    device.parameters = { ...parameters, rx1DelaySeconds: 14 };
    await send(1, text("b"));
    device.parameters = parameters;
    await send(1, text("c"));
    expect(await delivered("ack")).toMatchObject([{ queueItemId: "once", acknowledged: false, fCntDown }]);
    expect(await queue.list(devEui)).toEqual([]);
  });
});

describe("C36 an AppSKey under a key-encryption key", () => {
  test("that the application server alone has is opened there and nowhere else", async () => {
    const life = await externalLife(wrapped, { keys: [theirs] });
    const { join, send, device, devEui, queue, delivered, store } = life;
    await join();
    await send(5, Uint8Array.of(0, 0, 1));
    expect(await delivered("up")).toMatchObject([{ data: "AAAB", object: expect.anything() }]);
    expect((await delivered("up"))[0]).not.toHaveProperty("joinServerContext");
    await Promise.all(["on", "off"].map(id => queue.enqueue(devEui, { ...downlink, id, data: base64(text(id)) })));
    const waiting = Buffer.concat((await store.queue(devEui)).map(({ value }) => value)).toString();
    expect(waiting).not.toContain(base64(text("off")));
    await send(5, Uint8Array.of(1, 0, 1), true);
    await send(5, Uint8Array.of(2, 0, 1), true);
    const heard = device.downlinks.filter(({ fPort }) => fPort === 7);
    expect(heard.map(({ payload }) => payload)).toEqual([hex(text("on")), hex(text("off"))]);
    expect(await delivered("log")).toEqual([]);
    expect(device.faults).toEqual([]);
  });

  test.each(["1.0.4", "1.1.0"] as const)(
    "serves confirmed downlinks of a %s device as any: sent again until acknowledged",
    async version => {
      const life = await externalLife(wrapped, { keys: [theirs], macVersion: version });
      const { join, send, device, devEui, queue, delivered } = life;
      await join();
      await send(5, Uint8Array.of(0, 0, 1));
      await queue.enqueue(devEui, { fPort: 7, confirmed: true, id: "again", data: base64(text("valve")) });
      await queue.enqueue(devEui, { ...downlink, id: "after", data: base64(text("lamp")) });
      const { parameters } = device;
      device.parameters = { ...parameters, rx1DelaySeconds: 14 };
      await send(5, Uint8Array.of(0, 0, 1), true);
      device.parameters = parameters;
      device.repeat();
      await life.clock.advance(8_000);
      for (let count = 0; count < 3; count += 1) await send(5, Uint8Array.of(0, 0, 1));
      const heard = device.downlinks.filter(({ fPort }) => fPort === 7);
      expect(heard.map(({ payload }) => payload)).toEqual([hex(text("valve")), hex(text("lamp"))]);
      expect(await delivered("ack")).toMatchObject([{ queueItemId: "again", acknowledged: true }]);
      expect(await delivered("log")).toEqual([]);
      expect(device.faults).toEqual([]);
    },
  );

  test("that nobody here has is handed on wrapped", async () => {
    const { join, send, devEui, queue, delivered, decrypt, device } = await externalLife(wrapped);
    await join();
    await send(5, text("hello"));
    const [up] = await delivered("up");
    expect(decrypt(up?.data, 0)).toBe(hex(text("hello")));
    const context = { sessionKeyId: "", appSKey: { kekLabel: "theirs", aesKey: expect.any(String) } };
    expect(up?.joinServerContext).toEqual(context);
    expect((await delivered("join"))[0]?.joinServerContext).toEqual(up?.joinServerContext);
    const opened = createAppSKeyVault(theirs).open({
      kekLabel: "theirs",
      aesKey: Buffer.from(JSON.stringify(up).match(/"aesKey":"([^"]+)"/)?.[1] ?? "", "base64").toString("hex"),
    });
    expect(opened).toEqual(device.session?.appSKey);
    expect(await queue.enqueue(devEui, { ...downlink, data: "AQ==" })).toMatchObject({ reason: "not_encrypted" });
  });

  test("a Join Server that gives neither key nor name lets nobody in", async () => {
    const { join, device, delivered } = await externalLife(kept(""));
    await join();
    expect(device.accepts).toEqual([]);
    expect(await delivered("log")).toMatchObject([{ code: "OTAA" }]);
  });
});
