import { TOTP } from "otpauth";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkPlace, type TenantRight } from "../../app-server/api/access.ts";
import { type TenantRole, tenantRoles } from "../../app-server/catalog-ports.ts";
import { appServerFaults } from "../../app-server/config.ts";
import { configSchema } from "../../compose/config.ts";
import { parseTenantId } from "../../lorawan/ids.ts";
import { loadConfig } from "../../platform/config.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { createTestTerminal, runProgram } from "../support/terminal.ts";
import { blocksOf, plain, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/rights.md");
const commands = blocksOf(page)
  .filter(({ language }) => language === "sh")
  .flatMap(({ text }) => text.trim().split("\n"));

let api: TestApi;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  api = await startTestApi();
  const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  const key = { tenantId: null, name: "docs", role: "administrator", expiresAt: null } as const;
  env = { UPCHIRP_URL: url, UPCHIRP_TOKEN: (await api.repositories.apiKeys.create(key)).token };
  const { id } = await api.repositories.tenants.create({ name: "Default", description: "", tags: {} });
  await api.repositories.applications.create({ tenantId: id, name: "water", description: "", tags: {} });
  const ada = { email: "ada@example.com", password: "correct horse", isAdministrator: false, isActive: true, note: "" };
  const user = await api.repositories.users.create(ada);
  const secret = await api.deps.secondFactors.begin(user.id);
  await api.deps.secondFactors.confirm(user.id, new TOTP({ secret }).generate({ timestamp: api.clock.nowMs() }));
});
afterAll(() => api.end());

describe("docs/rights.md", () => {
  test("its configuration is one that the server takes", async () => {
    const fileText = blocksOf(page).find(({ language }) => language === "toml")?.text ?? "";
    const config = loadConfig(configSchema, { fileText, env: {}, overrides: [] });
    expect(config.appServer.login.groups).toHaveLength(2);
    expect(appServerFaults(config.appServer)).toEqual([]);
  });

  test("its table of roles is what the code has", () => {
    const tenantId = parseTenantId("52f14cd4-c6f1-4fbd-8f87-4025e1d49242");
    const isAllowed = (role: TenantRole, right: TenantRight): boolean => {
      const grants = new Map([[tenantId, { role, applicationIds: null }]]);
      const principal = { kind: "user", id: "", name: "", isAdministrator: false, isReadOnly: false, grants } as const;
      try {
        checkPlace(principal, { tenantId }, right, "thing");
        return true;
      } catch {
        return false;
      }
    };
    const rights: readonly TenantRight[] = ["read", "devices", "gateways", "tenant"];
    const expected = tenantRoles.map(role => [role, ...rights.map(right => (isAllowed(role, right) ? "yes" : ""))]);
    const rows = tableUnder(page, "Who there is").map(([role, ...cells]) => [plain(role), ...cells]);
    expect(rows).toEqual(expected);
  });

  test.each(commands)("%s", async command => {
    const terminal = createTestTerminal({ env, clock: api.clock });
    const [, ...words] = command.split(" ");
    expect(await runProgram(words, terminal)).toMatchObject({ exitCode: 0, errors: "" });
  });
});
