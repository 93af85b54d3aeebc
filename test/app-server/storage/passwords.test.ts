import { pbkdf2Sync } from "node:crypto";
import Type from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Users } from "../../../app-server/catalog-ports.ts";
import { checkPassword } from "../../../app-server/storage/passwords.ts";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import type { Sql } from "../../../platform/sql.ts";
import { migratedTestSql } from "../../support/postgres.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const unpadded = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "");

function foreignHash(password: string, iterations = 1000): string {
  const salt = Buffer.from("a salt of 16 byte");
  const key = pbkdf2Sync(password, salt, iterations, 32, "sha512");
  return `$pbkdf2-sha512$i=${iterations},l=32$${unpadded(salt)}$${unpadded(key)}`;
}

describe("a password hash of another server", () => {
  let sql: Sql;
  let users: Users;
  let end: () => Promise<void>;
  beforeAll(async () => {
    ({ sql, end } = await migratedTestSql());
    users = createRepositories(sql, createVirtualClock()).users;
  });
  afterAll(() => end());

  const hashOf = async (email: string): Promise<string> => {
    const rows = await sql.rows(Type.Object({ password_hash: Type.String() }), "select * from users where email = $1", [
      email,
    ]);
    return rows[0]?.password_hash ?? "";
  };

  test("lets its user in, and is our own kind of hash from then on", async () => {
    const hash = foreignHash("their password");
    await sql.run("insert into users (email, password_hash) values ('eve@example.org', $1)", [hash]);
    expect(await users.verify("eve@example.org", "another")).toBeUndefined();
    expect(await hashOf("eve@example.org")).toBe(hash);
    expect(await users.verify("eve@example.org", "their password")).toMatchObject({ email: "eve@example.org" });
    expect(await hashOf("eve@example.org")).toMatch(/^\$argon2id\$/);
    expect(await users.verify("eve@example.org", "their password")).toMatchObject({ email: "eve@example.org" });
    expect(await users.verify("eve@example.org", "another")).toBeUndefined();
  });

  test("is never right when it is broken or would take for ever", async () => {
    const good = foreignHash("secret");
    expect(await checkPassword(good, "secret")).toBe(true);
    for (const broken of [
      good.slice(0, -20),
      good.replace("i=1000", "i=9999999"),
      good.replace("i=1000,", ""),
      good.replace("$i=", "$x=1,i=0,"),
      "$pbkdf2-sha512$",
    ]) {
      expect(await checkPassword(broken, "secret")).toBe(false);
    }
  });
});
