import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api.ts";
import { createTestTerminal, type Run, runProgram } from "../support/terminal.ts";

let api: TestApi;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  api = await startTestApi();
  const apiKey = { tenantId: null, name: "ann", role: "administrator", expiresAt: null } as const;
  const { token } = await api.repositories.apiKeys.create(apiKey);
  env = {
    UPCHIRP_URL: await api.app.listen({ host: "127.0.0.1", port: 0 }),
    UPCHIRP_TOKEN: token,
  };
});
afterAll(() => api.end());

const upchirp = (...args: readonly string[]): Promise<Run> =>
  runProgram([...args], createTestTerminal({ env, clock: api.clock }));

describe("upchirp audit", () => {
  test("lists who changed what, and how it ended", async () => {
    await upchirp("tenant", "create", "--name", "Acme");
    const { output } = await upchirp("audit", "list", "--actor", "ann", "--action", "POST", "--last", "1h");
    expect(output).toMatch(/^Time +Who +What +Of +Outcome\n\S+ +ann +POST \/api\/tenants +201\n$/);
    expect((await upchirp("audit", "list", "--actor", "nobody")).output).toBe("Nothing was done.\n");
  });

  test("checks the log, and fails when it does not hold", async () => {
    const good = await upchirp("audit", "verify");
    expect(good).toMatchObject({ exitCode: 0, errors: "" });
    expect(good.output).toMatch(/^All \d+ entries are as they were written\. Signature of the newest: [0-9a-f]{64}\n$/);
    await api.sql.run("alter table audit_log disable trigger audit_log_kept");
    await api.sql.run("update audit_log set entry = replace(entry, 'Acme', 'Umbrella')");
    const bad = await upchirp("audit", "verify");
    expect(bad).toMatchObject({ exitCode: 1, output: "" });
    expect(bad.errors).toMatch(/^error: Entry 1: the signature does not fit/);
  });
});
