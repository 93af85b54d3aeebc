import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseDevEui } from "../../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../../support/api.ts";
import { addTenantWithDevice, profileFor, type TenantWithDevice } from "../../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let made = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());
/** A tenant of its own for each test, with an application `app`, a profile `meter` and nothing else. */
beforeEach(async () => {
  made += 1;
  ours = await addTenantWithDevice(api.repositories, `T${made}`, `00000000000${made.toString().padStart(5, "0")}`);
  const tenantId = ours.tenant.id;
  await api.repositories.applications.create({ tenantId, name: "app", description: "", tags: {} });
  await api.repositories.deviceProfiles.create(profileFor(tenantId, "meter"));
});

const key = "000102030405060708090a0b0c0d0e0f";
const eui = (number: number) => `70b3d5${made.toString(16).padStart(4, "0")}${number.toString(16).padStart(6, "0")}`;

interface Sent {
  readonly state: string;
  readonly id: string;
  readonly created: number;
  readonly failed: number;
}

async function send(kind: string, query: Readonly<Record<string, string>>, file: string | Uint8Array) {
  const { authorization = "" } = await api.keyFor("device-manager", ours.tenant.id);
  const whole = query.applicationId === undefined ? { tenantId: ours.tenant.id } : {};
  const answer = await api.app.inject({
    method: "POST",
    url: `/api/imports/${kind}`,
    query: { ...whole, ...query },
    headers: { authorization, "content-type": "text/csv" },
    payload: Buffer.from(file),
  });
  return { status: answer.statusCode, headers: answer.headers, body: answer.json<Sent>() };
}

async function faultsOf({ id }: Sent) {
  const { items } = (await api.call("GET", `/api/imports/${id}/faults`)).json<{ items: object[] }>();
  return items;
}

