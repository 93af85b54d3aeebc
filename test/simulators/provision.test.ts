import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDevEui } from "../../lorawan/ids.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { describeFleet } from "../../simulators/fleet.ts";
import { ProvisioningFailed, provision } from "../../simulators/provision.ts";
import { startTestApi, type TestApi } from "../support/api.ts";

describe("provisioning through the REST API", () => {
  let api: TestApi;
  let apiUrl: string;
  let token: string;

  beforeAll(async () => {
    api = await startTestApi();
    apiUrl = await api.app.listen({ host: "127.0.0.1", port: 0 });
    const key = { tenantId: null, name: "simulator", role: "administrator", expiresAt: null } as const;
    token = (await api.repositories.apiKeys.create(key)).token;
    // What the first start of a server makes.
    await api.repositories.tenants.create({ name: "Default", description: "", tags: {} });
  });
  afterAll(() => api.end());

  const region = regionOf("EU868", "RP002-1.0.3");
  const fleet = describeFleet({ seed: 9, devices: 6, gateways: 2 });

  test("adds gateways, devices with keys, profiles with codecs, and adds nothing the second time", async () => {
    const options = { ...fleet, apiUrl, access: { token }, region, macVersion: "1.0.4" } as const;
    const first = await provision(options);
    expect(first.created).toBe(8);
    const second = await provision(options);
    expect(second).toEqual({ ...first, created: 0 });
    const { devEui, appKey } = fleet.devices[0]?.credentials ?? { devEui: "", appKey: "" };
    const device = await api.call("GET", `/api/devices/${devEui}`);
    expect(device.json()).toMatchObject({ devEui, applicationId: first.applicationId, macVersion: "1.0.4" });
    expect([...api.rootKeys.stored.values()].map(({ nwkKey }) => nwkKey)).toContain(appKey);
    const profiles = await api.call("GET", "/api/device-profiles");
    expect(profiles.json().items).toHaveLength(4);
    expect(profiles.json().items[0]).toMatchObject({ region: "EU868", codec: "javascript" });
  });

  test("gives devices of LoRaWAN 1.1 both root keys, and personalised ones their session", async () => {
    const options = { apiUrl, access: { token }, region: regionOf("EU868", "RP002-1.0.4") };
    const size = { seed: 10, devices: 2, gateways: 1 };
    const joining = describeFleet({ ...size, macVersion: "1.1.0" });
    await provision({ ...options, ...joining, macVersion: "1.1.0" });
    for (const { credentials } of joining.devices) {
      const { devEui, appKey, nwkKey } = credentials;
      expect(api.rootKeys.stored.get(parseDevEui(devEui))).toEqual({ nwkKey, appKey });
    }
    for (const macVersion of ["1.0.4", "1.1.0"] as const) {
      const personalised = describeFleet({ ...size, macVersion, abp: true });
      await provision({ ...options, ...personalised, macVersion });
      for (const { credentials, personalization } of personalised.devices) {
        const activation = api.control.activations.get(parseDevEui(credentials.devEui));
        expect(activation).toMatchObject({
          devAddr: personalization?.devAddr,
          fNwkSIntKey: personalization?.nwkSKey,
          sNwkSIntKey: personalization?.version11?.sNwkSIntKey ?? personalization?.nwkSKey,
          appSKey: personalization?.appSKey,
        });
        expect(api.rootKeys.stored.has(parseDevEui(credentials.devEui))).toBe(false);
      }
    }
  });

  test("says what the server refused, without the token", async () => {
    const options = { ...fleet, apiUrl, access: { token: "wrong" }, region, macVersion: "1.0.4" } as const;
    const refused = await provision(options).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProvisioningFailed);
    expect(String(refused)).toContain("401");
    expect(String(refused)).not.toContain("wrong");
  });
});
