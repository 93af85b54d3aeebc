import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let theirs: TenantWithDevice;

beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  theirs = await addTenantWithDevice(api.repositories, "theirs", "0000000000000002");
  for (const [devEui, name] of [
    ["0000000000000011", "talks"],
    ["0000000000000012", "silent"],
  ]) {
    const ids = { applicationId: ours.application.id, deviceProfileId: ours.profile.id };
    await api.call("POST", "/api/devices", { devEui, name, ...ids });
  }
  const heard = `insert into device_latest as l (dev_eui, tenant_id, heard_at) values ($1, $2, now() - $3 * interval '1 hour')
     on conflict (dev_eui, tenant_id) do update set heard_at = excluded.heard_at`;
  await api.sql.run(heard, ["0000000000000011", ours.tenant.id, 0]);
  await api.sql.run(heard, ["0000000000000012", ours.tenant.id, 3]);
  await api.sql.run(heard, [theirs.device.devEui, theirs.tenant.id, 0]);
  // What it was as another's is not told.
  await api.sql.run(heard, [ours.device.devEui, theirs.tenant.id, 0]);
});
afterAll(() => api.end());

interface State {
  readonly devEui: string;
  readonly state: string;
  readonly lastHeardAt: string | null;
}

async function list(query: string): Promise<{ readonly items: readonly State[]; readonly next?: string }> {
  const answer = await api.call(
    "GET",
    `/api/devices/states${query}`,
    undefined,
    await api.keyFor("viewer", ours.tenant.id),
  );
  expect(answer.statusCode).toBe(200);
  return answer.json();
}
const endOf = ({ devEui }: State): string => devEui.slice(-2);

test("the states of devices say when each was heard, of one's own alone", async () => {
  const { items } = await list("");
  expect(items).toMatchObject([
    { devEui: "0000000000000001", state: "never-seen", lastHeardAt: null, tenantId: ours.tenant.id },
    { devEui: "0000000000000012", state: "inactive", lastHeardAt: expect.stringMatching(/T.*Z$/) },
    { devEui: "0000000000000011", state: "active" },
  ]);
});

test("the states of devices are narrowed to one, and to what every list of devices is", async () => {
  expect((await list("?state=inactive")).items.map(endOf)).toEqual(["12"]);
  expect((await list("?state=never-seen")).items.map(endOf)).toEqual(["01"]);
  expect((await list("?search=tal&state=active")).items.map(endOf)).toEqual(["11"]);
  expect((await list("?search=tal&state=inactive")).items).toEqual([]);
  expect((await list("?isDisabled=true")).items).toEqual([]);
});

test("the states of devices are listed by when they were heard, page by page, those that never were first", async () => {
  for (const [sort, order] of [
    ["lastHeardAt", ["01", "12", "11"]],
    ["-lastHeardAt", ["11", "12", "01"]],
  ] as const) {
    const seen: string[] = [];
    let after = "";
    do {
      const page = await list(`?limit=1&sort=${sort}${after}`);
      seen.push(...page.items.map(endOf));
      after = page.next === undefined ? "" : `&after=${page.next}`;
    } while (after !== "");
    expect(seen).toEqual(order);
  }
  const cursor = (place: string) => Buffer.from(JSON.stringify(["lastHeardAt", place, "00"])).toString("base64url");
  for (const place of ["2026-02-31T00:00:00.000000Z", "now", "", "2026-01-01"]) {
    const answer = await api.call("GET", `/api/devices/states?sort=lastHeardAt&after=${cursor(place)}`);
    expect(answer.statusCode).toBe(400);
  }
});
