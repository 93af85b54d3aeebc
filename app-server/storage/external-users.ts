import Type from "typebox";
import { parseUserId } from "../../lorawan/ids.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import type { User } from "../catalog-ports.ts";
import type { ExternalIdentity, ExternalUsers, SignInPolicy } from "../identity-ports.ts";
import { hashToken } from "./tokens.ts";
import { requireOtherAdministrator, selectedUser, toUser, UserRow } from "./users.ts";

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
  const given = [...grants].map(([tenantId, grant]) => ({ tenantId, ...grant }));
  await sql.run(
    `insert into tenant_users (tenant_id, user_id, role, application_ids, issuer)
       select tenants.id, $1, given.role, given."applicationIds", $2
         from jsonb_to_recordset($3::jsonb) as given ("tenantId" uuid, role text, "applicationIds" uuid[])
         join tenants on tenants.id = given."tenantId"
       on conflict (tenant_id, user_id) do update set role = excluded.role, application_ids = excluded.application_ids
         where tenant_users.issuer = excluded.issuer`,
    [id, issuer, JSON.stringify(given)],
  );
}

const WaysRow = Type.Object({
  id: Type.String(),
  hasPassword: Type.Boolean(),
  hasSecondFactor: Type.Boolean(),
  identities: Type.Array(Type.Object({ issuer: Type.String(), subject: Type.String() })),
});
const selectWays = `select id, password_hash is not null as "hasPassword",
    exists (select from second_factors where user_id = users.id and confirmed_at is not null) as "hasSecondFactor",
    (select coalesce(json_agg(json_build_object('issuer', issuer, 'subject', subject) order by issuer, subject), '[]')
       from user_identities where user_id = users.id) as identities
  from users where id = any($1::uuid[])`;

export const createExternalUsers = (sql: Sql): ExternalUsers => ({
  async follow(loginToken, issuer, session) {
    const follow = "update login_sessions set issuer = $2, provider_session = $3 where token_hash = $1";
    await sql.run(follow, [hashToken(loginToken), issuer, session ?? null]);
  },
  endLogins: ({ issuer, subject, session }) =>
    // A session that is named is meant alone; one that this server was not told the name of goes with its subject.
    sql.run(
      `delete from login_sessions where issuer = $1
         and ($2::text is null or user_id = (select user_id from user_identities where issuer = $1 and subject = $2))
         and ($3::text is null or provider_session = $3 or ($2::text is not null and provider_session is null))`,
      [issuer, subject ?? null, session ?? null],
    ),
  async ways(userIds) {
    const rows = await sql.rows(WaysRow, selectWays, [userIds]);
    return new Map(rows.map(({ id, ...ways }) => [parseUserId(id), ways]));
  },
  unlink: id =>
    sql.transaction(async transaction => {
      const given = `select ${selectedUser} from users where id = $1 and admin_issuer is not null for update`;
      const [administrator] = await transaction.rows(UserRow, given, [id]);
      if (administrator !== undefined) {
        await requireOtherAdministrator(toUser(administrator), transaction);
        await transaction.run("update users set is_admin = false, admin_issuer = null where id = $1", [id]);
      }
      await transaction.run("delete from tenant_users where user_id = $1 and issuer is not null", [id]);
      await transaction.run("delete from user_identities where user_id = $1", [id]);
      await transaction.run("delete from login_sessions where user_id = $1", [id]);
    }),
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
