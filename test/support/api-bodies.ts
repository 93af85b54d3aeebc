const key = "00112233445566778899aabbccddeeff";

/** POST for what is too long for an address; nothing is changed. */
export const readsByPost: readonly string[] = [
  "POST /api/devices/qr",
  "POST /api/devices/generate-keys",
  "POST /api/devices/generate-activation",
  "POST /api/frames/decode",
];

/** A body that the route (`POST /api/devices`) accepts, about things with these ids. */
export function bodyOf(
  route: string,
  { tenantId, applicationId, deviceProfileId }: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> | undefined {
  const bodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    "POST /api/login/oidc/back-channel-logout": { logout_token: "x.y.z" },
    "POST /api/login": { email: "someone@example.org", password: "wrong" },
    "PUT /api/me/password": { currentPassword: "wrong", newPassword: "long enough" },
    "POST /api/me/second-factor": { currentPassword: "wrong" },
    "POST /api/me/second-factor/confirmation": { code: "000000" },
    "POST /api/me/second-factor/removal": { currentPassword: "wrong", code: "000000" },
    "POST /api/users": { email: "someone@example.org", password: "long enough" },
    "PATCH /api/users/{userId}": { note: "n" },
    "POST /api/tenants": { name: "new" },
    "PATCH /api/tenants/{tenantId}": { description: "d" },
    "PUT /api/tenants/{tenantId}/users/{userId}": { role: "viewer" },
    "PUT /api/device-profiles/{deviceProfileId}/measurements": { items: [{ key: "temperature", unit: "°C" }] },
    "POST /api/frames/decode": { phyPayload: "QPF9vkkAAgABlUN4disR/w0=" },
    "PATCH /api/tenants/{tenantId}/limits": { maxDevices: 1_000_000 },
    "PATCH /api/tenants/{tenantId}/history": { eventDays: 90 },
    "POST /api/region-configs": { id: "harbour", region: "EU868" },
    "PATCH /api/region-configs/{regionConfigId}": { description: "d" },
    "POST /api/api-keys": { tenantId, name: "new", role: "viewer" },
    "PATCH /api/api-keys/{apiKeyId}": { name: "renamed" },
    "POST /api/applications": { tenantId, name: "new" },
    "PATCH /api/applications/{applicationId}": { description: "d" },
    "POST /api/applications/{applicationId}/mqtt-credentials": {},
    "POST /api/applications/{applicationId}/clone": { name: "clone" },
    "POST /api/device-profiles/{deviceProfileId}/clone": { name: "clone" },
    "POST /api/device-profiles/{deviceProfileId}/codec/test": { fPort: 1, bytes: "00" },
    "POST /api/device-profiles/{deviceProfileId}/codec/cases": {},
    "POST /api/device-profiles": { tenantId, name: "new", region: "EU868" },
    "PATCH /api/device-profiles/{deviceProfileId}": { description: "d" },
    "POST /api/devices": { devEui: "0000000000000001", applicationId, deviceProfileId, name: "again" },
    "POST /api/devices/qr": { applicationId, text: "LW:D0:0000000000000001:0000000000000002:00000000" },
    "POST /api/devices/generate-keys": { macVersion: "1.0.4" },
    "POST /api/devices/generate-activation": { macVersion: "1.1.0" },
    "PATCH /api/devices/{devEui}": { description: "d" },
    "PUT /api/devices/{devEui}/keys": { nwkKey: key },
    "PUT /api/devices/{devEui}/activation": { devAddr: "01020304", appSKey: key, nwkSKey: key },
    "POST /api/devices/{devEui}/force-rejoin": { rejoinType: 0 },
    "POST /api/devices/{devEui}/queue": { fPort: 1, data: "AA==" },
    "PUT /api/devices/{devEui}/queue/order": { ids: ["none"] },
    "PATCH /api/devices/{devEui}/twin": { desired: { interval: 600 } },
    "POST /api/integrations": { applicationId, kind: "http", name: "new", settings: { url: "http://127.0.0.1:1/" } },
    "PATCH /api/integrations/{integrationId}": { description: "d" },
    "POST /api/integrations/{integrationId}/dead-letters/replay": {},
    "POST /api/integrations/{integrationId}/dead-letters/drop": {},
    "POST /api/alerts/{alertId}/acknowledge": {},
    "PATCH /api/tenants/{tenantId}/alert-rules/{kind}": { severity: "critical" },
    "POST /api/gateways": { gatewayId: "00000000000000aa", tenantId, name: "again" },
    "PATCH /api/gateways/{gatewayId}": { description: "d" },
  };
  return bodies[route];
}
