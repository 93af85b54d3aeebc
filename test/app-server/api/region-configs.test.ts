import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
});
afterAll(() => api.end());

const path = "/api/region-configs";
const harbour = {
  id: "eu868-harbour",
  region: "EU868",
  settings: {
    rx1DelaySeconds: 5,
    rx2DataRate: 3,
    extraChannels: [{ frequencyHz: 867_100_000, minDataRate: 0, maxDataRate: 5 }],
  },
};
const create = async (body: object) => {
  const answer = await api.call("POST", path, body);
  expect(answer.statusCode, answer.body).toBe(201);
  return answer;
};
interface Listed {
  readonly id: string;
  readonly isDefault: boolean;
  readonly source: string;
}
const listed = async (region: string): Promise<readonly string[]> => {
  const { items } = (await api.call("GET", `${path}?region=${region}`)).json<{ items: Listed[] }>();
  return items.map(({ id, isDefault, source }) => `${id} ${source}${isDefault ? " default" : ""}`);
};

describe("region configurations", () => {
  test("are made, read, changed without treading on somebody's toes, and deleted", async () => {
    const made = await create(harbour);
    expect(made.json()).toMatchObject({ ...harbour, description: "", isDefault: false, source: "catalog" });
    const one = `${path}/eu868-harbour`;
    const read = await api.call("GET", one);
    expect(read.headers.etag).toBe(made.headers.etag);
    const settings = { subBand: 0, rx1DelaySeconds: 3 };
    const headers = await api.keyFor("administrator", null);
    const change = (etag: string) => api.call("PATCH", one, { settings }, { ...headers, "if-match": etag });
    expect((await change('"older"')).statusCode).toBe(412);
    const changed = await change(String(read.headers.etag));
    expect(changed.json()).toMatchObject({ settings, region: "EU868" });
    expect((await api.call("POST", path, harbour)).json()).toMatchObject({ status: 409, code: "already_exists" });
    expect((await api.call("DELETE", one)).statusCode).toBe(204);
    expect((await api.call("GET", one)).statusCode).toBe(404);
    expect((await api.call("DELETE", one)).statusCode).toBe(404);
  });

  test("a creation that is repeated under its Idempotency-Key gets the first answer", async () => {
    const headers = { ...(await api.keyFor("administrator", null)), "idempotency-key": "region" };
    const ask = () => api.call("POST", path, { id: "once", region: "EU868" }, headers);
    const [first, again] = [await ask(), await ask()];
    expect(again.statusCode).toBe(201);
    expect(again.json()).toEqual(first.json());
  });

  test.each([
    [
      "EU868",
      { extraChannels: [{ frequencyHz: 915_000_000, minDataRate: 0, maxDataRate: 5 }] },
      "/extraChannels/0/frequencyHz",
    ],
    [
      "EU868",
      { extraChannels: [{ frequencyHz: 867_100_000, minDataRate: 0, maxDataRate: 14 }] },
      "/extraChannels/0/minDataRate",
    ],
    [
      "EU868",
      { extraChannels: [{ frequencyHz: 868_100_000, minDataRate: 0, maxDataRate: 5 }] },
      "/extraChannels/0/frequencyHz",
    ],
    ["EU868", { subBand: 1 }, "/subBand"],
    ["US915", { subBand: 9 }, "/subBand"],
    ["AU915", { subBand: 9 }, "/subBand"],
    ["CN470", { subBand: 13 }, "schema"],
    ["US915", { extraChannels: [{ frequencyHz: 903_000_000, minDataRate: 0, maxDataRate: 3 }] }, "/extraChannels"],
    ["US915", { rx2DataRate: 4 }, "/rx2DataRate"],
    ["EU868", { rx2FrequencyHz: 869_525_050 }, "/rx2FrequencyHz"],
    ["EU868", { rx1DrOffset: 6 }, "/rx1DrOffset"],
    ["EU868", { uplinkDwellTime: true }, "/uplinkDwellTime"],
    ["EU868", { adrMinDataRate: 5, adrMaxDataRate: 2 }, "/adrMinDataRate"],
    ["US915", { adrMaxDataRate: 15 }, "/adrMaxDataRate"],
    ["EU868", { pingSlotDataRate: 15 }, "/pingSlotDataRate"],
    ["EU868", { beaconFrequencyHz: 923_000_000 }, "/beaconFrequencyHz"],
    ["EU868", { rx1Delay: 1 }, "schema"],
  ] as const)("what no device of %s could follow is refused, with the member: %j", async (region, settings, fault) => {
    const answer = await api.call("POST", path, { id: "faulty", region, settings });
    if (fault === "schema") expect(answer.statusCode).toBe(400);
    else {
      expect(answer.json()).toMatchObject({ status: 422, code: "invalid_value" });
      expect(answer.json<{ errors: { path: string }[] }>().errors[0]?.path).toBe(`/body/settings${fault}`);
    }
    expect((await api.call("GET", `${path}/faulty`)).statusCode).toBe(404);
  });

  test("a change is judged by the region that the configuration is of", async () => {
    await create({ id: "us915-2", region: "US915", settings: { subBand: 2 } });
    const refused = await api.call("PATCH", `${path}/us915-2`, { settings: { subBand: 2, maxEirpDbm: 20 } });
    expect(refused.json()).toMatchObject({ status: 422, errors: [{ path: "/body/settings/maxEirpDbm" }] });
    expect((await api.call("PATCH", `${path}/us915-2`, { region: "EU868" })).statusCode).toBe(400);
    expect((await api.call("GET", `${path}/us915-2`)).json()).toMatchObject({ settings: { subBand: 2 } });
  });

  test("one that a profile or a gateway names is not deleted, and says who names it", async () => {
    await create({ id: "named", region: "EU868" });
    const profile = `/api/device-profiles/${ours.profile.id}`;
    await api.call("PATCH", profile, { regionConfigId: "named" });
    const gateway = { gatewayId: "00000000000000aa", tenantId: ours.tenant.id, name: "roof", regionConfigId: "named" };
    expect((await api.call("POST", "/api/gateways", gateway)).statusCode).toBe(201);
    const remove = () => api.call("DELETE", `${path}/named`);
    expect((await remove()).json()).toMatchObject({ status: 409, code: "still_in_use" });
    expect((await api.call("GET", `${path}/named/uses`)).json()).toEqual({
      gatewayCount: 1,
      deviceProfileCount: 1,
      gateways: [{ gatewayId: "00000000000000aa", tenantId: ours.tenant.id, name: "roof" }],
      deviceProfiles: [{ id: ours.profile.id, tenantId: ours.tenant.id, name: "ours profile" }],
    });
    await api.call("PATCH", profile, { regionConfigId: null });
    expect((await remove()).statusCode).toBe(409);
    await api.call("PATCH", "/api/gateways/00000000000000aa", { regionConfigId: null });
    expect((await remove()).statusCode).toBe(204);
  });

  test("one of a region is its default; a new one takes its place, and it goes only when it is none any more", async () => {
    expect(await listed("IN865")).toEqual(["in865 built-in default"]);
    await create({ id: "in-1", region: "IN865" });
    expect(await listed("IN865")).toEqual(["in-1 catalog", "in865 built-in default"]);
    await api.call("PATCH", `${path}/in-1`, { isDefault: true });
    await create({ id: "in-2", region: "IN865", isDefault: true });
    expect(await listed("IN865")).toEqual(["in-1 catalog", "in-2 catalog default", "in865 built-in"]);
    expect((await api.call("DELETE", `${path}/in-2`)).json()).toMatchObject({ code: "still_in_use" });
    await api.call("PATCH", `${path}/in-2`, { isDefault: false });
    expect((await api.call("DELETE", `${path}/in-2`)).statusCode).toBe(204);
    expect(await listed("IN865")).toEqual(["in-1 catalog", "in865 built-in default"]);
  });

  test("one with the id of a region's own takes its place, and is of that region", async () => {
    expect((await api.call("POST", path, { id: "kr920", region: "EU868" })).statusCode).toBe(422);
    await create({ id: "kr920", region: "KR920", settings: { rx1DelaySeconds: 2 } });
    expect(await listed("KR920")).toEqual(["kr920 catalog"]);
    expect((await api.call("GET", `${path}/kr920`)).json()).toMatchObject({ settings: { rx1DelaySeconds: 2 } });
  });

  test("a list comes in pages, without one twice or not at all", async () => {
    const names: string[] = [];
    let next: string | undefined;
    do {
      const after = next === undefined ? "" : `&after=${encodeURIComponent(next)}`;
      const answer = (await api.call("GET", `${path}?limit=4${after}`)).json<{ items: Listed[]; next?: string }>();
      names.push(...answer.items.map(({ id }) => id));
      next = answer.next;
    } while (next !== undefined);
    const { items } = (await api.call("GET", `${path}?limit=1000`)).json<{ items: Listed[] }>();
    expect(names).toEqual(items.map(({ id }) => id));
    expect(names.length).toBeGreaterThan(17);
    expect((await api.call("GET", `${path}?after=nowhere`)).statusCode).toBe(422);
  });

  test("those of the configuration file are shown, and changed there alone", async () => {
    expect(await listed("AS923")).toEqual(["of-the-file file default"]);
    for (const id of ["of-the-file", "eu868"]) {
      expect((await api.call("GET", `${path}/${id}`)).statusCode).toBe(200);
      expect((await api.call("PATCH", `${path}/${id}`, { description: "d" })).json()).toMatchObject({
        code: "conflict",
      });
      expect((await api.call("DELETE", `${path}/${id}`)).json()).toMatchObject({ status: 409, code: "conflict" });
    }
    expect((await api.call("POST", path, { id: "of-the-file", region: "EU868" })).statusCode).toBe(409);
  });
});
