import { afterAll, describe, expect, test } from "vitest";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import type { CommandOutcome, DownlinkRequest } from "../../app-server/ports.ts";
import { wrapKey } from "../../lorawan/backend/key-envelope.ts";
import { parseDevEui } from "../../lorawan/ids.ts";
import { cryptPayload } from "../../lorawan/phy/security.ts";
import { systemClock } from "../../platform/clock.ts";
import { createMetrics } from "../../platform/metrics.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { createDownlinks } from "./support/downlinks.ts";
import { applicationId, bytesOf, devAddr, devEui, directoryDevice, otherApplicationId } from "./support/fixtures.ts";

const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), workers: 1 });
afterAll(() => sandbox.close());

const clock = createVirtualClock(Date.UTC(2026, 0, 1));
const nowMs = clock.nowMs();
const downlink: DownlinkRequest = { fPort: 10, confirmed: true, data: "AQID" };
const stranger = { kekLabel: "somebody-else", aesKey: "00112233445566778899aabbccddeeff0011223344556677" };
const encoder = {
  kind: "javascript",
  script: "function encodeDownlink(i) { return { bytes: [i.data.on ? 1 : 0], fPort: i.data.port }; }",
} as const;

describe("the device queue", () => {
  test("takes items in order and lists them", async () => {
    const { queue } = createDownlinks(clock, sandbox);
    expect(await queue.enqueue(devEui, { ...downlink, id: "first" })).toEqual({ kind: "enqueued", id: "first" });
    const second = await queue.enqueue(devEui, { fPort: 1, confirmed: false, data: "", expiresAtMs: nowMs + 1 });
    expect(second).toEqual({ kind: "enqueued", id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(await queue.list(devEui)).toEqual([
      { id: "first", fPort: 10, confirmed: true, data: "AQID", enqueuedAtMs: nowMs },
      { id: expect.any(String), fPort: 1, confirmed: false, data: "", enqueuedAtMs: nowMs, expiresAtMs: nowMs + 1 },
    ]);
    expect(await queue.remove(devEui, "first")).toBe(true);
    expect(await queue.remove(devEui, "first")).toBe(false);
    expect(await queue.flush(devEui)).toBe(1);
    expect(await queue.list(devEui)).toEqual([]);
  });

  test.each<[string, DownlinkRequest, string]>([
    ["FPort 0", { ...downlink, fPort: 0 }, "invalid"],
    ["FPort 225", { ...downlink, fPort: 225 }, "invalid"],
    ["a broken FPort", { ...downlink, fPort: 1.5 }, "invalid"],
    ["neither data nor object", { fPort: 1, confirmed: false }, "invalid"],
    ["data and object", { ...downlink, object: {} }, "invalid"],
    ["data that is not base64", { ...downlink, data: "%%%" }, "invalid"],
    ["data cut short", { ...downlink, data: "AQIDA" }, "invalid"],
    ["a time gone by", { ...downlink, expiresAtMs: nowMs }, "invalid"],
    ["no time", { ...downlink, expiresAtMs: Number.NaN }, "invalid"],
    ["an empty id", { ...downlink, id: "" }, "invalid"],
    ["an id with a line break", { ...downlink, id: "a\nb" }, "invalid"],
    ["243 bytes", { ...downlink, data: Buffer.alloc(243).toString("base64") }, "too_long"],
    ["an object without a codec", { fPort: 1, confirmed: false, object: { on: true } }, "codec"],
  ])("refuses %s with a reason", async (_name, request, reason) => {
    const { queue } = createDownlinks(clock, sandbox);
    expect(await queue.enqueue(devEui, request)).toEqual({ kind: "refused", reason, message: expect.any(String) });
    expect(await queue.list(devEui)).toEqual([]);
  });

  test("C72 commands of the certification protocol wait like any payload", async () => {
    const { queue } = createDownlinks(clock, sandbox);
    expect(await queue.enqueue(devEui, { ...downlink, fPort: 224 })).toMatchObject({ kind: "enqueued" });
    expect(await queue.list(devEui)).toMatchObject([{ fPort: 224 }]);
  });

  test("C7 compares the payload with what the device's session can receive", async () => {
    const { queue } = createDownlinks(clock, sandbox, { maxPayload: 2 });
    expect(await queue.enqueue(devEui, downlink)).toMatchObject({ kind: "refused", reason: "too_long" });
    expect(await queue.enqueue(devEui, { ...downlink, data: "AQI=" })).toMatchObject({ kind: "enqueued" });
  });

  test("C7 tells what can never be sent from what cannot be sent now, also before the device has joined", async () => {
    const bytes = (count: number) => ({ ...downlink, data: Buffer.alloc(count).toString("base64") });
    const joined = createDownlinks(clock, sandbox, { maxPayload: 51, mostPayload: 115 });
    expect(await joined.queue.enqueue(devEui, bytes(52))).toMatchObject({
      message: expect.stringContaining("51 at its data rate now"),
    });
    expect(await joined.queue.enqueue(devEui, bytes(116))).toMatchObject({
      message: expect.stringContaining("115 at the fastest"),
    });
    const waiting = createDownlinks(clock, sandbox, { mostPayload: 115 });
    expect(await waiting.queue.enqueue(devEui, bytes(115))).toMatchObject({ kind: "enqueued" });
    expect(await waiting.queue.enqueue(devEui, bytes(116))).toMatchObject({ kind: "refused", reason: "too_long" });
  });

  const session = { devAddr, fCntDown: 5 };
  const encrypted = (fCntDown: number) => ({ ...downlink, encrypted: { fCntDown } });

  test.each([
    ["a counter that is used", session, encrypted(4), "f_cnt_down"],
    ["a counter too far ahead", session, encrypted(5 + 16_384), "f_cnt_down"],
    ["a counter without a session", undefined, encrypted(5), "f_cnt_down"],
    ["a payload in the clear whose key nobody has", session, downlink, "not_encrypted"],
    ["one whose key is under a stranger's", { ...session, appSKey: stranger }, downlink, "not_encrypted"],
    ["an encrypted object", session, { fPort: 1, confirmed: false, object: {}, encrypted: { fCntDown: 5 } }, "invalid"],
  ])("C36 refuses %s", async (_name, downlinkSession, request, reason) => {
    const { queue } = createDownlinks(clock, sandbox, downlinkSession && { downlinkSession });
    expect(await queue.enqueue(devEui, request)).toMatchObject({ kind: "refused", reason });
    expect(await queue.list(devEui)).toEqual([]);
  });

  test("C36 takes what is encrypted for the next counter or a later one, and tells the one after it", async () => {
    const { queue } = createDownlinks(clock, sandbox, { downlinkSession: session });
    expect(await queue.enqueue(devEui, encrypted(5 + 16_383))).toMatchObject({ kind: "enqueued" });
    await queue.flush(devEui);
    expect(await queue.enqueue(devEui, encrypted(5))).toMatchObject({ kind: "enqueued" });
    expect(await queue.enqueue(devEui, encrypted(5))).toMatchObject({ reason: "f_cnt_down" });
    expect(await queue.nextFCntDown(devEui)).toEqual({ ...session, fCntDown: 6 });
    expect(await queue.list(devEui)).toMatchObject([{ data: "AQID", encrypted: { devAddr, fCntDown: 5 } }]);
  });

  test("C36 encrypts what the network server cannot, each payload for counters of its own, also when they come at once", async () => {
    const ownKek = { kekLabel: "applications", kek: new Uint8Array(16).fill(3) };
    const key = Uint8Array.from({ length: 16 }, (_, index) => index);
    const appSKey = { kekLabel: "applications", aesKey: Buffer.from(wrapKey(ownKek.kek, key)).toString("hex") };
    const { queue } = createDownlinks(clock, sandbox, { downlinkSession: { ...session, appSKey }, ownKek });
    await Promise.all(["a", "b", "c"].map(id => queue.enqueue(devEui, { ...downlink, id })));
    const sealed = (await queue.list(devEui)).flatMap(({ data, encrypted }) =>
      encrypted ? [{ data, fCntDown: encrypted.fCntDown }, ...(encrypted.later ?? [])] : [],
    );
    expect(sealed.map(({ fCntDown }) => fCntDown)).toEqual(Array.from({ length: 24 }, (_, index) => 5 + index));
    for (const { data, fCntDown } of sealed) {
      const clear = cryptPayload(key, "down", devAddr, fCntDown, Buffer.from(data, "base64"));
      expect(Buffer.from(clear).toString("base64")).toBe("AQID");
    }
  });

  test("C36 leaves what the network server can encrypt to it", async () => {
    const key = { aesKey: "000102030405060708090a0b0c0d0e0f" };
    const { queue } = createDownlinks(clock, sandbox, { downlinkSession: { ...session, appSKey: key } });
    await queue.enqueue(devEui, downlink);
    expect((await queue.list(devEui))[0]).not.toHaveProperty("encrypted");
  });

  test("refuses an id that waits already, more items than its limit, and unknown devices", async () => {
    const { queue } = createDownlinks(clock, sandbox);
    await queue.enqueue(devEui, { ...downlink, id: "a" });
    expect(await queue.enqueue(devEui, { ...downlink, id: "a" })).toMatchObject({ reason: "duplicate_id" });
    await queue.enqueue(devEui, { ...downlink, id: "b" });
    await queue.enqueue(devEui, { ...downlink, id: "c" });
    expect(await queue.enqueue(devEui, { ...downlink, id: "d" })).toMatchObject({ reason: "queue_full" });
    const stranger = parseDevEui("ffffffffffffffff");
    expect(await queue.enqueue(stranger, downlink)).toMatchObject({ reason: "unknown_device" });
  });

  test("puts what waits into another order, but nothing that was sent or is encrypted for its place", async () => {
    const { queue, store } = createDownlinks(clock, sandbox);
    for (const id of ["a", "b", "c"]) await queue.enqueue(devEui, { ...downlink, id });
    const reordered = await queue.reorder(devEui, ["c", "a"]);
    expect(reordered).toMatchObject({ kind: "reordered", items: [{ id: "c" }, { id: "b" }, { id: "a" }] });
    const [first] = await queue.list(devEui);
    const put = (item: Partial<QueueItem> & { id: string }) =>
      store.enqueue(devEui, { id: item.id, value: Buffer.from(JSON.stringify({ ...first, ...item })) }, 10);
    await put({ id: "sealed", encrypted: { fCntDown: 7, devAddr } });
    await put({ id: "sent", sent: { fCntDown: 4, atMs: nowMs, attempts: 1 } });
    const refusal = async (id: string) => queue.reorder(devEui, [id, "c"]);
    expect(await refusal("sealed")).toEqual({ kind: "refused", message: "sealed is encrypted for its place" });
    expect(await refusal("sent")).toEqual({ kind: "refused", message: "sent was sent already" });
    expect((await queue.list(devEui)).map(({ id }) => id)).toEqual(["c", "b", "a", "sealed", "sent"]);
  });

  test("encodes objects, and the codec may choose the port", async () => {
    const { queue } = createDownlinks(clock, sandbox, { device: directoryDevice(encoder) });
    await queue.enqueue(devEui, { fPort: 5, confirmed: false, object: { on: true } });
    await queue.enqueue(devEui, { fPort: 5, confirmed: false, object: { on: false, port: 9 } });
    expect(await queue.list(devEui)).toMatchObject([
      { fPort: 5, data: "AQ==" },
      { fPort: 9, data: "AA==" },
    ]);
    const forbidden = await queue.enqueue(devEui, { fPort: 5, confirmed: false, object: { port: 225 } });
    expect(forbidden).toMatchObject({ kind: "refused", reason: "invalid" });
  });

  test("reads url-safe base64 and base64 without padding", async () => {
    const { queue } = createDownlinks(clock, sandbox);
    await queue.enqueue(devEui, { ...downlink, data: "-_8" });
    expect(await queue.list(devEui)).toMatchObject([{ data: "+/8=" }]);
  });
});

describe("commands", () => {
  const command = { devEui, confirmed: true, fPort: 10, data: "AQID" };

  test.each([
    ["camelCase", { ...command, expiresAt: "2027-01-01T00:00:00Z" }],
    [
      "snake_case and encrypted",
      {
        f_port: 10,
        confirmed: true,
        data: "AQID",
        is_encrypted: true,
        f_cnt_down: 5,
        expires_at: "2027-01-01T00:00:00Z",
      },
    ],
    ["snake_case", { dev_eui: devEui, confirmed: true, f_port: 10, data: "AQID", expires_at: "2027-01-01T00:00:00Z" }],
    ["unknown members", { ...command, expiresAt: "2027-01-01T00:00:00Z", priority: "high", fCntDown: 3 }],
    ["upper-case DevEUI", { ...command, devEui: devEui.toUpperCase(), expiresAt: "2027-01-01T00:00:00.000Z" }],
  ])("in %s are queued", async (_name, body) => {
    const key = { aesKey: "000102030405060708090a0b0c0d0e0f" };
    const { queue, commands } = createDownlinks(clock, sandbox, {
      downlinkSession: { devAddr, fCntDown: 5, appSKey: key },
    });
    expect(await commands.down(applicationId, devEui, bytesOf(body))).toMatchObject({ kind: "enqueued" });
    const [item, ...more] = await queue.list(devEui);
    expect(more).toEqual([]);
    expect(item).toMatchObject({ fPort: 10, confirmed: true, data: "AQID", expiresAtMs: Date.UTC(2027, 0, 1) });
    expect(item?.encrypted !== undefined).toBe("is_encrypted" in body);
  });

  test("with nothing but a port and data are queued, and nulls are as good as absent", async () => {
    const { queue, commands } = createDownlinks(clock, sandbox);
    await commands.down(applicationId, devEui, bytesOf({ fPort: 2, data: "AQ==" }));
    const nulls = { id: null, devEui: null, confirmed: null, fPort: 3, data: "AQ==", object: null, expiresAt: null };
    await commands.down(applicationId, devEui, bytesOf(nulls));
    expect(await queue.list(devEui)).toMatchObject([
      { fPort: 2, confirmed: false },
      { fPort: 3, confirmed: false },
    ]);
  });

  test("with an object and an empty data are encoded", async () => {
    const { queue, commands } = createDownlinks(clock, sandbox, { device: directoryDevice(encoder) });
    await commands.down(applicationId, devEui, bytesOf({ id: "", fPort: 2, data: "", object: { on: true } }));
    expect(await queue.list(devEui)).toMatchObject([{ data: "AQ==" }]);
  });

  const logOf = (outcome: CommandOutcome): unknown =>
    outcome.kind === "refused" && outcome.answer !== undefined ? JSON.parse(outcome.answer.json) : undefined;

  test.each<[string, unknown, string, string]>([
    ["no JSON", "{", "DOWNLINK_CODEC", "malformed"],
    ["a list", [1], "DOWNLINK_CODEC", "malformed"],
    ["no port", { data: "AQ==" }, "DOWNLINK_CODEC", "malformed"],
    ["a port of the wrong type", { fPort: "x", data: "AQ==" }, "DOWNLINK_CODEC", "malformed"],
    ["another device inside", { ...command, devEui: "ffffffffffffffff" }, "DOWNLINK_CODEC", "malformed"],
    ["no time", { ...command, expiresAt: "soon" }, "DOWNLINK_CODEC", "malformed"],
    ["a counter that is missing", { ...command, isEncrypted: true }, "DOWNLINK_CODEC", "malformed"],
    ["a counter of no session", { ...command, isEncrypted: true, fCntDown: 1 }, "F_CNT_DOWN", "f_cnt_down"],
    ["a time gone by", { ...command, expiresAt: "2020-01-01T00:00:00Z" }, "EXPIRED", "invalid"],
    ["port 0", { ...command, fPort: 0 }, "DOWNLINK_CODEC", "invalid"],
    ["an object without a codec", { fPort: 1, object: {} }, "DOWNLINK_CODEC", "codec"],
    ["too much", { ...command, data: Buffer.alloc(243).toString("base64") }, "DOWNLINK_PAYLOAD_SIZE", "too_long"],
    ["a body past all limits", { ...command, note: "x".repeat(70_000) }, "DOWNLINK_CODEC", "malformed"],
  ])("with %s are refused, counted and answered by a log event", async (_name, body, code, reason) => {
    const { queue, commands, metrics } = createDownlinks(clock, sandbox);
    const bytes = typeof body === "string" ? Buffer.from(body) : bytesOf(body);
    const outcome = await commands.down(applicationId, devEui, bytes);
    expect(logOf(outcome)).toMatchObject({
      time: new Date(nowMs).toISOString(),
      deviceInfo: { devEui },
      level: "ERROR",
      code,
      description: expect.stringMatching(/./),
      context: { reason },
    });
    expect(await queue.list(devEui)).toEqual([]);
    expect((await metrics.commandsRefused.get()).values).toMatchObject([{ labels: { reason }, value: 1 }]);
  });

  test.each([
    ["an unknown device", applicationId, "ffffffffffffffff"],
    ["no DevEUI", applicationId, "x"],
    ["a device of another application", otherApplicationId, devEui],
  ])("for %s are refused and counted, and nobody is told about the device", async (_name, application, device) => {
    const { queue, commands, metrics } = createDownlinks(clock, sandbox);
    const outcome = await commands.down(application, device, bytesOf(command));
    expect(outcome).toEqual({ kind: "refused", message: expect.any(String) });
    expect(await queue.list(devEui)).toEqual([]);
    expect((await metrics.commandsRefused.get()).values).toMatchObject([
      { labels: { reason: "unknown_device" }, value: 1 },
    ]);
  });
});
