import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());

test("keys, passwords and tokens are in no answer but the one that makes them, and in no log", async () => {
  const secrets = {
    nwkKey: "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
    appKey: "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2",
    appSKey: "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3",
    nwkSKey: "d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4",
    password: "a password nobody guesses",
    mqttPassword: "another one for the broker",
  };
  const { nwkKey, appKey, appSKey, nwkSKey, password, mqttPassword } = secrets;
  const { tenant, application, device } = await addTenantWithDevice(api.repositories, "T", "0000000000000001");
  const answers: string[] = [];
  const call: TestApi["call"] = async (...request) => {
    const answer = await api.call(...request);
    answers.push(JSON.stringify(answer.headers), answer.body);
    return answer;
  };
  const path = `/api/devices/${device.devEui}`;

  // Made here: shown in these answers, which are not collected, and nowhere else.
  const key = await api.call("POST", "/api/api-keys", { tenantId: tenant.id, name: "k", role: "admin" });
  const made = await api.call("POST", `/api/applications/${application.id}/mqtt-credentials`, {});
  await api.call("POST", "/api/users", { email: "ann@example.org", password });
  const login = await api.call("POST", "/api/login", { email: "ann@example.org", password }, {});
  const shownOnce = [
    key.json<{ token: string }>().token,
    made.json<{ password: string }>().password,
    login.json<{ token: string }>().token,
  ];

  await call("PUT", `${path}/keys`, { nwkKey, appKey });
  await call("PUT", `${path}/activation`, { devAddr: "01020304", appSKey, nwkSKey });
  await call("POST", `/api/applications/${application.id}/mqtt-credentials`, { username: "u", password: mqttPassword });
  // Refusals repeat nothing of what they refuse.
  await call("PUT", `${path}/keys`, { nwkKey: `${nwkKey}00`, appKey });
  await call("PUT", `${path}/keys`, { nwkkey: nwkKey, appKey });
  await call("PUT", `${path}/activation`, { devAddr: "x", appSKey, fNwkSIntKey: nwkSKey });
  await call("POST", "/api/login", { email: "nobody@example.org", password: mqttPassword }, {});
  await call("POST", "/api/users", { email: "no email", password });
  await call("GET", "/api/me", undefined, { authorization: `Bearer ${shownOnce[2]}` });
  await call("GET", "/api/me", undefined, { authorization: `Basic ${shownOnce[0]}` });
  for (const list of ["users", "api-keys", "devices", "tenants", "applications"]) await call("GET", `/api/${list}`);
  for (const part of ["", "/keys", "/activation", "/queue"]) await call("GET", path + part);
  await call("GET", `/api/applications/${application.id}/mqtt-credentials`);
  api.control.refusal = new TypeError("boom");
  await call("PUT", `${path}/activation`, { devAddr: "01020304", appSKey, nwkSKey });

  const shown = answers.join("\n");
  const logged = api.logged.join("");
  expect(shown).toContain("ann@example.org");
  expect(logged).toContain("boom");
  for (const secret of [...Object.values(secrets), ...shownOnce]) {
    expect(shown.toLowerCase()).not.toContain(secret.toLowerCase());
    expect(logged.toLowerCase()).not.toContain(secret.toLowerCase());
  }
  for (const text of [shown, logged]) expect(text).not.toMatch(/\$argon2|password_?hash|token_?hash/i);
});