describe("an import of devices as CSV", () => {
  test("adds them with keys, tags, variables and sessions, in the names that people use", async () => {
    const file = [
      "\ufeffDev EUI;AppEUI;name;application;device_profile;app_key;tags.site;variables;isDisabled;dev_addr;nwkSKey;appSKey;fCntUp",
      `${eui(1).toUpperCase()};70B3D57ED0000001;"North; wall";app;meter;${key};roof;"{""offset"":""2""}";yes;;;;`,
      `${eui(2)};;Second;app;meter;;;;;01020304;${key};${key};17`,
    ].join("\r\n");
    const { status, body } = await send("devices", {}, file);
    expect(await faultsOf(body)).toEqual([]);
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { state: "finished", created: 2, failed: 0, position: 2 },
    });
    const first = parseDevEui(eui(1));
    expect(await api.repositories.devices.get(first)).toMatchObject({
      joinEui: "70b3d57ed0000001",
      name: "North; wall",
      tags: { site: "roof" },
      variables: { offset: "2" },
      isDisabled: true,
    });
    expect(api.rootKeys.stored.get(first)).toEqual({ nwkKey: key });
    expect(api.control.activations.get(parseDevEui(eui(2)))).toMatchObject({ devAddr: "01020304", fCntUp: 17 });
  });

  test("says everything that is wrong with every line, and takes the others", async () => {
    const file = [
      "devEui,name,application,deviceProfile,appKey,isDisabled,fCntUp",
      `${eui(1)},good,app,meter,${key},,`,
      `xyz,,app,meter,${key.slice(2)},maybe,1.5`,
      `${eui(2)},no such things,barn,thermometer,,,`,
      `${eui(1)},again,app,meter,,,`,
      `${eui(3)},a,b,c,d,e,f,g`,
      `${eui(4)},,app,meter,,,`,
      `${eui(5)},no address,app,meter,,,5`,
    ].join("\n");
    const { body } = await send("devices", {}, file);
    expect(body).toMatchObject({ created: 1, failed: 6 });
    const faults = await faultsOf(body);
    expect(faults).toEqual([
      { line: 3, column: "isDisabled", message: "true or false is expected." },
      { line: 3, column: "fCntUp", message: "A whole number is expected, like 42." },
      {
        line: 4,
        column: "application",
        message: "There is no application with this name or id in the tenant; add it first.",
      },
      { line: 5, column: "devEui", message: "Line 2 is about the same; a file has each once." },
      {
        line: 6,
        column: null,
        message: "The line has 8 cells and the header 7; put quotes around text with a delimiter.",
      },
      { line: 7, column: "devEui", message: expect.stringContaining("needs name, application and deviceProfile") },
      { line: 8, column: "activation.devAddr", message: "It is missing." },
      { line: 8, column: "activation.appSKey", message: "It is missing." },
    ]);
    expect(JSON.stringify(faults)).not.toContain(key.slice(2, 20));
  });

  test("says of each member what it should be", async () => {
    const file = `devEui,joinEui,appKey,devAddr,appSKey,mac\nabc,12,${key}0,1,${key},"{""rx1DelaySeconds"":99,""a"":1}"`;
    const faults = await faultsOf((await send("devices", {}, file)).body);
    expect(faults).toEqual(
      expect.arrayContaining([
        { line: 2, column: "devEui", message: expect.stringMatching(/^16 hex digits/) },
        { line: 2, column: "joinEui", message: expect.stringMatching(/^16 hex digits/) },
        { line: 2, column: "appKey", message: "32 hex digits are expected." },
        { line: 2, column: "devAddr", message: expect.stringMatching(/^8 hex digits/) },
        { line: 2, column: "mac.rx1DelaySeconds", message: "It must be <= 15." },
        { line: 2, column: "mac.a", message: "There is no such member; take it out." },
      ]),
    );
  });

  test("refuses a header that it does not understand, and takes nothing", async () => {
    const { body } = await send("devices", {}, `devEui,nmae,application,name,device_name\n${eui(1)},x,app,y,z`);
    expect(body).toMatchObject({ state: "finished", created: 0, failed: 1 });
    expect(await faultsOf(body)).toEqual([
      { line: 1, column: "nmae", message: expect.stringContaining("There is no such column.") },
      { line: 1, column: "device_name", message: "Another column means the same; keep one of them." },
    ]);
  });

  test("leaves, changes or refuses what is there, and changes only what a line has", async () => {
    const { devEui } = ours.device;
    const file = `devEui,tags.floor\n${devEui},2\n`;
    expect((await send("devices", {}, file)).body).toMatchObject({ failed: 1 });
    expect((await send("devices", { onExisting: "skip" }, file)).body).toMatchObject({ skipped: 1 });
    expect(await api.repositories.devices.get(devEui)).toEqual(ours.device);
    expect((await send("devices", { onExisting: "update" }, file)).body).toMatchObject({ updated: 1 });
    expect(await api.repositories.devices.get(devEui)).toMatchObject({ name: ours.device.name, tags: { floor: "2" } });
    expect((await send("devices", { onExisting: "update" }, file)).body).toMatchObject({ unchanged: 1 });
  });

  test("says in a dry run what would come of it, and writes nothing", async () => {
    const { devEui } = ours.device;
    const file = `devEui,name,application,deviceProfile,appKey\n${eui(1)},new,app,meter,${key}\n${devEui},other,,,\nzz,,,,\n`;
    const { body } = await send("devices", { dryRun: "true", onExisting: "update" }, file);
    expect(body).toMatchObject({ isDryRun: true, created: 1, updated: 1, failed: 1, faults: 1 });
    expect(await api.repositories.devices.get(parseDevEui(eui(1)))).toBeUndefined();
    expect(await api.repositories.devices.get(devEui)).toEqual(ours.device);
    expect(api.rootKeys.stored.has(parseDevEui(eui(1)))).toBe(false);
  });

  test("into one application needs no column for it, and reaches no other", async () => {
    const { items } = await api.repositories.applications.list(
      { tenants: [ours.tenant.id], search: "app" },
      { limit: 9 },
    );
    const applicationId = items[0]?.id ?? "";
    const { devEui } = ours.device;
    const file = `devEui,name,profile,application\n${eui(1)},a,meter,\n${eui(2)},b,meter,${ours.application.name}\n${devEui},c,,\n`;
    const { body } = await send("devices", { applicationId, onExisting: "update" }, file);
    expect(body).toMatchObject({ applicationId, created: 1, failed: 2 });
    expect(await faultsOf(body)).toEqual([
      { line: 3, column: "application", message: expect.stringContaining("into one application") },
      { line: 4, column: "devEui", message: expect.stringContaining("taken outside") },
    ]);
    expect(await api.repositories.devices.get(parseDevEui(eui(1)))).toMatchObject({ applicationId });
  });

  test("takes the profile of the query for devices that name none", async () => {
    const file = `devEui,name,application\n${eui(1)},a,app\n${ours.device.devEui},b,\n`;
    const { body } = await send("devices", { deviceProfile: "meter", onExisting: "update" }, file);
    expect(body).toMatchObject({ created: 1, updated: 1 });
    expect(await api.repositories.devices.get(ours.device.devEui)).toMatchObject({ deviceProfileId: ours.profile.id });
  });

  test("starts no session of a device that it leaves as it is", async () => {
    const { devEui } = ours.device;
    const file = `devEui,devAddr,nwkSKey,appSKey\n${devEui},01020304,${key},${key}\n`;
    await send("devices", { onExisting: "skip" }, file);
    expect(api.control.activations.has(devEui)).toBe(false);
    await send("devices", { onExisting: "update" }, file);
    expect(api.control.activations.has(devEui)).toBe(true);
  });
});

