import { randomBytes } from "node:crypto";
import { EncryptJWT, jwtDecrypt } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Tenant } from "../../../app-server/catalog-ports.ts";
import type { GroupRight } from "../../../app-server/config.ts";
import { createOpenIdProvider } from "../../../app-server/identity/open-id.ts";
import { systemClock } from "../../../platform/clock.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { startOpenIdProvider, type TestOpenIdProvider, testClient } from "../../support/open-id-provider.ts";

let provider: TestOpenIdProvider;
let api: TestApi;
let tenant: Tenant;
const groups: GroupRight[] = [];
const waterId = "17c82e96-be03-4f38-aef3-f83d48582d97";
const heatId = "27c82e96-be03-4f38-aef3-f83d48582d97";
const key = randomBytes(32);
const policy = { createUsers: true, linkByEmail: false };

beforeAll(async () => {
  provider = await startOpenIdProvider();
  const config = {
    issuer: provider.issuer,
    clientId: testClient.id,
    clientSecret: testClient.secret,
    publicUrl: testClient.publicUrl,
    scopes: "openid email profile",
    groupsClaim: "groups",
  };
  const openId = createOpenIdProvider({ config, groups, key, clock: systemClock });
  api = await startTestApi({ identity: { openId, policy } });
  tenant = await api.repositories.tenants.create({ name: "t", description: "", tags: {} });
  groups.push(
    { group: "ops", administrator: true },
    { group: "field", administrator: false, tenantId: tenant.id, role: "device-manager" },
    { group: "field", administrator: false, tenantId: tenant.id, role: "viewer" },
    { group: "water", administrator: false, tenantId: tenant.id, role: "viewer", applicationIds: [waterId] },
    { group: "heat", administrator: false, tenantId: tenant.id, role: "viewer", applicationIds: [heatId] },
  );
});
afterAll(async () => {
  await api.end();
  await provider.end();
});
beforeEach(async () => {
  // Attempts are counted by the minute.
  await api.clock.advance(60_000);
  Object.assign(policy, { createUsers: true, linkByEmail: false });
});

const cookieIn = (answer: Awaited<ReturnType<TestApi["call"]>>, name: string): string =>
  answer.cookies.find(cookie => cookie.name === name)?.value ?? "";

/** A browser up to the moment in which the provider sends it back. */
async function arrive(returnTo = "") {
  const begun = await api.call("GET", `/api/login/oidc${returnTo && `?returnTo=${returnTo}`}`, undefined, {});
  expect(begun.statusCode, begun.body).toBe(302);
  const back = await provider.visit(String(begun.headers.location));
  return { back, cookie: `upchirp_oidc=${cookieIn(begun, "upchirp_oidc")}` };
}

const comeBack = ({ back, cookie }: { back: URL; cookie: string }) =>
  api.call("GET", `${back.pathname}${back.search}`, undefined, { cookie });

async function logIn(sub: string, given: Partial<TestOpenIdProvider["account"]> = {}) {
  provider.account = { sub, email: `${sub}@example.org`, email_verified: true, groups: [], ...given };
  return comeBack(await arrive());
}

async function meOf(answer: Awaited<ReturnType<TestApi["call"]>>): Promise<object> {
  const cookie = `upchirp_session=${cookieIn(answer, "upchirp_session")}`;
  return (await api.call("GET", "/api/me", undefined, { cookie })).json();
}

