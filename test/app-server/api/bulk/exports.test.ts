import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { guarded, readHeader, recordOfCells, vocabularyOf } from "../../../../app-server/api/bulk/cells.ts";
import { csvRecords } from "../../../../app-server/api/bulk/csv-records.ts";
import { csvLine } from "../../../../app-server/api/bulk/csv-text.ts";
import { decoded } from "../../../../app-server/api/bulk/text.ts";
import { Name } from "../../../../app-server/api/schemas.ts";
import { parseDevEui } from "../../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../../support/api.ts";
import { addTenantWithDevice, profileFor, type TenantWithDevice } from "../../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
let elsewhere: TenantWithDevice;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  elsewhere = await addTenantWithDevice(api.repositories, "elsewhere", "0000000000000002");
  const { device, application, profile, tenant } = ours;
  await api.repositories.devices.update(device.devEui, {
    name: '=HYPERLINK("http://evil.example")',
    description: 'ends with a quote \' and a line\nbreak; "quoted"',
    tags: { site: "roof", "=1+1": "@sum" },
    mac: { rx1DelaySeconds: 3 },
  });
  await api.repositories.devices.create({ ...device, devEui: parseDevEui("0000000000000003"), name: "-5" });
  await api.repositories.deviceProfiles.update(profile.id, {
    codec: "javascript",
    codecScript: "function a() {\r\n}\n",
  });
  await api.repositories.applications.create({ ...application, name: "twice", tenantId: tenant.id });
  await api.rootKeys.put(device.devEui, { nwkKey: "000102030405060708090a0b0c0d0e0f" });
  const gateway = { gatewayId: "0016c001f153a14c", tenantId: tenant.id, name: "Tower", sourceRule: { kind: "pin" } };
  const location = { latitude: -52.09, longitude: 5.12, altitude: -3 };
  await api.call("POST", "/api/gateways", { ...gateway, location });
});
afterAll(() => api.end());

const exported = async (kind: string, format: string, scope = `tenantId=${ours.tenant.id}`) =>
  (await api.call("GET", `/api/exports/${kind}?${scope}&format=${format}`)).body;

async function imported(kind: string, format: string, file: string) {
  const { authorization = "" } = await api.keyFor("admin", ours.tenant.id);
  const answer = await api.app.inject({
    method: "POST",
    url: `/api/imports/${kind}`,
    query: { tenantId: ours.tenant.id, format, onExisting: "update" },
    headers: { authorization, "content-type": "text/csv" },
    payload: file,
  });
  return answer.json<{ id: string }>();
}

describe("an export", () => {
  test.each(["devices", "gateways", "device-profiles", "applications"])(
    "of %s is what an import finds unchanged, in every format",
    async kind => {
      for (const format of ["csv", "json", "jsonl"]) {
        const file = await exported(kind, format);
        const done = await imported(kind, format === "csv" ? "csv" : "json", file);
        const faults = (await api.call("GET", `/api/imports/${done.id}/faults`)).json();
        expect(faults, file).toEqual({ items: [] });
        expect(done, file).toMatchObject({ created: 0, updated: 0, failed: 0, unchanged: expect.any(Number) });
        expect(done).not.toMatchObject({ unchanged: 0 });
      }
    },
  );

  test("has no keys, and nothing of other tenants", async () => {
    for (const format of ["csv", "json", "jsonl"]) {
      const file = await exported("devices", format);
      expect(file).toContain(ours.device.devEui);
      expect(file).not.toContain(elsewhere.device.devEui);
      expect(file).not.toContain("000102030405060708090a0b0c0d0e0f");
      expect(file).not.toMatch(/key/i);
    }
  });

  test("of one application has its devices alone", async () => {
    const other = await api.repositories.applications.create({ ...ours.application, name: "other" });
    const devEui = parseDevEui("0000000000000009");
    await api.repositories.devices.create({ ...ours.device, devEui, applicationId: other.id });
    const file = await exported("devices", "jsonl", `applicationId=${other.id}`);
    expect(
      file
        .trim()
        .split("\n")
        .map(line => JSON.parse(line)),
    ).toEqual([expect.objectContaining({ devEui, application: "other", deviceProfile: "ours profile" })]);
  });

  test("names by their ids what has the name of another", async () => {
    const profile = await api.repositories.deviceProfiles.create(profileFor(elsewhere.tenant.id, "elsewhere profile"));
    const file = await exported("devices", "jsonl", `tenantId=${elsewhere.tenant.id}`);
    expect(JSON.parse(file)).toMatchObject({
      deviceProfile: elsewhere.profile.id,
      application: "elsewhere application",
    });
    expect(profile.id).not.toBe(elsewhere.profile.id);
  });

  test("as an empty list is one", async () => {
    const { tenant } = await addTenantWithDevice(api.repositories, "empty", "0000000000000004");
    expect(JSON.parse(await exported("gateways", "json", `tenantId=${tenant.id}`))).toEqual([]);
    expect(await exported("gateways", "jsonl", `tenantId=${tenant.id}`)).toBe("");
  });
});

describe("a cell of text", () => {
  const vocabulary = vocabularyOf({ name: Name }, [], {});
  const { header } = readHeader(["name"], vocabulary, false);
  const anyText = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom("'", "=", "+", "-", "@", "\t", "\r", "\n", "1", ".", '"', ";", ",", "a") }),
  );

  test("never begins like a formula, unless it is a number", () => {
    fc.assert(
      fc.property(anyText, text => {
        const cell = guarded(text);
        expect(/^[=+\-@\t\r\n]/.test(cell) && !/^[+-]?\d+(\.\d+)?$/.test(cell)).toBe(false);
      }),
    );
  });

  test("comes back from a file as it was written", async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText.filter(text => text.trim() !== ""),
        async text => {
          const file = Buffer.from(csvLine(["name"]) + csvLine([text]) + csvLine(["last"]));
          const rows: (readonly string[])[] = [];
          async function* inPieces() {
            for (let at = 0; at < file.length; at += 3) yield file.subarray(at, at + 3);
          }
          for await (const { content } of csvRecords(decoded(inPieces())))
            if (content.kind === "cells") rows.push(content.cells);
          expect(rows).toHaveLength(3);
          expect(recordOfCells(rows[1] ?? [], header)).toEqual({ record: { name: text }, faults: [] });
        },
      ),
    );
  });
});
