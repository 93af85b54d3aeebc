import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let url: string;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  url = `/api/device-profiles/${ours.profile.id}`;
});
afterAll(() => api.end());

const script = `function decodeUplink({ bytes, tags, recvTime }) {
  console.log("bytes", bytes);
  if (bytes.length > 2) throw new Error("too long");
  return { data: { n: bytes.length, site: tags.site, at: recvTime.getTime() } };
}
function encodeDownlink({ data }) { return { bytes: [data.n] }; }`;

describe("the test bench", () => {
  const run = async (body: object) =>
    (await api.call("POST", `${url}/codec/test`, { codec: "javascript", script, ...body })).json();

  test("runs a script that is not stored, and tells all that it did", async () => {
    expect(await run({ direction: "uplink", fPort: 1, bytes: "0102" })).toEqual({
      result: "decoded",
      object: { n: 2, at: 0 },
      warnings: [],
      errors: [],
      console: ["bytes [1,2]"],
      timeMs: expect.any(Number),
      loadMs: expect.any(Number),
      memoryBytes: expect.any(Number),
    });
    expect((await api.call("GET", url)).json()).toMatchObject({ codec: "none", codecScript: "" });
  });

  test("tells where a script fails", async () => {
    expect(await run({ fPort: 1, data: "AQID" })).toMatchObject({
      result: "failed",
      errors: [{ message: "Error: too long (line 3)", line: 3, column: expect.any(Number) }],
      console: ["bytes [1,2,3]"],
    });
    expect(await run({ fPort: 1, bytes: "", script: "function (" })).toMatchObject({
      result: "failed",
      errors: [{ line: 1 }],
    });
  });

  test("takes an event as it was delivered", async () => {
    const event = {
      data: "AQ==",
      fPort: 4,
      time: "1970-01-01T00:00:01Z",
      deviceInfo: { tags: { site: "roof" }, devEui: "0" },
      dr: 5,
    };
    expect(await run({ event })).toMatchObject({ object: { n: 1, site: "roof", at: 1000 } });
  });

  test("encodes downlinks", async () => {
    expect(await run({ direction: "downlink", fPort: 3, object: { n: 7 } })).toMatchObject({
      result: "encoded",
      bytes: "07",
    });
  });

  test.each([
    [{ fPort: 1 }, "/body/bytes"],
    [{ bytes: "00" }, "/body/fPort"],
    [{ direction: "downlink", fPort: 1, bytes: "00" }, "/body/object"],
    [{ fPort: 1, data: "*" }, "/body/data"],
    [{ fPort: 1, bytes: "0" }, "/body/bytes"],
    [{ fPort: 1, bytes: "00", more: 1 }, "/body"],
  ])("refuses %j", async (body, path) => {
    const answer = await api.call("POST", `${url}/codec/test`, body);
    expect([400, 422]).toContain(answer.statusCode);
    expect(answer.json()).toMatchObject({ errors: [expect.objectContaining({ path })] });
  });
});

const cases = [
  { name: "one byte", direction: "uplink", fPort: 1, bytes: "00", expected: { object: { n: 1, at: 0 } } },
  { name: "too long", direction: "uplink", fPort: 1, bytes: "000000", expected: { error: "too long" } },
];
const broken = script.replace("bytes.length, site", "bytes.length + 1, site");

describe("a profile with cases", () => {
  test("is stored when its codec passes them, and keeps them", async () => {
    const answer = await api.call("PATCH", url, { codec: "javascript", codecScript: script, codecCases: cases });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json()).toMatchObject({ codecCases: cases });
    const clone = await api.call("POST", `${url}/clone`, { name: "Like it" });
    expect(clone.json()).toMatchObject({ codecScript: script, codecCases: cases });
  });

  test("is not changed to a codec that fails one, and the report says which and how", async () => {
    const answer = await api.call("PATCH", url, { codecScript: broken, name: "Not this" });
    expect(answer.statusCode).toBe(422);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(answer.json()).toMatchObject({
      type: "about:blank",
      status: 422,
      code: "codec_cases_failed",
      detail: "1 of 2 cases of the codec fails.",
      errors: [{ path: "/body/codecCases/0", message: "one byte: /object/n is 2 instead of 1" }],
      failedCases: [{ index: 0, name: "one byte", differences: [{ path: "/object/n", expected: 1, actual: 2 }] }],
    });
    expect((await api.call("GET", url)).json()).toMatchObject({ name: "ours profile", codecScript: script });
  });

  test("is changed all the same by force", async () => {
    const forced = await api.call("PATCH", `${url}?force=true`, { codecScript: broken });
    expect(forced.statusCode, forced.body).toBe(200);
    expect(forced.json()).toMatchObject({ codecScript: broken, codecCases: cases });
    // What has nothing to do with the codec is not held up by it.
    expect((await api.call("PATCH", url, { description: "d" })).statusCode).toBe(200);
    expect((await api.call("PATCH", url, { codecScript: script })).statusCode).toBe(200);
  });

  test("can have them tried without storing anything", async () => {
    const now = await api.call("POST", `${url}/codec/cases`, {});
    expect(now.json()).toEqual({ total: 2, failed: [] });
    const others = await api.call("POST", `${url}/codec/cases`, { script: broken });
    expect(others.json()).toMatchObject({ total: 2, failed: [{ index: 0, name: "one byte" }] });
  });

  test("is not made with a codec that fails them or does not load", async () => {
    const body = { tenantId: ours.tenant.id, name: "new", region: "EU868", codec: "javascript" };
    const failing = await api.call("POST", "/api/device-profiles", { ...body, codecScript: broken, codecCases: cases });
    expect(failing.json()).toMatchObject({ status: 422, code: "codec_cases_failed" });
    const unparsed = await api.call("POST", "/api/device-profiles", { ...body, codecScript: "function (" });
    expect(unparsed.json()).toMatchObject({
      status: 422,
      code: "codec_does_not_load",
      errors: [{ path: "/body/codecScript", message: expect.stringContaining("line 1") }],
    });
    expect(
      (await api.call("POST", "/api/device-profiles?force=true", { ...body, codecScript: "function (" })).statusCode,
    ).toBe(201);
  });

  test.each([
    [[...cases, cases[0]], "/body/codecCases/2/name"],
    [[{ ...cases[0], bytes: undefined }], "/body/codecCases/0/bytes"],
    [[{ ...cases[0], direction: "downlink" }], "/body/codecCases/0/object"],
  ])("refuses cases that cannot be run: %#", async (codecCases, path) => {
    const answer = await api.call("PATCH", url, { codecCases });
    expect(answer.json()).toMatchObject({ status: 422, code: "invalid_value", errors: [{ path }] });
  });

  test("is not overwritten by a change that was checked against another codec", async () => {
    const slow = api.call("PATCH", url, { codecCases: [cases[0]] });
    const other = api.call("PATCH", `${url}?force=true`, { codecScript: broken });
    const statuses = [(await slow).statusCode, (await other).statusCode];
    const stored = (await api.call("GET", url)).json();
    // Either the check came first and held, or it is told that the codec is another now.
    if (statuses[0] === 200) expect(stored.codecCases).toEqual([cases[0]]);
    else expect(statuses[0]).toBeOneOf([409, 422]);
    await api.call("PATCH", url, { codecScript: script, codecCases: cases });
  });
});