describe("a login at an OpenID Connect provider", () => {
  test("goes there with PKCE, state and nonce, and comes back as a new user", async () => {
    const begun = await api.call("GET", "/api/login/oidc?returnTo=/devices", undefined, {});
    const { searchParams } = new URL(String(begun.headers.location));
    expect(searchParams.get("code_challenge_method")).toBe("S256");
    expect(searchParams.get("nonce")).toMatch(/./);
    expect(begun.cookies[0]).toMatchObject({ name: "upchirp_oidc", httpOnly: true, sameSite: "Lax" });
    expect(begun.cookies[0]?.value).not.toContain(searchParams.get("state"));
    provider.account = { sub: "ada", email: "ada@example.org", email_verified: true, groups: ["field"] };
    const back = await comeBack(await arrive("/devices"));
    expect(back.statusCode, back.body).toBe(302);
    expect(back.headers.location).toBe("/devices");
    expect(await meOf(back)).toMatchObject({
      kind: "user",
      name: "ada@example.org",
      isAdministrator: false,
      memberships: [{ tenantId: tenant.id, role: "device-manager" }],
    });
  });

  test("is ended by a logout here, and there where the provider is told to", async () => {
    const cookie = `upchirp_session=${cookieIn(await logIn("leaver"), "upchirp_session")}`;
    const headers = { cookie, "x-requested-with": "test" };
    expect((await api.call("POST", "/api/logout", undefined, headers)).statusCode).toBe(204);
    expect((await api.call("GET", "/api/me", undefined, headers)).statusCode).toBe(401);
    const there = new URL(String((await api.call("GET", "/api/login/oidc/logout")).headers.location));
    expect(there.origin).toBe(provider.issuer);
    expect(there.searchParams.get("post_logout_redirect_uri")).toBe(testClient.publicUrl);
  });

  test("gives what the groups of the moment mean, and takes it away when they change", async () => {
    expect(await meOf(await logIn("rob", { groups: ["ops", "field"] }))).toMatchObject({
      isAdministrator: true,
      memberships: [{ role: "device-manager" }],
    });
    expect(await meOf(await logIn("rob", { groups: ["gardening"] }))).toMatchObject({
      isAdministrator: false,
      memberships: [],
    });
  });

  test("is limited to the applications of its groups, unless a more powerful group is not", async () => {
    const memberships = async (groups: readonly string[]) =>
      ((await meOf(await logIn("limited", { groups }))) as { memberships: object[] }).memberships;
    expect(await memberships(["water"])).toMatchObject([{ role: "viewer", applicationIds: [waterId] }]);
    const [both] = await memberships(["heat", "water"]);
    expect(both).toMatchObject({ role: "viewer", applicationIds: expect.arrayContaining([waterId, heatId]) });
    expect(await memberships(["water", "field"])).toMatchObject([{ role: "device-manager", applicationIds: null }]);
  });

  test("leaves alone what was granted here", async () => {
    const { id } = (await meOf(await logIn("eve"))) as { id: string };
    await api.call("PUT", `/api/tenants/${tenant.id}/users/${id}`, { role: "admin" });
    await api.call("PATCH", `/api/users/${id}`, { isAdministrator: true });
    for (const groups of [["ops", "field"], []]) {
      expect(await meOf(await logIn("eve", { groups }))).toMatchObject({
        isAdministrator: true,
        memberships: [{ role: "admin" }],
      });
    }
  });

  test("leaves alone what the provider gave first and somebody here gave again", async () => {
    const { id } = (await meOf(await logIn("kim", { groups: ["ops", "field"] }))) as { id: string };
    await api.call("PUT", `/api/tenants/${tenant.id}/users/${id}`, { role: "viewer" });
    await api.call("PATCH", `/api/users/${id}`, { isAdministrator: true });
    expect(await meOf(await logIn("kim"))).toMatchObject({ isAdministrator: true, memberships: [{ role: "viewer" }] });
  });

  test("is the same user by its subject, whatever email it has by now", async () => {
    const { id } = (await meOf(await logIn("moved"))) as { id: string };
    expect(await meOf(await logIn("moved", { email: "new@example.org" }))).toMatchObject({ id });
  });

  test("takes over no user who has the email, unless the configuration trusts the provider with that", async () => {
    const email = "root@example.org";
    const user = { email, password: "correct horse", isAdministrator: true, isActive: true, note: "" };
    const { id } = await api.repositories.users.create(user);
    expect((await logIn("mallory", { email })).statusCode).toBe(401);
    policy.linkByEmail = true;
    expect((await logIn("mallory", { email, email_verified: false })).statusCode).toBe(401);
    expect(await meOf(await logIn("root", { email }))).toMatchObject({ id, isAdministrator: true });
  });

  test("makes no users unless it is configured, and lets in none that was deactivated", async () => {
    policy.createUsers = false;
    expect((await logIn("stranger")).statusCode).toBe(401);
    policy.createUsers = true;
    const { id } = (await meOf(await logIn("former"))) as { id: string };
    await api.call("PATCH", `/api/users/${id}`, { isActive: false });
    expect((await logIn("former")).statusCode).toBe(401);
  });

  test("is in the audit log under the user's name, without code or token", async () => {
    await logIn("noted");
    const log = await api.call("GET", "/api/audit-log?limit=1");
    expect(log.json()).toMatchObject({
      items: [{ action: "GET /api/login/oidc/callback", status: 302, actor: { name: "noted@example.org" } }],
    });
    expect(log.body).not.toContain("code");
  });
});

