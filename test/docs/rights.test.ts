import { TOTP } from "otpauth";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appServerFaults } from "../../app-server/config.ts";
import { configSchema } from "../../compose/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { createTestTerminal, runProgram } from "../support/terminal.ts";
import { blocksOf, readText } from "./markdown.ts";

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

  test.each(commands)("%s", async command => {
    const terminal = createTestTerminal({ env, clock: api.clock });
    const [, ...words] = command.split(" ");
    expect(await runProgram(words, terminal)).toMatchObject({ exitCode: 0, errors: "" });
  });
});
