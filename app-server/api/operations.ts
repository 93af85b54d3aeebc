interface Operation {
  /** Name in the OpenAPI document and in what is generated from it; never changes once published. */
  readonly operationId: string;
  /** The body is a file, which no schema judges. */
  readonly takesFile?: boolean;
  /** A body that the operation takes. */
  readonly example?: Readonly<Record<string, unknown>>;
}

const tenantId = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242";
const applicationId = "17c82e96-be03-4f38-aef3-f83d48582d97";
const deviceProfileId = "14855bf7-d10d-4aee-b618-ebfcb64dc7ad";
const devEui = "0102030405060708";
const key = "00112233445566778899aabbccddeeff";

const logins: Readonly<Record<string, Operation>> = {
  "POST /api/login": { operationId: "login", example: { email: "ada@example.org", password: "correct horse battery" } },
  "GET /api/login/oidc": { operationId: "beginOpenIdLogin" },
  "GET /api/login/oidc/logout": { operationId: "endOpenIdLogin" },
  "GET /api/login/oidc/callback": { operationId: "finishOpenIdLogin" },
  "POST /api/login/oidc/back-channel-logout": {
    operationId: "endLoginsOfProvider",
    example: { logout_token: "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUuY29tIn0.c2lnbmF0dXJl" },
  },
  "GET /api/login/ways": { operationId: "getLoginPage" },
  "GET /api/users/login-ways": { operationId: "listLoginWays" },
  "DELETE /api/users/{userId}/identities": { operationId: "unlinkIdentities" },
  "POST /api/logout": { operationId: "logout" },
  "GET /api/me": { operationId: "getMe" },
  "PUT /api/me/password": {
    operationId: "changePassword",
    example: { currentPassword: "correct horse battery", newPassword: "staple and another horse" },
  },
  "GET /api/me/second-factor": { operationId: "getSecondFactor" },
  "POST /api/me/second-factor": {
    operationId: "beginSecondFactor",
    example: { currentPassword: "correct horse battery" },
  },
  "POST /api/me/second-factor/confirmation": { operationId: "confirmSecondFactor", example: { code: "287082" } },
  "POST /api/me/second-factor/removal": {
    operationId: "removeSecondFactor",
    example: { currentPassword: "correct horse battery", code: "287082" },
  },
  "DELETE /api/users/{userId}/second-factor": { operationId: "resetSecondFactor" },
  "GET /api/me/sessions": { operationId: "listMyLogins" },
  "DELETE /api/me/sessions/{sessionId}": { operationId: "endMyLogin" },
  "GET /api/users/{userId}/sessions": { operationId: "listLogins" },
  "DELETE /api/users/{userId}/sessions": { operationId: "endLogins" },
};

const governance: Readonly<Record<string, Operation>> = {
  "GET /api/users": { operationId: "listUsers" },
  "POST /api/users": {
    operationId: "createUser",
    example: { email: "ada@example.org", password: "correct horse battery" },
  },
  "GET /api/users/{userId}": { operationId: "getUser" },
  "PATCH /api/users/{userId}": { operationId: "updateUser", example: { note: "Leaves in June." } },
  "DELETE /api/users/{userId}": { operationId: "deleteUser" },
  "GET /api/tenants": { operationId: "listTenants" },
  "POST /api/tenants": { operationId: "createTenant", example: { name: "Acme", tags: { country: "NL" } } },
  "GET /api/tenants/{tenantId}": { operationId: "getTenant" },
  "PATCH /api/tenants/{tenantId}": { operationId: "updateTenant", example: { description: "Water meters." } },
  "DELETE /api/tenants/{tenantId}": { operationId: "deleteTenant" },
  "GET /api/tenants/{tenantId}/limits": { operationId: "getTenantLimits" },
  "PATCH /api/tenants/{tenantId}/limits": {
    operationId: "updateTenantLimits",
    example: { maxDevices: 10_000, maxGateways: 0, requestsPerMinute: 1200 },
  },
  "GET /api/tenants/{tenantId}/users": { operationId: "listMembers" },
  "PUT /api/tenants/{tenantId}/users/{userId}": { operationId: "setMember", example: { role: "device-manager" } },
  "DELETE /api/tenants/{tenantId}/users/{userId}": { operationId: "removeMember" },
  "GET /api/api-keys": { operationId: "listApiKeys" },
  "POST /api/api-keys": {
    operationId: "createApiKey",
    example: { tenantId, name: "dashboard", role: "viewer", expiresAt: "2099-12-31T00:00:00Z" },
  },
  "GET /api/api-keys/{apiKeyId}": { operationId: "getApiKey" },
  "PATCH /api/api-keys/{apiKeyId}": { operationId: "updateApiKey", example: { name: "dashboard, west" } },
  "DELETE /api/api-keys/{apiKeyId}": { operationId: "deleteApiKey" },
  "GET /api/region-configs": { operationId: "listRegionConfigs" },
  "POST /api/region-configs": {
    operationId: "createRegionConfig",
    example: {
      id: "eu868-harbour",
      region: "EU868",
      settings: { rx1DelaySeconds: 5, extraChannels: [{ frequencyHz: 867100000, minDataRate: 0, maxDataRate: 5 }] },
    },
  },
  "GET /api/region-configs/{regionConfigId}": { operationId: "getRegionConfig" },
  "GET /api/region-configs/{regionConfigId}/uses": { operationId: "getRegionConfigUses" },
  "PATCH /api/region-configs/{regionConfigId}": {
    operationId: "updateRegionConfig",
    example: { settings: { rx1DelaySeconds: 5, rx2DataRate: 3 } },
  },
  "DELETE /api/region-configs/{regionConfigId}": { operationId: "deleteRegionConfig" },
  "GET /api/server": { operationId: "getServer" },
  "GET /api/server/process": { operationId: "getServerProcess" },
  "GET /api/audit-log": { operationId: "listAuditEntries" },
  "GET /api/audit-log/verification": { operationId: "verifyAuditLog" },
};

