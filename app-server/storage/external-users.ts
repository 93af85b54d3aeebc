import Type from "typebox";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type { User } from "../catalog-ports.ts";
import type { ExternalIdentity, ExternalUsers, SignInPolicy } from "../identity-ports.ts";
import { selectedUser, toUser, UserRow } from "./users.ts";

const IdRow = Type.Object({ id: Type.String() });

async function onlyId(sql: SqlTransaction, text: string, values: readonly unknown[]): Promise<string | undefined> {
  const [row] = await sql.rows(IdRow, text, values);
  return row?.id;
}

/** Id of the user whom the identity belongs to from now on, if the policy gives it one. */
async function userIdOf(sql: SqlTransaction, identity: ExternalIdentity, policy: SignInPolicy) {
  const { issuer, subject, email } = identity;
  const known = "select user_id as id from user_identities where issuer = $1 and subject = $2";
  const before = await onlyId(sql, known, [issuer, subject]);
  if (before !== undefined || email === undefined) return before;
  let id: string | undefined;
  if (policy.createUsers) {
    const create = "insert into users (email) values ($1) on conflict (lower(email)) do nothing returning id";
    id = await onlyId(sql, create, [email]);
  }
  if (policy.linkByEmail) id ??= await onlyId(sql, "select id from users where lower(email) = lower($1)", [email]);
  if (id === undefined) return undefined;
  await sql.run("insert into user_identities (issuer, subject, user_id) values ($1, $2, $3)", [issuer, subject, id]);
  return id;
}

/** What the provider gave before and gives no more is taken away; what was given here is left as it is. */
async function applyRights(sql: SqlTransaction, id: string, identity: ExternalIdentity): Promise<void> {
  const { issuer, isAdministrator, grants } = identity;
  const tenants = [...grants.keys()];
  const roles = [...grants.values()].map(({ role }) => role);
  await sql.run(
    isAdministrator
      ? "update users set is_admin = true, admin_issuer = $2 where id = $1 and not is_admin"
      : "update users set is_admin = false, admin_issuer = null where id = $1 and admin_issuer = $2",
    [id, issuer],
  );
  await sql.run("delete from tenant_users where user_id = $1 and issuer = $2 and tenant_id <> all($3::uuid[])", [
    id,
    issuer,
    tenants,
  ]);
  await sql.run(
    `insert into tenant_users (tenant_id, user_id, role, issuer)
       select tenants.id, $1, given.role, $2 from unnest($3::uuid[], $4::text[]) as given (tenant_id, role)
         join tenants on tenants.id = given.tenant_id
       on conflict (tenant_id, user_id) do update set role = excluded.role
         where tenant_users.issuer = excluded.issuer`,
    [id, issuer, tenants, roles],
  );
}

export const createExternalUsers = (sql: Sql): ExternalUsers => ({
  signIn: (identity, policy) =>
    sql.transaction(async transaction => {
      // Two first logins at once are one after the other.
      await transaction.run("select pg_advisory_xact_lock(hashtextextended($1, 0))", [
        `${identity.issuer} ${identity.subject}`,
      ]);
      const id = await userIdOf(transaction, identity, policy);
      if (id === undefined) return undefined;
      await applyRights(transaction, id, identity);
      const active = `select ${selectedUser} from users where id = $1 and is_active`;
      const [row] = await transaction.rows(UserRow, active, [id]);
      const user: User | undefined = row && toUser(row);
      return user;
    }),
});
