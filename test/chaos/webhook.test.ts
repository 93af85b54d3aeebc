import { once } from "node:events";
import { createServer } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { judge } from "./checker.ts";
import { type Subscriber, startWebhook } from "./subscriber.ts";
import type { Delivery, SentUplink, StruckFault } from "./truth.ts";

const devEui = "0102030405060708";
const devAddr = "00000001";
const data = "AQI=";
/** The receiver is away for the first three seconds of ten. */
const [away, there] = [1_000, 5_000];
const numbers = [1, 2, 3];

const uplinks: readonly SentUplink[] = numbers.map(fCnt => ({
  ...{ devEui, devAddr, fCnt, fPort: 2, data, confirmed: false },
  hearings: [{ gatewayId: "gateway", server: 0, atMs: 1000 * fCnt, pushAckedAtMs: 1000 * fCnt + 1 }],
}));
const atBroker: readonly Delivery[] = numbers.map(fCnt => ({
  ...{ atMs: 1000 * fCnt + 200, devEui, devAddr, fCnt, fPort: 2, data },
  deduplicationId: `id ${fCnt}`,
}));
/** It may cost whatever was on its way at any time of the run: at all subscribers alike. */
const fault: StruckFault = { number: 1, kind: "server-kill", mayLose: "uncommitted", fromMs: 0, toMs: 10_000 };

let api: ReturnType<typeof createServer>;
let apiUrl: string;
let hook: string;
let webhook: Subscriber;
const time = { nowMs: there };

beforeAll(async () => {
  api = createServer((request, response) => {
    let body = "";
    request.on("data", chunk => {
      body += chunk;
    });
    request.on("end", () => {
      hook = JSON.parse(body).settings.url;
      response.writeHead(201).end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(api, "listening");
  const address = api.address();
  apiUrl = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
});
afterAll(() => {
  api.close();
  api.closeAllConnections();
});
beforeEach(async () => {
  webhook = await startWebhook(apiUrl, "token", "application", () => time.nowMs);
});
afterEach(() => webhook.close());

const bodyOf = (fCnt: number, deduplicationId = `id ${fCnt}`): string =>
  JSON.stringify({ deduplicationId, deviceInfo: { devEui }, devAddr, fCnt, fPort: 2, data });

/** One try of a sender; true: it was taken. */
async function post(body: string, nowMs = there): Promise<boolean> {
  time.nowMs = nowMs;
  const { ok } = await fetch(hook, { method: "POST", body });
  return ok;
}

const found = () => {
  const deliveries = new Map([
    ["broker", atBroker],
    ["webhook", webhook.deliveries],
  ]);
  const { counts, violations } = judge({ ...truth, uplinks }, { deliveries, commands: [], accounted: new Set() }, [
    fault,
  ]);
  return { counts, kinds: violations.map(({ kind }) => kind), details: violations.map(({ detail }) => detail) };
};
const truth = { downlinks: [], joinAccepts: [], commandsHeard: [], deviceFindings: [] };

test("a sender that tries again until the receiver is there is found faultless", async () => {
  for (const fCnt of numbers) {
    expect(await post(bodyOf(fCnt), away)).toBe(false);
    expect(await post(bodyOf(fCnt))).toBe(true);
  }
  const { counts, kinds } = found();
  expect(kinds).toEqual([]);
  expect(counts).toMatchObject({ delivered: 3, duplicates: { webhook: 0 } });
});

test("a sender that takes a refusal for a delivery is found to lose, though a fault excuses losses of all", async () => {
  await post(bodyOf(1));
  await post(bodyOf(2), away);
  await post(bodyOf(3));
  const { kinds, details } = found();
  expect(kinds).toEqual(["lost"]);
  expect(details[0]).toContain("FCntUp 2 of 00000001 never arrived at webhook");
});

test("a receiver that says yes to what it does not understand is found to miss it", async () => {
  await post(bodyOf(1));
  await post(bodyOf(2).slice(0, -1));
  await post(bodyOf(3));
  expect(found().kinds).toEqual(["lost"]);
  expect(webhook.unreadable).toHaveLength(1);
});

test("a sender that goes on with the next event before the one that was refused is found out of order", async () => {
  await post(bodyOf(1), away);
  for (const fCnt of [2, 1, 3]) await post(bodyOf(fCnt));
  expect(found().kinds).toEqual(["out-of-order"]);
});

test("a sender that names an event anew with each try is found out when both arrive, one that does not is counted", async () => {
  for (const fCnt of numbers) await post(bodyOf(fCnt));
  await post(bodyOf(3));
  expect(found()).toMatchObject({ kinds: [], counts: { duplicates: { webhook: 1 } } });
  await post(bodyOf(2, "id 2 again"));
  expect(found().kinds).toEqual(["foreign-deduplication-id"]);
});

test("a sender that mixes up events, or makes some up, is found out", async () => {
  for (const fCnt of numbers) await post(bodyOf(fCnt, "id 1"));
  expect(found().kinds).toEqual(["shared-deduplication-id", "shared-deduplication-id"]);
  await post(bodyOf(4));
  expect(found().kinds).toContain("never-sent");
});