describe("an import of devices as JSON", () => {
  const record = (number: number) => ({
    devEui: eui(number),
    name: `device ${number}`,
    application: "app",
    deviceProfile: "meter",
    keys: { appKey: key },
    tags: { a: "b" },
  });

  test("takes an array and one object a line, and what the API itself answers", async () => {
    const array = JSON.stringify([record(1), record(2)], null, 2);
    expect((await send("devices", { format: "json" }, array)).body).toMatchObject({ created: 2, failed: 0 });
    const lines = `${JSON.stringify(record(3))}\n{"devEui": 5}\n\n${JSON.stringify(record(4))}`;
    const { body } = await send("devices", { format: "json" }, lines);
    expect(body).toMatchObject({ created: 2, failed: 1 });
    expect(await faultsOf(body)).toEqual([{ line: 2, column: "devEui", message: expect.stringMatching(/^16 hex/) }]);
    const answered = (await api.call("GET", `/api/devices?tenantId=${ours.tenant.id}`)).json<{ items: object[] }>();
    const again = await send("devices", { format: "json", onExisting: "update" }, JSON.stringify(answered.items));
    expect(again.body).toMatchObject({ unchanged: answered.items.length, failed: 0 });
  });

  test("as The Things Stack has it becomes a device with keys and session", async () => {
    const device = {
      ids: { device_id: "my-device", dev_eui: eui(1), join_eui: "70b3d57ed0000001", application_ids: {} },
      attributes: { room: "12" },
      lorawan_version: "MAC_V1_0_3",
      root_keys: { app_key: { key }, nwk_key: { key } },
      session: {
        dev_addr: "260B1234",
        keys: { app_s_key: { key }, f_nwk_s_int_key: { key } },
        last_f_cnt_up: 41,
        last_n_f_cnt_down: 7,
      },
      frequency_plan_id: "EU_863_870_TTN",
    };
    const query = { format: "tts-json", deviceProfile: "meter" };
    const applicationId = (
      await api.repositories.applications.list({ tenants: [ours.tenant.id], search: "app" }, { limit: 1 })
    ).items[0]?.id;
    const { body } = await send("devices", { ...query, applicationId: applicationId ?? "" }, JSON.stringify(device));
    expect(await faultsOf(body)).toEqual([]);
    const devEui = parseDevEui(eui(1));
    expect(await api.repositories.devices.get(devEui)).toMatchObject({ name: "my-device", tags: { room: "12" } });
    expect(api.rootKeys.stored.get(devEui)).toEqual({ nwkKey: key });
    expect(api.control.activations.get(devEui)).toMatchObject({ devAddr: "260b1234", fCntUp: 42, nFCntDown: 8 });
    const csv = `id;dev_eui;app_eui;lorawan_version;brand_id;app_key\nfrom-csv;${eui(2)};0000000000000001;MAC_V1_0_4;acme;${key}`;
    const second = await send("devices", { ...query, format: "tts-csv", applicationId: applicationId ?? "" }, csv);
    expect(second.body).toMatchObject({ created: 1, failed: 0 });
    expect(await api.repositories.devices.get(parseDevEui(eui(2)))).toMatchObject({ name: "from-csv" });
  });
});

