import { expect, test } from "vitest";
import { firstStart } from "../../../app-server/storage/first-start.ts";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import { systemClock } from "../../../platform/clock.ts";
import { testSql } from "../../support/postgres.ts";

const options = { administratorEmail: "admin@localhost" };

test("an empty catalog gets an administrator who can log in, and a tenant", async () => {
  const sql = await testSql();
  const { users, tenants } = createRepositories(sql, systemClock);
  const administrator = await firstStart(sql, options);
  expect(administrator?.email).toBe("admin@localhost");
  expect(await users.verify("admin@localhost", administrator?.password ?? "")).toMatchObject({ isAdministrator: true });
  expect((await tenants.list({ tenants: "all" }, { limit: 10 })).items).toMatchObject([{ name: "Default" }]);
});

test("a second start changes nothing", async () => {
  const sql = await testSql();
  const first = await firstStart(sql, options);
  expect(await firstStart(sql, options)).toBeUndefined();
  const { users } = createRepositories(sql, systemClock);
  expect(await users.verify("admin@localhost", first?.password ?? "")).toBeDefined();
});

test("two processes that start at once make one administrator", async () => {
  const sql = await testSql();
  const made = await Promise.all([firstStart(sql, options), firstStart(sql, options)]);
  expect(made.filter(administrator => administrator !== undefined)).toHaveLength(1);
});
