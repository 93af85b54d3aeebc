import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ensureLocalToken } from "../../app-server/local-token.ts";
import { createRepositories } from "../../app-server/storage/repositories.ts";
import { testSql } from "../support/postgres.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const dayMs = 24 * 3600 * 1000;

async function setUp() {
  // Rows are dated by the database.
  const clock = createVirtualClock(Date.now());
  const { apiKeys } = createRepositories(await testSql(), clock);
  const folder = mkdtempSync(join(tmpdir(), "upchirp-token-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  let folders = 0;
  /** The token of a server that starts on a new data folder. */
  const start = async (secret: Uint8Array): Promise<string> => {
    folders += 1;
    const path = join(folder, String(folders));
    await ensureLocalToken({ apiKeys, clock, secret, path });
    return readFileSync(path, "utf8").trim();
  };
  const keys = async () => (await apiKeys.list({ tenants: "all" }, { limit: 100 })).items;
  return { clock, apiKeys, start, keys };
}

test("servers of one installation have one key for their command lines, whatever becomes of their data folders", async () => {
  const { apiKeys, start, keys } = await setUp();
  const secret = randomBytes(32);
  const token = await start(secret);
  expect(await apiKeys.find(token)).toMatchObject({ role: "administrator", tenantId: null });
  expect(await start(secret)).toBe(token);
  expect(await keys()).toHaveLength(1);
});

test("a key that was deleted does not come back", async () => {
  const { apiKeys, start, keys } = await setUp();
  const secret = randomBytes(32);
  const token = await start(secret);
  const [key] = await keys();
  await apiKeys.remove(key?.id ?? "");
  expect(await start(secret)).not.toBe(token);
  expect(await apiKeys.find(token)).toBeUndefined();
});

test("servers without the secret have keys of their own, which go when nobody has used them for a month", async () => {
  const { apiKeys, clock, start, keys } = await setUp();
  const own = { tenantId: null, name: "auditor", role: "administrator", expiresAt: null } as const;
  await apiKeys.create(own);
  await start(randomBytes(32));
  const used = await start(randomBytes(32));
  await clock.advance(20 * dayMs);
  await apiKeys.find(used);
  await clock.advance(11 * dayMs);
  await start(randomBytes(32));
  expect(await apiKeys.find(used)).toBeDefined();
  expect((await keys()).map(({ name }) => name).toSorted()).toEqual([
    "auditor",
    ...Array(2).fill("command line on this machine"),
  ]);
});
