import { ApiProblem, createClient, dataOf, type Schemas } from "../../client/client.ts";
import { personalization } from "./console-radio.ts";
import type { UpchirpProcess } from "./upchirp-process.ts";

/** Puts things into a real server as somebody else would, so that a page has something to show. */
export function catalogOf(server: UpchirpProcess) {
  const client = createClient({ url: server.apiUrl, token: server.token() });
  const tenantId = async (): Promise<string> => {
    const [tenant] = dataOf(await client.GET("/api/tenants")).items;
    if (tenant === undefined) throw new Error("the server has no tenant");
    return tenant.id;
  };
  return {
    client,
    tenantId,
    async application(name: string, description = ""): Promise<string> {
      const body = { tenantId: await tenantId(), name, description };
      return dataOf(await client.POST("/api/applications", { body })).id;
    },
    async profile(name: string, more: Partial<Schemas["DeviceProfile"]> = {}): Promise<string> {
      const body = { region: "EU868" as const, ...more, tenantId: await tenantId(), name };
      return dataOf(await client.POST("/api/device-profiles", { body })).id;
    },
    /** One with a session from the start. */
    async device(devEui: string, name: string, ids: { applicationId: string; deviceProfileId: string }): Promise<void> {
      const body = { devEui, name, ...ids, resetsFCnt: true, activation: personalization };
      dataOf(await client.POST("/api/devices", { body }));
    },
    async gateway(gatewayId: string): Promise<void> {
      dataOf(await client.POST("/api/gateways", { body: { tenantId: await tenantId(), gatewayId, name: "Roof" } }));
    },
    /** Somebody who may look and change nothing. */
    async viewer(): Promise<{ readonly email: string; readonly password: string }> {
      const login = { email: "viewer@example.org", password: "correct horse battery staple" };
      const user = dataOf(await client.POST("/api/users", { body: login }));
      const path = { tenantId: await tenantId(), userId: user.id };
      const { error } = await client.PUT("/api/tenants/{tenantId}/users/{userId}", {
        params: { path },
        body: { role: "viewer" },
      });
      if (error !== undefined) throw new ApiProblem(error);
      return login;
    },
  };
}
