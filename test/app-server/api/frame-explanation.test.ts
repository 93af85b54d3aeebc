import { afterAll, beforeAll, expect, test } from "vitest";
import type { Explanation } from "../../../lorawan/explain/explanation.ts";
import { frameIdOf } from "../../../platform/frames/frame-record.ts";
import { gatewayOf, uplinkFrame } from "../../platform/frames/records.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";
import { startHistory } from "../history/support.ts";

let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;
const gatewayId = gatewayOf(1);
const atMs = Date.now() + 60_000;
/** Unconfirmed, port 1; of lora-packet's documentation. */
const phyPayload = Uint8Array.from(Buffer.from("40F17DBE4900020001954378762B11FF0D", "hex"));
const subjectOf = ({ tenant, application, device }: TenantWithDevice) => ({
  subject: { tenantId: tenant.id, applicationId: application.id, devEui: device.devEui },
});

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  await api.call("POST", "/api/gateways", { gatewayId, tenantId: ours.tenant.id, name: "roof" });
  const rxInfo = [{ gatewayId, uplinkId: 1 }];
  await startHistory(api.sql).frameWriter.write([
    uplinkFrame(1, { ...subjectOf(ours), atMs, phyPayload, rxInfo, verdict: "replay" }),
    uplinkFrame(2, { ...subjectOf(theirs), atMs: atMs + 1, phyPayload, rxInfo }),
    uplinkFrame(3, {
      ...subjectOf(ours),
      atMs: atMs + 2,
      phyPayload: Uint8Array.of(0x40, 1),
      rxInfo,
      verdict: "malformed",
      reason: "frame_too_short",
    }),
  ]);
});
afterAll(() => api.end());

const idOf = (n: number) => uplinkFrame(n, { atMs: atMs + n - 1 }).id;
const get = async (url: string) => {
  const answer = await api.call("GET", url, undefined, await api.keyFor("viewer", ours.tenant.id));
  return { status: answer.statusCode, json: answer.json() };
};

test("a frame of a device is explained field by field, with why it was not accepted", async () => {
  const { json } = await get(`/api/devices/${ours.device.devEui}/frames/${idOf(1)}`);
  expect(json.frame).toMatchObject({ id: idOf(1), devEui: ours.device.devEui, verdict: "replay" });
  expect(json.why).toContain("has been used before");
  expect(json.breakdown).toMatchObject({
    title: "unconfirmed data uplink",
    bytes: 17,
    fields: expect.arrayContaining([expect.objectContaining({ name: "DevAddr", value: "49be7df1" })]),
    mic: { kind: "not checked" },
  });
  expect(JSON.stringify(json)).not.toContain("--");
  const broken = (await get(`/api/devices/${ours.device.devEui}/frames/${idOf(3)}`)).json;
  expect(broken).toMatchObject({ breakdown: null, why: "No frame of LoRaWAN: frame_too_short." });
});

test("it is opened with the device's session where that is the frame's, for whoever may see the device", async () => {
  const opened: Explanation = {
    title: "unconfirmed data uplink",
    bytes: 17,
    fields: [],
    mic: { kind: "fits", detail: "NwkSKey, counter 2" },
    fCnt: 2,
    payload: { hex: "74657374", text: "test" },
    notes: ["--app-s-key opens it"],
  };
  api.control.explanations.set(`${ours.device.devEui} ${phyPayload.length}`, opened);
  api.control.explanations.set(`${theirs.device.devEui} ${phyPayload.length}`, opened);
  const { json } = await get(`/api/devices/${ours.device.devEui}/frames/${idOf(1)}`);
  expect(json.breakdown).toMatchObject({ payload: { text: "test" }, mic: { kind: "fits" }, fCnt: 2 });
  const throughGateway = (await get(`/api/gateways/${gatewayId}/frames/${idOf(2)}`)).json;
  expect(throughGateway.frame).not.toHaveProperty("devEui");
  expect(throughGateway.breakdown).not.toHaveProperty("payload");
});

test("a frame of another device, and one that never was, are not there", async () => {
  for (const id of [idOf(2), frameIdOf(atMs, crypto.randomUUID()), "x"]) {
    expect((await get(`/api/devices/${ours.device.devEui}/frames/${id}`)).status, id).toBe(404);
  }
  expect((await get(`/api/gateways/${gatewayId}/frames/${frameIdOf(atMs, crypto.randomUUID())}`)).status).toBe(404);
});

test("any bytes can be explained, or are said to be no frame", async () => {
  const headers = await api.keyFor("viewer", ours.tenant.id);
  const decode = (bytes: Uint8Array) =>
    api.call("POST", "/api/frames/decode", { phyPayload: Buffer.from(bytes).toString("base64") }, headers);
  expect((await decode(phyPayload)).json()).toMatchObject({ title: "unconfirmed data uplink", bytes: 17 });
  expect((await decode(Uint8Array.of(0x40, 1))).json()).toMatchObject({ status: 422, code: "invalid_value" });
});
