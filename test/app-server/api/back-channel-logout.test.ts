import { randomBytes, randomUUID } from "node:crypto";
import { generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createOpenIdProvider } from "../../../app-server/identity/open-id.ts";
import { systemClock } from "../../../platform/clock.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { startOpenIdProvider, type TestOpenIdProvider, testClient } from "../../support/open-id-provider.ts";
import { freePort } from "../support/mosquitto.ts";

const path = "/api/login/oidc/back-channel-logout";
const event = "http://schemas.openid.net/event/backchannel-logout";
let provider: TestOpenIdProvider;
let api: TestApi;

beforeAll(async () => {
  const port = await freePort();
  provider = await startOpenIdProvider(`http://127.0.0.1:${port}${path}`);
  const config = {
    issuer: provider.issuer,
    clientId: testClient.id,
    clientSecret: testClient.secret,
    publicUrl: testClient.publicUrl,
    scopes: "openid email profile",
    groupsClaim: "groups",
  };
  const groups = [{ group: "ops", administrator: true }];
  const openId = createOpenIdProvider({ config, groups, key: randomBytes(32), clock: systemClock });
  api = await startTestApi({ identity: { openId, policy: { createUsers: true, linkByEmail: false } } });
  await api.app.listen({ host: "127.0.0.1", port });
});
afterAll(async () => {
  await api.end();
  await provider.end();
});

/** A login here by way of the provider. */
async function logIn(sub: string, groups: readonly string[] = []) {
  await api.clock.advance(60_000);
  provider.account = { sub, email: `${sub}@example.org`, email_verified: true, groups };
  const begun = await api.call("GET", "/api/login/oidc", undefined, {});
  const back = await provider.visit(String(begun.headers.location));
  const cookie = `upchirp_oidc=${begun.cookies[0]?.value}`;
  const answer = await api.call("GET", `${back.pathname}${back.search}`, undefined, { cookie });
  const token = answer.cookies.find(({ name }) => name === "upchirp_session")?.value ?? "";
  const headers = { authorization: `Bearer ${token}` };
  const status = async () => (await api.call("GET", "/api/me", undefined, headers)).statusCode;
  expect(await status(), answer.body).toBe(200);
  const { id } = (await api.call("GET", "/api/me", undefined, headers)).json<{ id: string }>();
  return { id, status };
}

const nowSeconds = () => Math.floor(systemClock.nowMs() / 1000);
const claims = (given: object = {}) => ({
  iss: provider.issuer,
  aud: testClient.id,
  iat: nowSeconds(),
  exp: nowSeconds() + 120,
  jti: randomUUID(),
  events: { [event]: {} },
  ...given,
});
const send = (token: string, type = "application/x-www-form-urlencoded") =>
  api.app.inject({
    method: "POST",
    url: path,
    headers: { "content-type": type },
    payload: `logout_token=${token}&state=more`,
  });

