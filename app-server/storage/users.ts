import { randomUUID } from "node:crypto";
import Type, { type Static } from "typebox";
import { parseApplicationId, parseTenantId, parseUserId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import { CatalogConflict, type Grant, type TenantRole, tenantRoles, type User, type Users } from "../catalog-ports.ts";
import { checkPassword, hashPassword, isForeignHash } from "./passwords.ts";
import { type Columns, timestampColumns, timestampSorts } from "./statement.ts";
import { createTable, named, type RowCheck, type Table } from "./table.ts";

export const UserRow = Type.Object({
  id: Type.String(),
  email: Type.String(),
  isAdministrator: Type.Boolean(),
  isActive: Type.Boolean(),
  note: Type.String(),
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
export const selectedUser = `users.id, email, is_admin as "isAdministrator", is_active as "isActive", note,
  ${timestampColumns("users")}`;
const columns: Columns = {
  email: { name: "email" },
  passwordHash: { name: "password_hash" },
  isAdministrator: { name: "is_admin" },
  isActive: { name: "is_active" },
  adminIssuer: { name: "admin_issuer" },
  note: { name: "note" },
};
const Nothing = Type.Object({});
const grantColumns = {
  role: Type.Enum([...tenantRoles]),
  applicationIds: Type.Union([Type.Array(Type.String()), Type.Null()]),
};
const selectedGrant = `role, application_ids as "applicationIds"`;

export const toUser = (row: Static<typeof UserRow>): User => ({ ...row, id: parseUserId(row.id) });

const emailTaken = "There is already a user with this email.";

/** Held while administrators are counted, so that two of them cannot remove each other at once. */
const administratorLock = 0x75706372;

export const requireOtherAdministrator: RowCheck<User> = async ({ id }, transaction) => {
  await transaction.run("select pg_advisory_xact_lock($1)", [administratorLock]);
  const others = "select 1 from users where is_admin and is_active and id <> $1 limit 1";
  const user = "select 1 from users where is_admin and is_active and id = $1";
  const [rest, self] = [await transaction.rows(Nothing, others, [id]), await transaction.rows(Nothing, user, [id])];
  if (rest.length === 0 && self.length > 0) {
    throw new CatalogConflict("last_administrator", "This is the last active administrator.");
  }
};

const requireFreeEmail =
  (id: string, email: string): RowCheck<User> =>
  async (_user, transaction) => {
    const others = "select 1 from users where lower(email) = lower($1) and id <> $2";
    const taken = await transaction.rows(Nothing, others, [email, id]);
    if (taken.length > 0) throw new CatalogConflict("already_exists", emailTaken);
  };

/** What somebody else may hold is worth nothing any more. */
const endLogins: RowCheck<User> = async (user, transaction) => {
  await transaction.run("delete from login_sessions where user_id = $1", [user.id]);
};

const updateUser =
  (table: Table<User>): Users["update"] =>
  async (id, change, check) => {
    const { password, email, ...rest } = change;
    const passwordHash = password === undefined ? undefined : await hashPassword(password);
    return table.update(
      id,
      // What is decided here is no provider's to take back.
      { ...rest, email, passwordHash, adminIssuer: change.isAdministrator === undefined ? undefined : null },
      check,
      change.isAdministrator === false || change.isActive === false ? requireOtherAdministrator : undefined,
      email === undefined ? undefined : requireFreeEmail(id, email),
      passwordHash !== undefined || change.isActive === false ? endLogins : undefined,
    );
  };

const grantOf = ({ role, applicationIds }: { role: TenantRole; applicationIds: readonly string[] | null }): Grant => ({
  role,
  applicationIds: applicationIds?.map(id => parseApplicationId(id)) ?? null,
});

const memberQueries = (sql: Sql): Pick<Users, "memberships" | "members" | "setMember" | "removeMember"> => ({
  async memberships(id) {
    const rows = await sql.rows(
      Type.Object({ tenantId: Type.String(), tenantName: Type.String(), ...grantColumns }),
      `select tenant_id as "tenantId", name as "tenantName", ${selectedGrant} from tenant_users
         join tenants on tenants.id = tenant_id where user_id = $1 order by name, tenant_id`,
      [id],
    );
    return rows.map(row => ({ ...row, ...grantOf(row), tenantId: parseTenantId(row.tenantId) }));
  },
  async members(tenantId) {
    const rows = await sql.rows(
      Type.Object({ userId: Type.String(), email: Type.String(), ...grantColumns }),
      `select user_id as "userId", email, ${selectedGrant} from tenant_users join users on users.id = user_id
         where tenant_id = $1 order by email`,
      [tenantId],
    );
    return rows.map(row => ({ ...row, ...grantOf(row), userId: parseUserId(row.userId) }));
  },
  async setMember(tenantId, userId, { role, applicationIds }) {
    const changed = await sql.run(
      `insert into tenant_users (tenant_id, user_id, role, application_ids)
         select tenants.id, users.id, $3, $4 from tenants, users where tenants.id = $1 and users.id = $2
         on conflict (tenant_id, user_id) do update
           set role = excluded.role, application_ids = excluded.application_ids, issuer = null`,
      [tenantId, userId, role, applicationIds],
    );
    return changed > 0;
  },
  async removeMember(tenantId, userId) {
    return (await sql.run("delete from tenant_users where tenant_id = $1 and user_id = $2", [tenantId, userId])) > 0;
  },
});

export function createUsers(sql: Sql): Users {
  const table = createTable(sql, {
    name: "users",
    key: "id",
    row: UserRow,
    columns,
    selected: selectedUser,
    sorts: { name: "users.email", ...timestampSorts("users") },
    placeOf: (row, by) => [by === "name" ? row.email : row[by], row.id],
    toItem: toUser,
    identity: "lower(email)",
    taken: emailTaken,
  });
  // What an unknown email is checked against, so that the answer takes as long as for a known one.
  let nobody: Promise<string> | undefined;
  return {
    ...memberQueries(sql),
    list: ({ search }, page) => table.list([named(search, "users.email")], page),
    get: table.get,
    create: async ({ password, ...rest }) => table.add({ ...rest, passwordHash: await hashPassword(password) }),
    update: updateUser(table),
    remove: (id, check) => table.remove(id, check, requireOtherAdministrator),
    async verify(email, password) {
      const [row] = await sql.rows(
        Type.Object({ ...UserRow.properties, passwordHash: Type.Union([Type.String(), Type.Null()]) }),
        `select ${selectedUser}, password_hash as "passwordHash" from users where lower(email) = lower($1) and is_active`,
        [email],
      );
      nobody ??= hashPassword(randomUUID());
      const known = row?.passwordHash ?? null;
      const isForeign = known !== null && isForeignHash(known);
      const checks = [checkPassword(known === null || isForeign ? await nobody : known, password)];
      // Beside that of nobody, so that a user who came from another server is not known by the time it takes.
      if (isForeign) checks.push(checkPassword(known, password));
      const correct = (await Promise.all(checks)).at(-1) === true;
      if (row === undefined || known === null || !correct) return undefined;
      if (isForeign) {
        const renew = "update users set password_hash = $3 where id = $1 and password_hash = $2";
        await sql.run(renew, [row.id, known, await hashPassword(password)]);
      }
      const { passwordHash: _passwordHash, ...user } = row;
      return toUser(user);
    },
  };
}
