import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";

const password = "correct horse";
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  for (const name of ["ann", "bob", "cleo", "dan"]) {
    const email = `${name}@example.org`;
    await api.repositories.users.create({ email, password, isAdministrator: name === "ann", isActive: true, note: "" });
  }
});
afterAll(() => api.end());

const logIn = (name: string, given = password) =>
  api.call("POST", "/api/login", { email: `${name}@example.org`, password: given }, {});

async function cookieOf(name: string): Promise<string> {
  const cookie = (await logIn(name)).cookies.find(given => given.name === "upchirp_session");
  return `${cookie?.name}=${cookie?.value}`;
}

describe("a login", () => {
  test("gives a token and a cookie that scripts and other sites cannot use", async () => {
    const answer = await logIn("ann");
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    const { token } = answer.json<{ token: string }>();
    expect(answer.cookies).toContainEqual(
      expect.objectContaining({ name: "upchirp_session", value: token, httpOnly: true, sameSite: "Strict", path: "/" }),
    );
    const me = await api.call("GET", "/api/me", undefined, { authorization: `Bearer ${token}` });
    expect(me.json()).toMatchObject({ kind: "user", name: "ann@example.org", isAdministrator: true, memberships: [] });
  });

  test("is refused alike for a wrong password and an unknown email", async () => {
    const [wrong, unknown] = [await logIn("ann", "wrong"), await logIn("nobody")];
    expect(wrong.statusCode).toBe(401);
    expect(unknown.body).toBe(wrong.body);
  });

  test("ends with its logout and at its time", async () => {
    const { token } = (await logIn("ann")).json<{ token: string }>();
    const headers = { authorization: `Bearer ${token}` };
    expect((await api.call("POST", "/api/logout", undefined, headers)).statusCode).toBe(204);
    expect((await api.call("GET", "/api/me", undefined, headers)).statusCode).toBe(401);
    const second = { authorization: `Bearer ${(await logIn("ann")).json<{ token: string }>().token}` };
    await api.clock.advance(api.deps.loginLifetimeMs);
    expect((await api.call("GET", "/api/me", undefined, second)).statusCode).toBe(401);
  });

  test("shows the user's roles, also right after a change", async () => {
    const cookie = await cookieOf("bob");
    const tenant = await api.repositories.tenants.create({ name: "Acme", description: "", tags: {} });
    const me = async () => (await api.call("GET", "/api/me", undefined, { cookie })).json<{ id: string }>();
    const { id } = await me();
    await api.call("PUT", `/api/tenants/${tenant.id}/users/${id}`, { role: "viewer" });
    expect(await me()).toMatchObject({ memberships: [{ tenantId: tenant.id, tenantName: "Acme", role: "viewer" }] });
    await api.call("DELETE", `/api/tenants/${tenant.id}/users/${id}`);
    expect(await me()).toMatchObject({ memberships: [] });
  });

  test("changes its own password only with the current one", async () => {
    const cookie = await cookieOf("dan");
    const headers = { cookie, "x-requested-with": "test" };
    const change = (currentPassword: string) =>
      api.call("PUT", "/api/me/password", { currentPassword, newPassword: "battery staple" }, headers);
    expect((await change("wrong")).statusCode).toBe(422);
    expect((await change(password)).statusCode).toBe(204);
    expect((await logIn("dan")).statusCode).toBe(401);
    expect((await logIn("dan", "battery staple")).statusCode).toBe(200);
    expect((await api.call("GET", "/api/me", undefined, { cookie })).statusCode).toBe(401);
  });
});

describe("logins", () => {
  const sessionsOf = async (headers: Readonly<Record<string, string>>) =>
    (await api.call("GET", "/api/me/sessions", undefined, headers)).json<{
      items: { id: string; isCurrent: boolean }[];
    }>().items;
  const bearer = async (name: string) => ({
    authorization: `Bearer ${(await logIn(name)).json<{ token: string }>().token}`,
  });

  test("are listed with where they were made, and ended one by one", async () => {
    const [first, second] = [await bearer("cleo"), await bearer("cleo")];
    const listed = await sessionsOf(second);
    expect(listed.filter(session => session.isCurrent)).toMatchObject([
      { address: "127.0.0.1", userAgent: "lightMyRequest" },
    ]);
    const [other] = (await sessionsOf(first)).filter(session => session.isCurrent);
    expect((await api.call("DELETE", `/api/me/sessions/${other?.id}`, undefined, second)).statusCode).toBe(204);
    expect((await api.call("GET", "/api/me", undefined, first)).statusCode).toBe(401);
    expect((await api.call("GET", "/api/me", undefined, second)).statusCode).toBe(200);
  });

  test("of somebody else are not one's own to end, but an administrator's", async () => {
    const [ann, cleo] = [await bearer("ann"), await bearer("cleo")];
    const [session] = (await sessionsOf(cleo)).filter(listed => listed.isCurrent);
    expect((await api.call("DELETE", `/api/me/sessions/${session?.id}`, undefined, ann)).statusCode).toBe(404);
    const { id } = (await api.call("GET", "/api/me", undefined, cleo)).json<{ id: string }>();
    const listed = await api.call("GET", `/api/users/${id}/sessions`, undefined, ann);
    expect(listed.json<{ items: object[] }>().items).toContainEqual(expect.objectContaining({ id: session?.id }));
    expect((await api.call("DELETE", `/api/users/${id}/sessions`, undefined, ann)).statusCode).toBe(204);
    expect((await api.call("GET", "/api/me", undefined, cleo)).statusCode).toBe(401);
  });
});