describe("gateways, profiles and applications", () => {
  const whole = async (kind: string, query: Readonly<Record<string, string>>, file: string) => {
    const { authorization = "" } = await api.keyFor("admin", ours.tenant.id);
    const sent = await api.app.inject({
      method: "POST",
      url: `/api/imports/${kind}`,
      query: { tenantId: ours.tenant.id, ...query },
      headers: { authorization, "content-type": "application/x-ndjson" },
      payload: file,
    });
    return sent.json<Sent>();
  };

  test("are imported, and a second time unchanged", async () => {
    const files = [
      ["applications", "name,description,tags.crop\nOrchard,trees,apple\n"],
      [
        "device-profiles",
        'name,region,mac,codec,codecScript\nScripted,US915,"{""rx1DelaySeconds"":5}",javascript,"function decodeUplink(input) {\n  return { data: {} };\n}"\n',
      ],
      [
        "gateways",
        `gateway_id,name,lat,lon,antennaGain,sourceRule\n${eui(1)},Tower,52.09,-5.12,2.15,"{""kind"":""pin""}"\n`,
      ],
    ] as const;
    for (const [kind, file] of files) {
      const first = await whole(kind, {}, file);
      expect(await faultsOf(first), kind).toEqual([]);
      expect(first, kind).toMatchObject({ kind, created: 1 });
      expect(await whole(kind, { onExisting: "update" }, file), kind).toMatchObject({ unchanged: 1, failed: 0 });
    }
    const { items } = await api.repositories.gateways.list({ tenants: [ours.tenant.id] }, { limit: 9 });
    expect(items[0]).toMatchObject({ location: { latitude: 52.09, longitude: -5.12, altitude: 0 } });
  });

  test("whose values do not fit together are told one by one, and the others are taken", async () => {
    const profile = (name: string, limits: object) => JSON.stringify({ name, region: "EU868", ...limits });
    await whole("device-profiles", { format: "json" }, profile("narrow", { adrMaxDataRate: 3 }));
    const file = [profile("one", {}), JSON.stringify({ name: "narrow", adrMinDataRate: 5 }), profile("two", {})].join(
      "\n",
    );
    const done = await whole("device-profiles", { format: "json", onExisting: "update" }, file);
    expect(done).toMatchObject({ created: 2, failed: 1 });
    expect(await faultsOf(done)).toEqual([
      { line: 2, column: null, message: expect.stringContaining("do not fit together") },
    ]);
  });
});

describe("an import under a key", () => {
  test("is done once, and only for what it was begun with", async () => {
    const file = `devEui,name,application,deviceProfile\n${eui(1)},a,app,meter\n`;
    const first = await send("devices", { key: "k1" }, file);
    const again = await send("devices", { key: "k1" }, file);
    expect(again.headers["idempotent-replayed"]).toBe("true");
    expect(again.body).toEqual(first.body);
    expect((await send("devices", { key: "k1", onExisting: "skip" }, file)).status).toBe(409);
    const listed = await api.call("GET", `/api/imports?tenantId=${ours.tenant.id}&key=k1`);
    expect(listed.json()).toEqual({ items: [first.body] });
    const narrowed = async (query: string) =>
      (await api.call("GET", `/api/imports?tenantId=${ours.tenant.id}&${query}`)).json<{ items: object[] }>().items;
    expect(await narrowed("kind=devices&state=finished")).toEqual([first.body]);
    expect(await narrowed("kind=gateways")).toEqual([]);
    expect(await narrowed("state=running")).toEqual([]);
    expect((await api.call("GET", `/api/imports/${first.body.id}`)).json()).toEqual(first.body);
  });
});

test("the audit log has one entry for an import, with its counts and without its lines", async () => {
  const rows = Array.from({ length: 20 }, (_, number) => `${eui(number)},n,app,meter,${key}`).join("\n");
  await send("devices", { key: "audited" }, `devEui,name,application,deviceProfile,appKey\n${rows}\n`);
  const { items } = (await api.call("GET", `/api/audit-log?tenantId=${ours.tenant.id}`)).json<{ items: object[] }>();
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({
    action: "POST /api/imports/devices",
    request: { tenantId: ours.tenant.id, key: "audited" },
    status: 200,
    result: { created: 20, failed: 0 },
  });
  expect(JSON.stringify(items)).not.toContain(key);
});

test("who is limited to one application imports into that alone", async () => {
  const { authorization = "" } = await limitedKey();
  const into = (query: Readonly<Record<string, string>>) =>
    api.app.inject({
      method: "POST",
      url: "/api/imports/devices",
      query,
      headers: { authorization, "content-type": "text/csv" },
      payload: `devEui,name,deviceProfile\n${eui(1)},a,meter\n`,
    });
  expect((await into({ applicationId: ours.application.id })).json()).toMatchObject({ created: 1 });
  expect((await into({ tenantId: ours.tenant.id })).statusCode).toBe(404);
  expect((await into({})).statusCode).toBe(400);
  expect((await into({ tenantId: ours.tenant.id, applicationId: ours.application.id })).statusCode).toBe(400);
});

async function limitedKey() {
  const { token } = await api.repositories.apiKeys.create({
    tenantId: ours.tenant.id,
    name: "limited",
    role: "device-manager",
    expiresAt: null,
    applicationIds: [ours.application.id],
  });
  return { authorization: `Bearer ${token}` };
}
