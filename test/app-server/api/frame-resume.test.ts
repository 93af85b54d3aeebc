import { once } from "node:events";
import fastify from "fastify";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createApi } from "../../../app-server/api/api.ts";
import type { FrameWriter } from "../../../app-server/history/frame-writer.ts";
import { createEventJournal } from "../../../app-server/history/journal.ts";
import type { History } from "../../../app-server/history-ports.ts";
import { parseDevAddr, type TenantId } from "../../../lorawan/ids.ts";
import { SqlError } from "../../../platform/errors.ts";
import { type FrameRecord, frameIdOf, type UplinkFrameRecord } from "../../../platform/frames/frame-record.ts";
import { downlinkFrame, gatewayOf, uplinkFrame } from "../../platform/frames/records.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";
import { connectStream } from "../../support/event-streams.ts";
import { startHistory, upTo } from "../history/support.ts";

const gatewayId = gatewayOf(1);
/** What the server waits for the history to have what was told live. */
const settleMs = 2_000;
let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;
let writer: FrameWriter;
/** Of a server with a history. */
let base: string;
let ofDevice: string;
let ofGateway: string;

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  await api.call("POST", "/api/gateways", { gatewayId, tenantId: ours.tenant.id, name: "roof" });
  writer = startHistory(api.sql).frameWriter;
  base = await startServer();
  ofDevice = `/api/devices/${ours.device.devEui}/frames`;
  ofGateway = `/api/gateways/${gatewayId}/frames`;
});
afterAll(() => api.end());

async function startServer(history: Partial<History> = {}): Promise<string> {
  const app = fastify();
  const journal = { journal: createEventJournal(api.sql), news: { subscribe: () => () => undefined } };
  await app.register(createApi({ ...api.deps, history: { ...api.deps.history, ...history }, journal }));
  closers.push(() => app.close());
  return app.listen({ host: "127.0.0.1", port: 0 });
}
const closers: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(closers.map(close => close())));

const viewer = (tenantId: TenantId) => api.keyFor("viewer", tenantId);

let nextMs = Date.now() + 60_000;
/** What is of the next frame, each a millisecond after the one before; heard by the gateway. */
function partsOf({ tenant, application, device }: TenantWithDevice) {
  nextMs += 1;
  return {
    atMs: nextMs,
    subject: { tenantId: tenant.id, applicationId: application.id, devEui: device.devEui },
  };
}
const up = (of: TenantWithDevice, changes: Partial<UplinkFrameRecord> = {}): FrameRecord =>
  uplinkFrame(1, { rxInfo: [{ gatewayId, uplinkId: 1 }], ...partsOf(of), ...changes });
const down = (of: TenantWithDevice): FrameRecord => downlinkFrame(1, partsOf(of));

const connect = async (url: string, lastId: string, headers?: Readonly<Record<string, string>>) =>
  connectStream(`${base}${url}`, { ...(headers ?? (await viewer(ours.tenant.id))), "last-event-id": lastId });
const idsOf = (frames: readonly FrameRecord[]) => frames.map(({ id }) => id);
const idsIn = (text: string) => [...text.matchAll(/^id: (.*)$/gm)].map(match => match[1]);
const codesIn = (text: string) => [...text.matchAll(/"code":"(\w+)"/g)].map(match => match[1]);
/** Tells of it live, and of what the history told of meanwhile, which comes once all the same. */
async function tellLive(frames: readonly FrameRecord[]): Promise<void> {
  for (const frame of frames) api.frames.add(() => frame);
  await api.clock.advance(200);
}

test("a stream goes on after the last id: every frame once, in order, several pages of them, those of the meantime after", async () => {
  const [had, ...missed] = upTo(301).map(n => (n % 3 === 0 ? down(ours) : up(ours)));
  await writer.write([had!, up(theirs), ...missed]);
  const stream = await connect(`${ofDevice}/stream`, had!.id);
  // Live and, before the stream looks, in the history; live and not yet in the history.
  const both = up(ours);
  const onlyLive = up(ours);
  await tellLive([both, onlyLive]);
  await writer.write([both]);
  await api.clock.advance(settleMs);
  await stream.readUntil(`id: ${onlyLive.id}\n`);
  // What the history had first comes live late, and then what is new.
  const after = up(ours);
  await tellLive([missed.at(-1)!, after]);
  const text = await stream.readUntil(`id: ${after.id}\n`);
  expect(idsIn(text)).toEqual(idsOf([...missed, both, onlyLive, after]));
  expect(codesIn(text)).toEqual([]);
});

test("filters hold for what was and for what comes", async () => {
  const had = down(ours);
  const wanted = up(ours, { verdict: "replay" });
  const [came, ...others] = [up(ours, { verdict: "replay" }), up(ours), down(ours)];
  await writer.write([had, up(ours), wanted, down(ours)]);
  const stream = await connect(`${ofDevice}/stream?direction=up&result=replay`, had.id);
  await api.clock.advance(settleMs);
  await stream.readUntil(`id: ${wanted.id}\n`);
  await tellLive([...others, came!]);
  const text = await stream.readUntil(`id: ${came!.id}\n`);
  expect(idsIn(text)).toEqual(idsOf([wanted, came!]));
  // The frame with the last id is none that the filter lets through: it is there all the same.
  expect(codesIn(text)).toEqual([]);

  const devAddr = parseDevAddr("01020304");
  const byAddress = await connect(`${ofDevice}/stream?devAddr=01020304`, "");
  const addressed = up(ours, { devAddr });
  await tellLive([up(ours), addressed]);
  expect(idsIn(await byAddress.readUntil(`id: ${addressed.id}\n`))).toEqual([addressed.id]);
  const wrong = await fetch(`${base}${ofDevice}/stream?direction=sideways`, { headers: await viewer(ours.tenant.id) });
  expect(wrong.status).toBe(400);
});

