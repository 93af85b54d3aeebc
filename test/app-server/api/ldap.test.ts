import { once } from "node:events";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Tenant } from "../../../app-server/catalog-ports.ts";
import {
  appServerConfigSchema,
  appServerFaults,
  type DirectoryConfig,
  type GroupRight,
} from "../../../app-server/config.ts";
import { createPasswordDirectory } from "../../../app-server/identity/directory.ts";
import { loadConfig } from "../../../platform/config.ts";
import { startTestApi, type TestApi } from "../../support/api.ts";
import { startLdap, type TestLdap, testDirectory, whyNoLdap } from "../../support/ldap.ts";

const caFile = fileURLToPath(new URL("../../support/tls/ca.pem", import.meta.url));
const password = "correct horse";

describe.skipIf(whyNoLdap !== undefined)(`a login by LDAP${whyNoLdap === undefined ? "" : ` (${whyNoLdap})`}`, () => {
  let ldap: TestLdap;
  let api: TestApi;
  let tenant: Tenant;
  let config: DirectoryConfig;
  const groups: GroupRight[] = [];

  beforeAll(async () => {
    ldap = await startLdap();
    const { baseDn, reader } = testDirectory;
    config = {
      url: ldap.url,
      startTls: false,
      bindDn: reader.dn,
      bindPassword: reader.password,
      baseDn,
      userFilter: "(|(uid={login})(mail={login}))",
      idAttribute: "entryUUID",
      emailAttribute: "mail",
      groupFilter: "(member={dn})",
      groupAttribute: "cn",
    };
    const directory = createPasswordDirectory(config, groups);
    api = await startTestApi({ identity: { directory, policy: { createUsers: true, linkByEmail: false } } });
    tenant = await api.repositories.tenants.create({ name: "t", description: "", tags: {} });
    groups.push(
      { group: "ops", administrator: true },
      { group: "field", administrator: false, tenantId: tenant.id, role: "device-manager" },
    );
    await ldap.person("ada", password);
    await ldap.person("bob", "another horse");
    await ldap.group("field", ["ada"]);
  });
  afterAll(async () => {
    await api.end();
    await ldap.stop();
  });

  async function logIn(email: string, given = password) {
    // Attempts are counted by address.
    await api.clock.advance(60_000);
    return api.call("POST", "/api/login", { email, password: given }, {});
  }
  async function meOf(answer: Awaited<ReturnType<typeof logIn>>): Promise<Readonly<Record<string, unknown>>> {
    expect(answer.statusCode, answer.body).toBe(200);
    const authorization = `Bearer ${answer.json<{ token: string }>().token}`;
    return (await api.call("GET", "/api/me", undefined, { authorization })).json();
  }

  test("makes a user with the rights of its groups, found by name or email", async () => {
    const me = await meOf(await logIn("ada"));
    expect(me).toMatchObject({
      kind: "user",
      name: "ada@example.org",
      isAdministrator: false,
      memberships: [{ tenantId: tenant.id, role: "device-manager" }],
    });
    expect(await meOf(await logIn("ada@example.org"))).toMatchObject({ id: me.id });
  });

  test("follows the groups of the moment", async () => {
    await ldap.group("ops", ["bob"]);
    expect(await meOf(await logIn("bob", "another horse"))).toMatchObject({ isAdministrator: true });
    await ldap.remove("cn=ops");
    expect(await meOf(await logIn("bob", "another horse"))).toMatchObject({ isAdministrator: false });
  });

  test("asks the directory as much about who is not there as about a wrong password", async () => {
    let requests = 0;
    let ended = Promise.resolve();
    const between = createServer(socket => {
      ended = once(socket, "close").then(() => {});
      const server = connect(Number(new URL(ldap.url).port), "127.0.0.1");
      socket.on("data", () => {
        requests += 1;
      });
      socket.pipe(server).pipe(socket);
    });
    between.listen(0, "127.0.0.1");
    await once(between, "listening");
    const address = between.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const directory = createPasswordDirectory({ ...config, url: `ldap://127.0.0.1:${port}` }, groups);
    const requestsFor = async (login: string): Promise<number> => {
      const before = requests;
      expect(await directory.verify(login, "wrong")).toBeUndefined();
      await ended;
      return requests - before;
    };
    expect(await requestsFor("nobody")).toBe(await requestsFor("ada"));
    between.close();
  });

  test("is refused for a wrong password, an empty one, and who is not there", async () => {
    for (const [email, given] of [
      ["ada", "wrong"],
      ["ada", ""],
      ["nobody", password],
      ["", password],
    ] as const) {
      expect((await logIn(email, given)).statusCode, `${email}, ${given}`).toBe(401);
    }
  });

  test("takes what is typed for a name, and never for a part of the search", async () => {
    for (const login of [
      "*",
      "ad*",
      "ada)(uid=*",
      "*)(|(uid=ada",
      "\\61da",
      "ada)(objectClass=*))(&(uid=x",
      "$`*",
      "$'",
      "$&",
      "reader",
    ]) {
      expect((await logIn(login)).statusCode, login).toBe(401);
    }
    for (const name of ["star*(1)", "a$&b", "a$`b"]) {
      await ldap.person(name, password);
      expect(await meOf(await logIn(name))).toMatchObject({ name: `${name}@example.org` });
    }
  });

  test("lets nobody in whom the directory knows no more", async () => {
    await ldap.person("leaver", password);
    expect((await logIn("leaver")).statusCode).toBe(200);
    await ldap.remove("uid=leaver");
    expect((await logIn("leaver")).statusCode).toBe(401);
    // Another person of that name is another user, whose email is taken here.
    await ldap.person("leaver", password);
    expect((await logIn("leaver")).statusCode).toBe(401);
  });

  test("makes no password here that would outlive the directory's", async () => {
    const { token } = (await logIn("ada")).json<{ token: string }>();
    const body = { currentPassword: password, newPassword: "another long one" };
    const answer = await api.call("PUT", "/api/me/password", body, { authorization: `Bearer ${token}` });
    expect(answer.statusCode).toBe(422);
  });

  test("goes by StartTLS, with a certificate that is checked", async () => {
    const secure = createPasswordDirectory({ ...config, startTls: true, caFile }, groups);
    expect(await secure.verify("ada", password)).toMatchObject({ email: "ada@example.org" });
    const stranger = createPasswordDirectory({ ...config, startTls: true }, groups);
    const url = ldap.urlOfAnotherName;
    const misnamed = createPasswordDirectory({ ...config, url, startTls: true, caFile }, groups);
    expect(await createPasswordDirectory({ ...config, url }, groups).verify("ada", password)).toBeDefined();
    for (const directory of [stranger, misnamed]) {
      await expect(directory.verify("ada", password)).rejects.toMatchObject({ code: "identity_provider_unavailable" });
    }
  });

  test("is no verdict while the directory cannot be asked, and users of this server still log in", async () => {
    const away = createPasswordDirectory({ ...config, url: "ldap://127.0.0.1:9" }, groups);
    const reader = createPasswordDirectory({ ...config, bindPassword: "changed meanwhile" }, groups);
    for (const [directory, reason] of [
      [away, /ECONNREFUSED/],
      [reader, /InvalidCredentials/],
    ] as const) {
      const code = "identity_provider_unavailable";
      const message = expect.stringMatching(reason);
      await expect(directory.verify("ada", password)).rejects.toMatchObject({ code, message });
    }
    const cut = await startTestApi({
      identity: { directory: away, policy: { createUsers: true, linkByEmail: false } },
    });
    try {
      const local = { email: "local@example.org", password, isAdministrator: false, isActive: true, note: "" };
      await cut.repositories.users.create(local);
      const tryLogin = (email: string) => cut.call("POST", "/api/login", { email, password }, {});
      expect((await tryLogin("ada")).statusCode).toBe(503);
      expect((await tryLogin("local@example.org")).statusCode).toBe(200);
    } finally {
      await cut.end();
    }
  });

  test("leaves no password in a log", async () => {
    await logIn("ada", "a wrong password");
    const audit = (await api.call("GET", "/api/audit-log?limit=100")).body;
    for (const secret of [password, "a wrong password", testDirectory.reader.password]) {
      expect(audit + api.logged.join("")).not.toContain(secret);
    }
  });
});

test("a directory to which passwords would go in the clear is refused at the start", () => {
  const faultsOf = (url: string, startTls: boolean) => {
    const fileText = `[login.ldap]\nurl = "${url}"\nstartTls = ${startTls}\nbaseDn = "dc=example,dc=org"`;
    return appServerFaults(loadConfig(appServerConfigSchema, { fileText, env: {}, overrides: [] }));
  };
  expect(faultsOf("ldap://ldap.example.org", false)).toHaveLength(1);
  expect(faultsOf("ldap://localhost.example.org", false)).toHaveLength(1);
  for (const [url, startTls] of [
    ["ldap://ldap.example.org", true],
    ["ldaps://ldap.example.org", false],
    ["ldap://127.0.0.1:389", false],
  ] as const) {
    expect(faultsOf(url, startTls)).toEqual([]);
  }
});
