import { once } from "node:events";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { parseGatewayId, type TenantId } from "../../../lorawan/ids.ts";
import { downlinkFrame, gatewayOf, uplinkFrame } from "../../platform/frames/records.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";
import { connectStream } from "../../support/event-streams.ts";

let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;
let base: string;
const gatewayId = gatewayOf(1);

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  await api.call("POST", "/api/gateways", { gatewayId, tenantId: ours.tenant.id, name: "roof" });
  base = await api.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => api.end());

const subjectOf = ({ tenant, application, device }: TenantWithDevice) => ({
  subject: { tenantId: tenant.id, applicationId: application.id, devEui: device.devEui },
});
const viewer = (tenantId: TenantId) => api.keyFor("viewer", tenantId);
const dataIn = (text: string): readonly Record<string, unknown>[] =>
  [...text.matchAll(/^data: (.*)$/gm)].map(match => JSON.parse(match[1] ?? ""));

test("a device's stream has its frames and no others, bytes and every reception included", async () => {
  const stream = await connectStream(
    `${base}/api/devices/${ours.device.devEui}/frames/stream`,
    await viewer(ours.tenant.id),
  );
  expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
  const rxInfo = [1, 2].map(n => ({ gatewayId: gatewayOf(n), uplinkId: n, rssi: -80 }));
  const uplink = uplinkFrame(1, { ...subjectOf(ours), rxInfo, deduplicationId: "d" });
  for (const frame of [uplinkFrame(2, subjectOf(theirs)), uplink, downlinkFrame(3, subjectOf(ours))]) {
    api.frames.add(() => frame);
  }
  await api.clock.advance(200);
  const text = await stream.readUntil(`id: ${downlinkFrame(3).id}\nevent: down\n`);
  expect(text).toContain(`id: ${uplink.id}\nevent: up\n`);
  const [first] = dataIn(text);
  expect(first).toMatchObject({
    frameType: "unconfirmed-data-up",
    phyPayload: Buffer.from(uplink.phyPayload).toString("base64"),
    devEui: ours.device.devEui,
    verdict: "accepted",
    deduplicationId: "d",
    rxInfo,
  });
  expect(text).not.toContain(theirs.device.devEui);
});

test("a gateway's stream has its own receptions, and tells nothing of whose devices others have", async () => {
  const url = `${base}/api/gateways/${gatewayId}/frames/stream`;
  const stream = await connectStream(url, await viewer(ours.tenant.id));
  const whole = await connectStream(url, await api.keyFor("administrator", null));
  const rxInfo = [1, 2].map(n => ({ gatewayId: gatewayOf(n), uplinkId: n }));
  api.frames.add(() => uplinkFrame(1, { ...subjectOf(theirs), rxInfo, deduplicationId: "d", fCnt: 70_000 }));
  api.frames.add(() =>
    uplinkFrame(2, { ...subjectOf(theirs), rxInfo: [{ gatewayId: parseGatewayId("b".repeat(16)), uplinkId: 3 }] }),
  );
  api.frames.add(() => uplinkFrame(4, { ...subjectOf(ours), rxInfo }));
  await api.clock.advance(200);
  const [foreign, own, ...more] = dataIn(await stream.readUntil(uplinkFrame(4).id));
  expect(more).toEqual([]);
  expect(Object.keys(foreign ?? {}).toSorted()).toEqual(
    ["direction", "frameType", "id", "phyPayload", "rxInfo", "time", "txInfo", "verdict"].toSorted(),
  );
  expect(foreign).toMatchObject({ rxInfo: [{ gatewayId, uplinkId: 1 }] });
  expect(own).toMatchObject({ devEui: ours.device.devEui });
  expect(dataIn(await whole.readUntil(uplinkFrame(4).id))[0]).toMatchObject({
    devEui: theirs.device.devEui,
    fCnt: 70_000,
  });
});

test.each(["devices", "gateways"] as const)("a WebSocket has the frames of one of the %s", async kind => {
  const place = kind === "devices" ? `devices/${ours.device.devEui}` : `gateways/${gatewayId}`;
  const url = `${base.replace("http", "ws")}/api/${place}/frames/ws`;
  const strangers = new WebSocket(url, { headers: await viewer(theirs.tenant.id) });
  const [, refused] = await once(strangers, "unexpected-response");
  expect(refused.statusCode).toBe(404);

  const socket = new WebSocket(url, { headers: await viewer(ours.tenant.id) });
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  const rxInfo = [{ gatewayId, uplinkId: 1 }];
  const uplink = uplinkFrame(1, { ...subjectOf(ours), rxInfo });
  api.frames.add(() => uplinkFrame(2, { ...subjectOf(theirs), rxInfo: [{ gatewayId: gatewayOf(7), uplinkId: 1 }] }));
  api.frames.add(() => uplink);
  const message = once(socket, "message");
  await api.clock.advance(200);
  const [text] = await message;
  expect(JSON.parse(String(text))).toMatchObject({
    kind: "up",
    id: uplink.id,
    content: { phyPayload: Buffer.from(uplink.phyPayload).toString("base64"), devEui: ours.device.devEui, rxInfo },
  });
});

test("a stream whose client was away says that frames are missing, and ends when the gateway is not the tenant's any more", async () => {
  const other = gatewayOf(5);
  await api.call("POST", "/api/gateways", { gatewayId: other, tenantId: ours.tenant.id, name: "cellar" });
  const headers = await viewer(ours.tenant.id);
  const stream = await connectStream(`${base}/api/gateways/${other}/frames/stream`, {
    ...headers,
    "last-event-id": "x",
  });
  expect(await stream.readUntil("event: gap\n")).not.toContain("event: up");
  await api.call("DELETE", `/api/gateways/${other}`);
  await api.clock.advance(api.deps.streamHeartbeatMs);
  expect(await stream.readUntil("event: end\n")).toContain("access_ended");
});