test("a gateway's stream repeats what its tenant may see, over a WebSocket by an id in the address", async () => {
  const had = up(ours);
  const foreign = up(theirs, {
    fCnt: 70_000,
    rxInfo: [1, 2].map(n => ({ gatewayId: gatewayOf(n), uplinkId: n })),
  });
  const elsewhere = up(ours, { rxInfo: [{ gatewayId: gatewayOf(2), uplinkId: 1 }] });
  await writer.write([had, elsewhere, foreign]);
  const url = `${base.replace("http", "ws")}${ofGateway}/ws?lastEventId=${had.id}`;
  const socket = new WebSocket(url, { headers: await viewer(ours.tenant.id) });
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  const message = once(socket, "message");
  await api.clock.advance(settleMs);
  const told = JSON.parse(String((await message)[0]));
  expect(told).toMatchObject({ kind: "up", id: foreign.id, content: { rxInfo: [{ gatewayId }] } });
  expect(told.content.rxInfo).toHaveLength(1);
  for (const name of ["devEui", "fCnt", "applicationId"]) expect(told.content).not.toHaveProperty(name);

  const whole = await connect(`${ofGateway}/stream`, had.id, await api.keyFor("administrator", null));
  await api.clock.advance(settleMs);
  expect(await whole.readUntil(`id: ${foreign.id}\n`)).toContain(theirs.device.devEui);
});

test("what a gateway heard before it was the tenant's is not repeated", async () => {
  const other = gatewayOf(3);
  await api.call("POST", "/api/gateways", { gatewayId: other, tenantId: ours.tenant.id, name: "cellar" });
  const rxInfo = [{ gatewayId: other, uplinkId: 1 }];
  const before = upTo(2).map(n => up(theirs, { atMs: Date.UTC(2026, 0, 1) + n, rxInfo }));
  const since = up(ours, { rxInfo });
  await writer.write([...before, since]);
  const stream = await connect(`/api/gateways/${other}/frames/stream`, before[0]!.id);
  await api.clock.advance(settleMs);
  const text = await stream.readUntil(`id: ${since.id}\n`);
  expect(idsIn(text)).toEqual([since.id]);
  expect(codesIn(text)).toEqual(["frames_incomplete"]);
});

test.each([
  ["no id", "x", "frames_unknown"],
  ["no id of a frame", "00000000-0000-4000-8000-000000000000", "frames_unknown"],
  ["an id of a time that there is not", "ffffffff-ffff-7000-8000-000000000000", "frames_unknown"],
  ["an id that the history does not have", frameIdOf(nextMs, crypto.randomUUID()), "frames_incomplete"],
])("with %s a gap says so, and what comes follows", async (_, lastId, code) => {
  const stream = await connect(`${ofDevice}/stream?direction=up&result=bad-mic`, lastId);
  await api.clock.advance(settleMs);
  await stream.readUntil("event: gap\n");
  const frame = up(ours, { verdict: "bad-mic" });
  await tellLive([frame]);
  const text = await stream.readUntil(`id: ${frame.id}\n`);
  expect(codesIn(text)).toEqual([code]);
  expect(idsIn(text)).toEqual([frame.id]);
});

test("more than is repeated is said to be missing, and a history that is away ends the stream", async () => {
  const here = base;
  onTestFinished(() => {
    base = here;
  });
  const frame = up(ours);
  let pages = 0;
  base = await startServer({
    async framesAfter() {
      pages += 1;
      return { items: [], next: frame.id };
    },
    frame: async () => frame,
  });
  const long = await connect(`${ofDevice}/stream`, frame.id);
  await api.clock.advance(settleMs);
  expect(codesIn(await long.readUntil('"}\n'))).toEqual(["too_many_frames"]);
  expect(pages).toBe(40);

  base = await startServer({ frame: () => Promise.reject(new SqlError("sql_unavailable", "away")) });
  const away = await connect(`${ofDevice}/stream`, frame.id);
  await api.clock.advance(settleMs);
  expect(codesIn(await away.readUntil("event: end\n").then(() => away.readUntil('"}\n')))).toEqual(["history_away"]);
});

test("where no frames are kept, none are repeated", async () => {
  const here = base;
  onTestFinished(() => {
    base = here;
  });
  base = await api.app.listen({ host: "127.0.0.1", port: 0 });
  const had = up(ours);
  await writer.write([had, up(ours)]);
  const stream = await connect(`${ofDevice}/stream`, had.id);
  const frame = up(ours);
  await tellLive([frame]);
  const text = await stream.readUntil(`id: ${frame.id}\n`);
  expect(codesIn(text)).toEqual(["frames_not_repeated"]);
  expect(idsIn(text)).toEqual([frame.id]);
});
