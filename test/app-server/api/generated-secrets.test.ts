import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { addTenantWithDevice } from "../../support/catalog.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());

const generate = async (what: "keys" | "activation", macVersion: string): Promise<Record<string, string>> => {
  const answer = await api.call("POST", `/api/devices/generate-${what}`, { macVersion });
  expect(answer.statusCode, answer.body).toBe(200);
  expect(answer.headers["cache-control"]).toBe("no-store");
  return answer.json();
};

test.each([
  ["1.0.3", ["appKey"], ["appSKey", "devAddr", "nwkSKey"]],
  ["1.1.0", ["appKey", "nwkKey"], ["appSKey", "devAddr", "fNwkSIntKey", "nwkSEncKey", "sNwkSIntKey"]],
] as const)(
  "what is made up for LoRaWAN %s is taken for a device of that version, and never comes twice",
  async (...row) => {
    const [macVersion, keyNames, activationNames] = row;
    const devEui = macVersion === "1.1.0" ? "0000000000000011" : "0000000000000010";
    const { profile } = await addTenantWithDevice(api.repositories, `of ${macVersion}`, devEui);
    await api.call("PATCH", `/api/device-profiles/${profile.id}`, { macVersion });
    const keys = await generate("keys", macVersion);
    const activation = await generate("activation", macVersion);
    expect(Object.keys(keys).toSorted()).toEqual(keyNames);
    expect(Object.keys(activation).toSorted()).toEqual(activationNames);
    expect((await api.call("PUT", `/api/devices/${devEui}/keys`, keys)).statusCode).toBe(204);
    expect((await api.call("PUT", `/api/devices/${devEui}/activation`, activation)).statusCode).toBe(204);
    expect((await api.call("GET", `/api/devices/${devEui}/activation`)).json()).toMatchObject({ devAddr: "01abcdef" });

    const { devAddr: _address, ...sessionKeys } = activation;
    const { devAddr: _again, ...others } = await generate("activation", macVersion);
    const all = [keys, sessionKeys, others, await generate("keys", macVersion)].flatMap(made => Object.values(made));
    expect(new Set(all).size).toBe(all.length);
    for (const made of all) expect(made).toMatch(/^[0-9a-f]{32}$/);
    const kept = JSON.stringify((await api.call("GET", "/api/audit-log?limit=200")).json());
    for (const made of all) expect(kept + api.logged.join(""), "a key that was made up").not.toContain(made);
  },
);

test("a repeat under one Idempotency-Key does not bring keys out of a cupboard", async () => {
  const key = await api.keyFor("administrator", null);
  const headers = { ...key, "idempotency-key": "once" };
  const ask = () => api.call("POST", "/api/devices/generate-keys", { macVersion: "1.0.4" }, headers);
  expect((await ask()).statusCode).toBe(200);
  expect((await ask()).statusCode).toBe(409);
});
