import { once } from "node:events";
import { createServer } from "node:http";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Tenant } from "../../../app-server/catalog-ports.ts";
import type { GroupRight } from "../../../app-server/config.ts";
import { createTokenVerifier } from "../../../app-server/identity/bearer-tokens.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const issuer = "https://issuer.example";
const audience = "https://upchirp.example";
const clock = createVirtualClock();
const groups: GroupRight[] = [];

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: object;
}
async function newKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  return { kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256" } };
}

/** What the issuer publishes; undefined: it does not answer as it should. */
let published: readonly SigningKey[] | undefined;
let fetches = 0;
const jwksServer = createServer((_request, response) => {
  fetches += 1;
  if (published === undefined) response.writeHead(500).end();
  else response.end(JSON.stringify({ keys: published.map(({ publicJwk }) => publicJwk) }));
});

let api: TestApi;
let tenant: Tenant;
let first: SigningKey;
let config: Parameters<typeof createTokenVerifier>[0]["config"];

beforeAll(async () => {
  jwksServer.listen(0, "127.0.0.1");
  await once(jwksServer, "listening");
  const address = jwksServer.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  config = { issuer, audience, jwksUrl: `http://127.0.0.1:${port}/keys`, groupsClaim: "realm_access.roles" };
  const tokens = createTokenVerifier({ config, groups, clock, cooldownMs: 0 });
  api = await startTestApi({ clock, identity: { tokens, policy: { createUsers: false, linkByEmail: false } } });
  tenant = await api.repositories.tenants.create({ name: "t", description: "", tags: {} });
  groups.push(
    { group: "readers", administrator: false, tenantId: tenant.id, role: "viewer" },
    { group: "ops", administrator: true },
  );
  first = await newKey("first");
  published = [first];
});
afterAll(async () => {
  await api.end();
  jwksServer.close();
});

const claims = (given: JWTPayload = {}): JWTPayload => ({
  iss: issuer,
  aud: audience,
  sub: "service-1",
  exp: clock.nowMs() / 1000 + 300,
  realm_access: { roles: ["readers"] },
  ...given,
});
const sign = ({ kid, privateKey }: SigningKey, given?: JWTPayload, without = ""): Promise<string> => {
  const { [without]: _left, ...payload } = claims(given);
  return new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
};
const withToken = (method: "GET" | "POST", path: string, token: string) =>
  api.call(method, path, undefined, { authorization: `Bearer ${token}` });
const me = (token: string) => withToken("GET", "/api/me", token);

describe("a bearer token of another issuer", () => {
  test("has the rights of its groups, and no login or password", async () => {
    const token = await sign(first);
    expect((await me(token)).json()).toEqual({
      kind: "token",
      id: "service-1",
      name: "service-1",
      isAdministrator: false,
      isReadOnly: false,
      memberships: [{ tenantId: tenant.id, tenantName: "t", role: "viewer", applicationIds: null }],
    });
    expect((await withToken("GET", "/api/users", token)).statusCode).toBe(403);
    expect((await withToken("GET", "/api/me/sessions", token)).statusCode).toBe(403);
    const administrator = await sign(first, { realm_access: { roles: ["ops"] } });
    expect((await withToken("GET", "/api/users", administrator)).statusCode).toBe(200);
  });

  test("without a known group reaches nothing", async () => {
    const token = await sign(first, { realm_access: { roles: ["elsewhere"] }, groups: ["ops"] });
    expect((await me(token)).json()).toMatchObject({ isAdministrator: false, memberships: [] });
    expect((await withToken("GET", `/api/tenants/${tenant.id}`, token)).statusCode).toBe(404);
  });

  test.each<[string, JWTPayload, string?]>([
    ["for another audience", { aud: "https://other.example" }],
    ["of another issuer", { iss: "https://other.example" }],
    ["that has expired", { exp: clock.nowMs() / 1000 - 31 }],
    ["that never expires", {}, "exp"],
    ["that is not valid yet", { nbf: clock.nowMs() / 1000 + 60 }],
    ["of nobody", {}, "sub"],
  ])("%s is refused", async (_name, given, without) => {
    expect((await me(await sign(first, given, without))).statusCode).toBe(401);
  });

  test("with a signature that is not the issuer's is refused", async () => {
    const impostor = await newKey("first");
    expect((await me(await sign(impostor))).statusCode).toBe(401);
    expect((await me(new UnsecuredJWT(claims()).encode())).statusCode).toBe(401);
    // A public key is no secret: it must not be taken for the key of a MAC.
    const secret = Buffer.from(JSON.stringify(first.publicJwk));
    const confused = new SignJWT(claims()).setProtectedHeader({ alg: "HS256", kid: "first" }).sign(secret);
    expect((await me(await confused)).statusCode).toBe(401);
    const [header, , signature] = (await sign(first)).split(".");
    const [, payload] = (await sign(first, { realm_access: { roles: ["ops"] } })).split(".");
    expect((await me([header, payload, signature].join("."))).statusCode).toBe(401);
  });

  test("goes on when the issuer's keys change, and one of a key that was taken back is refused", async () => {
    const second = await newKey("second");
    published = [first, second];
    expect((await me(await sign(second))).statusCode).toBe(200);
    published = [second];
    // Keys are read again when one is not known.
    expect((await me(await sign(await newKey("third")))).statusCode).toBe(401);
    expect((await me(await sign(first))).statusCode).toBe(401);
    published = [first, second];
  });

  test("with a made-up key id does not make the server ask the issuer each time", async () => {
    const tokens = createTokenVerifier({ config, groups, clock });
    const strangers = await Promise.all(["a", "b", "c", "d"].map(newKey));
    const before = fetches;
    for (const stranger of strangers) expect(await tokens.verify(await sign(stranger))).toBeUndefined();
    expect(fetches - before).toBe(1);
  });

  test("cannot be judged while the issuer's keys cannot be read", async () => {
    const tokens = createTokenVerifier({ config, groups, clock });
    published = undefined;
    await expect(tokens.verify(await sign(first))).rejects.toMatchObject({ code: "identity_provider_unavailable" });
    const before = fetches;
    for (let n = 0; n < 5; n += 1) {
      await expect(tokens.verify(await sign(first))).rejects.toMatchObject({ code: "identity_provider_unavailable" });
    }
    expect(fetches - before).toBe(0);
    published = [first];
    await clock.advance(5000);
    expect(await tokens.verify(await sign(first))).toMatchObject({ subject: "service-1" });
  });

  test("is in the audit log as its subject, and in no log itself", async () => {
    const token = await sign(first, { realm_access: { roles: ["ops"] } });
    await api.call("POST", "/api/tenants", { name: "made by a token" }, { authorization: `Bearer ${token}` });
    const log = await api.call("GET", "/api/audit-log?action=POST%20/api/tenants&limit=1");
    expect(log.json()).toMatchObject({ items: [{ actor: { kind: "token", name: "service-1" }, status: 201 }] });
    expect(log.body + api.logged.join("")).not.toContain(token);
  });
});

test("without an issuer in the configuration no such token is looked at", async () => {
  const plain = await startTestApi();
  try {
    const headers = { authorization: `Bearer ${await sign(first)}` };
    expect((await plain.call("GET", "/api/me", undefined, headers)).statusCode).toBe(401);
  } finally {
    await plain.end();
  }
});