const devices: Readonly<Record<string, Operation>> = {
  "GET /api/devices": { operationId: "listDevices" },
  "POST /api/devices": {
    operationId: "createDevice",
    example: { devEui, applicationId, deviceProfileId, name: "Greenhouse 3", keys: { appKey: key } },
  },
  "GET /api/devices/{devEui}": { operationId: "getDevice" },
  "PATCH /api/devices/{devEui}": {
    operationId: "updateDevice",
    example: { name: "Greenhouse 4", tags: { site: "roof" } },
  },
  "DELETE /api/devices/{devEui}": { operationId: "deleteDevice" },
  "POST /api/devices/qr": {
    operationId: "readDeviceLabel",
    example: { applicationId, text: "LW:D0:70B3D57ED0000001:70B3D57ED0001234:02A40001:S2026471100" },
  },
  "POST /api/devices/generate-keys": { operationId: "generateKeys", example: { macVersion: "1.0.4" } },
  "POST /api/devices/generate-activation": { operationId: "generateActivation", example: { macVersion: "1.0.4" } },
  "GET /api/devices/{devEui}/keys": { operationId: "getDeviceKeys" },
  "PUT /api/devices/{devEui}/keys": { operationId: "setDeviceKeys", example: { appKey: key } },
  "DELETE /api/devices/{devEui}/keys": { operationId: "deleteDeviceKeys" },
  "DELETE /api/devices/{devEui}/nonces": { operationId: "forgetDevNonces" },
  "GET /api/devices/{devEui}/activation": { operationId: "getSession" },
  "PUT /api/devices/{devEui}/activation": {
    operationId: "activateDevice",
    example: { devAddr: "01020304", appSKey: key, nwkSKey: key, fCntUp: 17, nFCntDown: 4 },
  },
  "DELETE /api/devices/{devEui}/activation": { operationId: "endSession" },
  "POST /api/devices/{devEui}/force-rejoin": { operationId: "forceRejoin", example: { rejoinType: 0 } },
  "GET /api/devices/{devEui}/twin": { operationId: "getDeviceTwin" },
  "PATCH /api/devices/{devEui}/twin": {
    operationId: "updateDeviceTwin",
    example: { desired: { interval: 600, led: { brightness: 40 } } },
  },
  "DELETE /api/devices/{devEui}/twin": { operationId: "deleteDeviceTwin" },
  "GET /api/devices/{devEui}/queue": { operationId: "listDownlinks" },
  "GET /api/devices/{devEui}/queue/next-f-cnt": { operationId: "nextDownlinkCounter" },
  "POST /api/devices/{devEui}/queue": {
    operationId: "enqueueDownlink",
    example: { fPort: 10, confirmed: true, data: "AQI=" },
  },
  "PUT /api/devices/{devEui}/queue/order": {
    operationId: "reorderDownlinks",
    example: { ids: ["open-the-window", "close-the-window"] },
  },
  "DELETE /api/devices/{devEui}/queue": { operationId: "flushDownlinks" },
  "DELETE /api/devices/{devEui}/queue/{itemId}": { operationId: "deleteDownlink" },
};