describe("the way back from the provider", () => {
  test("is refused with another state, another browser's cookie, or none", async () => {
    const mine = await arrive();
    const theirs = await arrive();
    const forged = new URL(mine.back);
    forged.searchParams.set("state", "x".repeat(43));
    for (const given of [
      { ...mine, back: forged },
      { ...mine, cookie: theirs.cookie },
      { ...mine, cookie: "" },
      { ...mine, cookie: "upchirp_oidc=made.up" },
    ]) {
      const { statusCode, cookies } = await comeBack(given);
      expect(statusCode).toBe(401);
      expect(cookies.map(({ name }) => name)).not.toContain("upchirp_session");
    }
    expect((await comeBack(mine)).statusCode).toBe(302);
  });

  test.each(["nonce", "verifier"])("is refused when its %s is not the one it began with", async name => {
    const { back, cookie } = await arrive();
    const { payload } = await jwtDecrypt(cookie.slice("upchirp_oidc=".length), key);
    const other = new EncryptJWT({ ...payload, [name]: "x".repeat(43) }).setProtectedHeader({
      alg: "dir",
      enc: "A256GCM",
    });
    expect((await comeBack({ back, cookie: `upchirp_oidc=${await other.encrypt(key)}` })).statusCode).toBe(401);
  });

  test("is refused ten minutes after it began", async () => {
    const { back, cookie } = await arrive();
    const { payload } = await jwtDecrypt(cookie.slice("upchirp_oidc=".length), key);
    expect(payload.exp).toBeLessThanOrEqual(systemClock.nowMs() / 1000 + 600);
    const old = new EncryptJWT({ ...payload, exp: Math.floor(systemClock.nowMs() / 1000) - 1 });
    const sealed = await old.setProtectedHeader({ alg: "dir", enc: "A256GCM" }).encrypt(key);
    expect((await comeBack({ back, cookie: `upchirp_oidc=${sealed}` })).statusCode).toBe(401);
  });

  test("works once", async () => {
    const given = await arrive();
    expect((await comeBack(given)).statusCode).toBe(302);
    expect((await comeBack(given)).statusCode).toBe(401);
  });

  test("leads to pages of this server only", async () => {
    for (const returnTo of ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]) {
      const url = `/api/login/oidc?returnTo=${encodeURIComponent(returnTo)}`;
      expect((await api.call("GET", url, undefined, {})).statusCode, returnTo).toBe(400);
    }
  });

  test("tells nothing of secrets to the log", async () => {
    await logIn("quiet");
    const { back, cookie } = await arrive();
    await comeBack({ back, cookie: "" });
    const code = back.searchParams.get("code") ?? "";
    expect(code).not.toBe("");
    for (const secret of [code, cookie, testClient.secret]) expect(api.logged.join("")).not.toContain(secret);
  });
});

test("without a provider there is no such way, and one that is away is no fault of the server", async () => {
  const plain = await startTestApi();
  const away = await startOpenIdProvider();
  await away.end();
  const config = {
    issuer: away.issuer,
    clientId: "c",
    publicUrl: testClient.publicUrl,
    scopes: "openid",
    groupsClaim: "groups",
  };
  const openId = createOpenIdProvider({ config, groups: [], key: randomBytes(32), clock: systemClock });
  const cut = await startTestApi({ identity: { openId, policy } });
  try {
    for (const path of ["", "/callback", "/logout"]) {
      expect((await plain.call("GET", `/api/login/oidc${path}`, undefined, {})).statusCode).toBe(404);
    }
    const answer = await cut.call("GET", "/api/login/oidc", undefined, {});
    expect(answer.json()).toMatchObject({ status: 503, code: "identity_provider_unavailable" });
    expect(cut.logged.join("")).toContain("ECONNREFUSED");
  } finally {
    await plain.end();
    await cut.end();
  }
});