describe("a logout that the identity provider tells of", () => {
  test("ends the login that followed that one, and no other of the user", async () => {
    const first = await logIn("ada");
    const second = await logIn("ada");
    const end = await api.call("GET", "/api/login/oidc/logout", undefined, {});
    await provider.logOut(String(end.headers.location));
    await vi.waitFor(async () => expect(await second.status()).toBe(401), { timeout: 20_000 });
    expect(await first.status()).toBe(200);
    const log = await api.call("GET", "/api/audit-log?limit=1");
    expect(log.json()).toMatchObject({ items: [{ action: `POST ${path}`, status: 200 }] });
  });

  test("ends every login of the subject when it names no session, but those with a password here", async () => {
    const [one, two, other] = [await logIn("rob"), await logIn("rob"), await logIn("eve")];
    const origin = { address: "", userAgent: "" };
    const [user] = (await api.repositories.users.list({ search: "rob" }, { limit: 1 })).items;
    if (user === undefined) throw new Error("there is no user");
    const { token } = await api.repositories.loginSessions.create(user.id, 60_000, origin);
    expect((await send(await provider.sign("logout+jwt", claims({ sub: "rob" })))).statusCode).toBe(200);
    expect([await one.status(), await two.status(), await other.status()]).toEqual([401, 401, 200]);
    const here = await api.call("GET", "/api/me", undefined, { authorization: `Bearer ${token}` });
    expect(here.statusCode).toBe(200);
  });

  test.each<[string, object, string?]>([
    ["for another client", { aud: "other" }],
    ["of another issuer", { iss: "https://other.example" }],
    ["that is old", { iat: nowSeconds() - 400 }],
    ["that has expired", { exp: nowSeconds() - 60 }],
    ["that tells of something else", { events: { "http://schemas.openid.net/event/other": {} } }],
    ["whose event is no object", { events: { [event]: true } }],
    ["with a nonce, like an ID token", { nonce: "n" }],
    ["of nobody", { sub: undefined }],
    ["without an id", { jti: undefined }],
    ["of another type", {}, "at+jwt"],
  ])("is refused with a token %s", async (_name, given, type = "logout+jwt") => {
    const { status } = await logIn("kim");
    const answer = await send(await provider.sign(type, claims({ sub: "kim", ...given })));
    expect(answer.json()).toMatchObject({ status: 400, code: "invalid_request" });
    expect(await status()).toBe(200);
  });

  test("is refused with another's signature, a second time, and in any other form", async () => {
    const { status } = await logIn("zoe");
    const { privateKey } = await generateKeyPair("ES256");
    const forged = new SignJWT(claims({ sub: "zoe" })).setProtectedHeader({
      alg: "ES256",
      kid: "test",
      typ: "logout+jwt",
    });
    expect((await send(await forged.sign(privateKey))).statusCode).toBe(400);
    expect((await send("x".repeat(9000))).statusCode).toBe(400);
    expect((await send("x", "application/xml")).statusCode).toBe(415);
    expect(await status()).toBe(200);
    const token = await provider.sign("logout+jwt", claims({ sub: "zoe" }));
    expect((await send(token)).statusCode).toBe(200);
    expect((await send(token)).statusCode).toBe(400);
    expect(api.logged.join("")).not.toContain(token);
  });

  test("is nothing that other routes take", async () => {
    const answer = await api.app.inject({
      method: "POST",
      url: "/api/login",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      payload: "email=a&password=b",
    });
    expect(answer.statusCode).toBe(415);
  });
});

describe("ways to log in", () => {
  test("are told to a login page, and nothing more", async () => {
    const answer = await api.call("GET", "/api/login/ways", undefined, {});
    expect(answer.json()).toEqual({ password: true, directory: false, openId: true });
  });

  test("of each user are listed, and an identity is taken with what it gave", async () => {
    const { id, status } = await logIn("ops", ["ops"]);
    const listed = async () =>
      (await api.call("GET", "/api/users/login-ways?search=ops@example.org")).json<{ items: object[] }>().items;
    const identities = [{ issuer: provider.issuer, subject: "ops" }];
    const ways = { userId: id, email: "ops@example.org", hasPassword: false, hasSecondFactor: false };
    expect(await listed()).toEqual([{ ...ways, identities }]);
    // Nobody else governs: the installation must not be left without an administrator.
    const last = await api.call("DELETE", `/api/users/${id}/identities`);
    expect(last.json()).toMatchObject({ status: 409, code: "last_administrator" });
    expect(await status()).toBe(200);
    const root = {
      email: "root@example.org",
      password: "correct horse",
      isAdministrator: true,
      isActive: true,
      note: "",
    };
    await api.repositories.users.create(root);
    expect((await api.call("DELETE", `/api/users/${id}/identities`)).statusCode).toBe(204);
    expect(await listed()).toEqual([{ ...ways, identities: [] }]);
    expect(await status()).toBe(401);
    expect((await api.call("GET", `/api/users/${id}`)).json()).toMatchObject({ isAdministrator: false });
    const log = await api.call("GET", "/api/audit-log?limit=1");
    expect(log.json()).toMatchObject({ items: [{ action: "DELETE /api/users/:userId/identities", status: 204 }] });
  });
});