const integrations: Readonly<Record<string, Operation>> = {
  "GET /api/integrations/kinds": { operationId: "listIntegrationKinds" },
  "GET /api/integrations/states": { operationId: "listIntegrationStates" },
  "GET /api/integrations": { operationId: "listIntegrations" },
  "POST /api/integrations": {
    operationId: "createIntegration",
    example: {
      applicationId,
      kind: "http",
      name: "Dashboard",
      settings: { url: "https://example.com/upchirp" },
      filter: { events: ["up"] },
    },
  },
  "GET /api/integrations/{integrationId}": { operationId: "getIntegration" },
  "PATCH /api/integrations/{integrationId}": { operationId: "updateIntegration", example: { mode: "paused" } },
  "DELETE /api/integrations/{integrationId}": { operationId: "deleteIntegration" },
  "GET /api/integrations/{integrationId}/state": { operationId: "getIntegrationState" },
  "POST /api/integrations/{integrationId}/test": { operationId: "testIntegration" },
  "DELETE /api/integrations/{integrationId}/queue": { operationId: "purgeIntegrationQueue" },
  "GET /api/integrations/{integrationId}/dead-letters": { operationId: "listDeadLetters" },
  "POST /api/integrations/{integrationId}/dead-letters/replay": {
    operationId: "replayDeadLetters",
    example: { reason: "rejected" },
  },
  "POST /api/integrations/{integrationId}/dead-letters/drop": {
    operationId: "dropDeadLetters",
    example: { ids: ["17"] },
  },
};

