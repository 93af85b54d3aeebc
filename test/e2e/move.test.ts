import { expect, test } from "vitest";
import { createClient, dataOf } from "../../client/client.ts";
import { startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const key = "000102030405060708090a0b0c0d0e0f";
const devEui = "70b3d57ed0001234";
const params = { path: { devEui } };

test("a device that moves to another application keeps its session and its queue", async () => {
  const server = await startUpchirp(temporaryFolder());
  const client = createClient({ url: server.apiUrl, token: server.token() });
  const { id: tenantId } = dataOf(await client.POST("/api/tenants", { body: { name: "Acme" } }));
  const profile = { tenantId, name: "Meters", region: "EU868" } as const;
  const { id: deviceProfileId } = dataOf(await client.POST("/api/device-profiles", { body: profile }));
  const before = dataOf(await client.POST("/api/applications", { body: { tenantId, name: "Before" } }));
  const after = dataOf(
    await client.POST("/api/applications/{applicationId}/clone", {
      params: { path: { applicationId: before.id } },
      body: { name: "After" },
    }),
  );
  const activation = { devAddr: "01020304", appSKey: key, nwkSKey: key, fCntUp: 17, nFCntDown: 4 };
  const device = { devEui, name: "Meter", applicationId: before.id, deviceProfileId, activation };
  dataOf(await client.POST("/api/devices", { body: device }));
  for (const data of ["AQ==", "Ag=="]) {
    dataOf(await client.POST("/api/devices/{devEui}/queue", { params, body: { fPort: 10, data } }));
  }
  const state = async () => ({
    session: dataOf(await client.GET("/api/devices/{devEui}/activation", { params })),
    queue: dataOf(await client.GET("/api/devices/{devEui}/queue", { params })),
  });
  const stateBefore = await state();
  expect(stateBefore).toMatchObject({ session: { fCntUp: 17, nFCntDown: 4 }, queue: { items: [{}, {}] } });

  const moved = await client.PATCH("/api/devices/{devEui}", { params, body: { applicationId: after.id } });
  expect(dataOf(moved)).toMatchObject({ applicationId: after.id });
  expect(await state()).toEqual(stateBefore);
  const listed = async (applicationId: string) =>
    dataOf(await client.GET("/api/devices", { params: { query: { applicationId } } })).items.length;
  expect([await listed(before.id), await listed(after.id)]).toEqual([0, 1]);
  server.child.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});
