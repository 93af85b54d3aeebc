import { randomBytes } from "node:crypto";
import Type from "typebox";
import type { Sql } from "../../platform/sql.ts";
import { hashPassword } from "./passwords.ts";

export interface FirstStartOptions {
  readonly administratorEmail: string;
}

/** Printed once and kept nowhere. */
export interface FirstAdministrator {
  readonly email: string;
  readonly password: string;
}

/** Any number that nothing else locks; two processes that start on an empty database must not both create a user. */
const firstStartLock = 0x75706331;

/**
 * Makes an empty catalog usable: an administrator with a random password, and a tenant to put things in. Undefined, and
 * nothing changed, when there is a user already.
 */
export async function firstStart(sql: Sql, options: FirstStartOptions): Promise<FirstAdministrator | undefined> {
  const Nothing = Type.Object({});
  const someUser = "select 1 from users limit 1";
  if ((await sql.rows(Nothing, someUser)).length > 0) return undefined;
  const password = randomBytes(15).toString("base64url");
  const passwordHash = await hashPassword(password);
  return sql.transaction(async transaction => {
    await transaction.run("select pg_advisory_xact_lock($1)", [firstStartLock]);
    if ((await transaction.rows(Nothing, someUser)).length > 0) return undefined;
    const insertUser = "insert into users (email, password_hash, is_admin) values ($1, $2, true)";
    await transaction.run(insertUser, [options.administratorEmail, passwordHash]);
    await transaction.run("insert into tenants (name) select 'Default' where not exists (select from tenants)");
    return { email: options.administratorEmail, password };
  });
}