const others: Readonly<Record<string, Operation>> = {
  "GET /api/applications": { operationId: "listApplications" },
  "POST /api/applications": { operationId: "createApplication", example: { tenantId, name: "Greenhouses" } },
  "GET /api/applications/{applicationId}": { operationId: "getApplication" },
  "PATCH /api/applications/{applicationId}": {
    operationId: "updateApplication",
    example: { tags: { crop: "tomato" } },
  },
  "DELETE /api/applications/{applicationId}": { operationId: "deleteApplication" },
  "POST /api/applications/{applicationId}/clone": { operationId: "cloneApplication", example: { name: "Orchards" } },
  "GET /api/applications/{applicationId}/mqtt-credentials": { operationId: "listMqttCredentials" },
  "POST /api/applications/{applicationId}/mqtt-credentials": {
    operationId: "createMqttCredential",
    example: { username: "dashboard" },
  },
  "DELETE /api/applications/{applicationId}/mqtt-credentials/{username}": { operationId: "deleteMqttCredential" },
  "GET /api/device-profiles": { operationId: "listDeviceProfiles" },
  "POST /api/device-profiles": {
    operationId: "createDeviceProfile",
    example: { tenantId, name: "Any OTAA sensor", region: "EU868" },
  },
  "GET /api/device-profiles/{deviceProfileId}": { operationId: "getDeviceProfile" },
  "PATCH /api/device-profiles/{deviceProfileId}": {
    operationId: "updateDeviceProfile",
    example: { codec: "cayenne-lpp", expectedUplinkIntervalSeconds: 900 },
  },
  "DELETE /api/device-profiles/{deviceProfileId}": { operationId: "deleteDeviceProfile" },
  "POST /api/device-profiles/{deviceProfileId}/clone": {
    operationId: "cloneDeviceProfile",
    example: { name: "Any OTAA sensor, hourly" },
  },
  "POST /api/device-profiles/{deviceProfileId}/codec/test": {
    operationId: "testCodec",
    example: {
      codec: "javascript",
      script: "function decodeUplink({ bytes }) { return { data: { level: bytes[0] } }; }",
      direction: "uplink",
      fPort: 1,
      bytes: "2a",
    },
  },
  "POST /api/device-profiles/{deviceProfileId}/codec/cases": {
    operationId: "runCodecCases",
    example: {
      cases: [{ name: "half full", direction: "uplink", fPort: 1, bytes: "32", expected: { object: { level: 50 } } }],
    },
  },
  "GET /api/alerts": { operationId: "listAlerts" },
  "GET /api/alerts/{alertId}": { operationId: "getAlert" },
  "POST /api/alerts/{alertId}/acknowledge": { operationId: "acknowledgeAlert", example: { note: "Ben drives there." } },
  "GET /api/tenants/{tenantId}/alert-rules": { operationId: "listAlertRules" },
  "PATCH /api/tenants/{tenantId}/alert-rules/{kind}": {
    operationId: "updateAlertRule",
    example: { raise: 15, clear: 25, severity: "critical" },
  },
  "DELETE /api/tenants/{tenantId}/alert-rules/{kind}": { operationId: "resetAlertRule" },
  "GET /api/gateways": { operationId: "listGateways" },
  "POST /api/gateways": {
    operationId: "createGateway",
    example: {
      gatewayId: "0016c001f153a14c",
      tenantId,
      name: "Water tower",
      location: { latitude: 52.09, longitude: 5.12, altitude: 68 },
    },
  },
  "GET /api/gateways/{gatewayId}": { operationId: "getGateway" },
  "PATCH /api/gateways/{gatewayId}": { operationId: "updateGateway", example: { sourceRule: { kind: "pin" } } },
  "DELETE /api/gateways/{gatewayId}": { operationId: "deleteGateway" },
  "GET /api/gateways/states": { operationId: "listGatewayStates" },
  "GET /api/devices/states": { operationId: "listDeviceStates" },
  "GET /api/gateways/{gatewayId}/presence": { operationId: "getGatewayPresence" },
  "GET /api/gateways/{gatewayId}/airtime": { operationId: "getGatewayAirtime" },
  "GET /api/gateways/unknown": { operationId: "listUnknownGateways" },
  "GET /api/gateways/{gatewayId}/status": { operationId: "getGatewayStatus" },
  "POST /api/gateways/{gatewayId}/release-address": { operationId: "releaseGatewayAddress" },
  "GET /api/events": { operationId: "streamEvents" },
  "GET /api/events/history": { operationId: "listEvents" },
  "GET /api/events/history/export": { operationId: "exportEvents" },
  "GET /api/devices/{devEui}/events": { operationId: "listDeviceEvents" },
  "GET /api/devices/{devEui}/events/export": { operationId: "exportDeviceEvents" },
  "GET /api/devices/unknown": { operationId: "listUnknownDevices" },
  "GET /api/devices/{devEui}/diagnosis": { operationId: "getDiagnosis" },
  "GET /api/devices/{devEui}/frames": { operationId: "listDeviceFrames" },
  "GET /api/devices/{devEui}/frames/export": { operationId: "exportDeviceFrames" },
  "GET /api/devices/{devEui}/frames/{frameId}": { operationId: "getDeviceFrame" },
  "GET /api/gateways/{gatewayId}/frames/{frameId}": { operationId: "getGatewayFrame" },
  "POST /api/frames/decode": { operationId: "decodeFrame", example: { phyPayload: "QPF9vkkAAgABlUN4disR/w0=" } },
  "GET /api/gateways/{gatewayId}/frames": { operationId: "listGatewayFrames" },
  "GET /api/gateways/{gatewayId}/frames/export": { operationId: "exportGatewayFrames" },
  "GET /api/devices/{devEui}/measurements": { operationId: "listMeasurements" },
  "GET /api/devices/{devEui}/measurements/{key}": { operationId: "getMeasurement" },
  "GET /api/device-profiles/{deviceProfileId}/measurements": { operationId: "listMeasurementNames" },
  "PUT /api/device-profiles/{deviceProfileId}/measurements": {
    operationId: "putMeasurementNames",
    example: { items: [{ key: "temperatureSensor.1", name: "Air", unit: "°C" }] },
  },
  "GET /api/devices/{devEui}/metrics": { operationId: "getDeviceMetrics" },
  "GET /api/gateways/{gatewayId}/metrics": { operationId: "getGatewayMetrics" },
  "GET /api/tenants/{tenantId}/metrics": { operationId: "getTenantMetrics" },
  "GET /api/tenants/{tenantId}/overview": { operationId: "getTenantOverview" },
  "GET /api/metrics": { operationId: "getMetrics" },
  "GET /api/overview": { operationId: "getOverview" },
  "GET /api/tenants/{tenantId}/history": { operationId: "getHistorySettings" },
  "PATCH /api/tenants/{tenantId}/history": { operationId: "updateHistorySettings", example: { eventDays: 90 } },
  "GET /api/devices/{devEui}/frames/stream": { operationId: "streamDeviceFrames" },
  "GET /api/gateways/{gatewayId}/frames/stream": { operationId: "streamGatewayFrames" },
  "GET /api/devices/{devEui}/frames/ws": { operationId: "openDeviceFrameSocket" },
  "GET /api/gateways/{gatewayId}/frames/ws": { operationId: "openGatewayFrameSocket" },
  "GET /api/events/ws": { operationId: "openEventSocket" },
  "POST /api/imports/devices": { operationId: "importDevices", takesFile: true },
  "POST /api/imports/gateways": { operationId: "importGateways", takesFile: true },
  "POST /api/imports/device-profiles": { operationId: "importDeviceProfiles", takesFile: true },
  "POST /api/imports/applications": { operationId: "importApplications", takesFile: true },
  "GET /api/imports": { operationId: "listImports" },
  "GET /api/imports/{importId}": { operationId: "getImport" },
  "GET /api/imports/{importId}/faults": { operationId: "listImportFaults" },
  "GET /api/exports/devices": { operationId: "exportDevices" },
  "GET /api/exports/gateways": { operationId: "exportGateways" },
  "GET /api/exports/device-profiles": { operationId: "exportDeviceProfiles" },
  "GET /api/exports/applications": { operationId: "exportApplications" },
};

/** What the OpenAPI document says of each operation beyond its schemas, by method and path. */
export const operations: Readonly<Record<string, Operation>> = {
  ...logins,
  ...governance,
  ...devices,
  ...integrations,
  ...others,
};