describe("a change with the cookie", () => {
  const change = (headers: Record<string, string>) => api.call("POST", "/api/tenants", { name: "forged" }, headers);

  test("is refused when another site may have made the browser send it", async () => {
    const cookie = await cookieOf("ann");
    for (const headers of [{ cookie }, { cookie, origin: "https://evil.example" }, { cookie, origin: "null" }]) {
      expect((await change(headers)).json()).toMatchObject({ status: 403, code: "cross_site" });
    }
  });

  test("is let in from the same origin or with a header that needs permission", async () => {
    const cookie = await cookieOf("ann");
    const sameOrigin = { cookie, host: "lora.example:8080", origin: "http://lora.example:8080" };
    expect((await change(sameOrigin)).statusCode).toBe(201);
    expect((await change({ cookie, "x-requested-with": "console" })).statusCode).toBe(201);
  });

  test("needs no such proof with the token in the header", async () => {
    const { token } = (await logIn("ann")).json<{ token: string }>();
    const headers = { authorization: `Bearer ${token}`, origin: "https://evil.example" };
    expect((await change(headers)).statusCode).toBe(201);
  });
});

describe("attempts to log in", () => {
  test("are limited per account, and the right password does not help during the wait", async () => {
    await api.clock.advance(60_000);
    const wrong = [];
    for (let attempt = 0; attempt < 10; attempt += 1) wrong.push((await logIn("cleo", "wrong")).statusCode);
    expect(new Set(wrong)).toEqual(new Set([401]));
    expect((await logIn("cleo")).json()).toMatchObject({ status: 429, code: "too_many_attempts" });
    expect((await logIn("CLEO")).statusCode).toBe(429);
    expect((await logIn("bob")).statusCode).toBe(200);
    await api.clock.advance(60_000);
    expect((await logIn("cleo")).statusCode).toBe(200);
  });

  test("by strangers do not lock out a browser that the account has logged in from", async () => {
    await api.clock.advance(60_000);
    const browser = (await logIn("bob")).cookies.find(given => given.name === "upchirp_browser");
    const cookie = `${browser?.name}=${browser?.value}`;
    for (let attempt = 0; attempt < 10; attempt += 1) await logIn("bob", "wrong");
    expect((await logIn("bob")).statusCode).toBe(429);
    const from = (name: string, given: string) =>
      api.call("POST", "/api/login", { email: `${name}@example.org`, password: given }, { cookie });
    expect((await from("bob", password)).statusCode).toBe(200);
    for (let attempt = 0; attempt < 10; attempt += 1) await from("bob", "wrong");
    expect((await from("bob", password)).statusCode).toBe(429);
    await api.clock.advance(60_000);
    // It is this account's browser and no other's.
    for (let attempt = 0; attempt < 10; attempt += 1) await logIn("cleo", "wrong");
    expect((await from("cleo", password)).statusCode).toBe(429);
    await api.clock.advance(60_000);
  });

  test("are counted by all application servers together", async () => {
    const other = await startTestApi({ clock: api.clock, counters: api.deps.counters });
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const body = { email: "shared@example.org", password: "wrong" };
      statuses.push((await (attempt % 2 === 0 ? api : other).call("POST", "/api/login", body, {})).statusCode);
    }
    await other.end();
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
    await api.clock.advance(60_000);
  });

  test("are limited per address, whatever the accounts", async () => {
    await api.clock.advance(60_000);
    const answers = [];
    for (let attempt = 0; attempt < 31; attempt += 1) answers.push((await logIn(`guess${attempt}`)).statusCode);
    expect(answers.filter(status => status === 401)).toHaveLength(30);
    expect(answers.at(-1)).toBe(429);
    await api.clock.advance(60_000);
  });
});
