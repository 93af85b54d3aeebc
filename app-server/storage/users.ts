import { randomUUID } from "node:crypto";
import Type, { type Static } from "typebox";
import { parseTenantId, parseUserId } from "../../lorawan/ids.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { CatalogConflict, tenantRoles, type User, type Users } from "../catalog-ports.ts";
import { checkPassword, hashPassword } from "./passwords.ts";
import { assignment, type Columns, insertion, listPage, mapPage, timestampColumns } from "./statement.ts";

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
  note: { name: "note" },
};
const Nothing = Type.Object({});
const RoleColumn = Type.Enum([...tenantRoles]);

export const toUser = (row: Static<typeof UserRow>): User => ({ ...row, id: parseUserId(row.id) });

const emailTaken = () => new CatalogConflict("already_exists", "There is already a user with this email.");

/** Holds back other changes of administrators, so that two of them cannot remove each other at once. */
async function requireOtherAdministrator(transaction: SqlTransaction, id: string): Promise<void> {
  const administrators = await transaction.rows(
    Type.Object({ id: Type.String() }),
    "select id from users where is_admin and is_active order by id for update",
  );
  if (administrators.length === 1 && administrators[0]?.id === id) {
    throw new CatalogConflict("last_administrator", "This is the last active administrator.");
  }
}

async function updateUser(sql: Sql, id: string, change: Parameters<Users["update"]>[1]): Promise<User | undefined> {
  const { password, ...rest } = change;
  const passwordHash = password === undefined ? undefined : await hashPassword(password);
  return sql.transaction(async transaction => {
    if (change.isAdministrator === false || change.isActive === false) await requireOtherAdministrator(transaction, id);
    if (change.email !== undefined) {
      const taken = await transaction.rows(Nothing, "select 1 from users where lower(email) = lower($1) and id <> $2", [
        change.email,
        id,
      ]);
      if (taken.length > 0) throw emailTaken();
    }
    const { text, values } = assignment(columns, { ...rest, passwordHash });
    const statement = `update users set ${text} where id = $1 returning ${selectedUser}`;
    const [row] = await transaction.rows(UserRow, statement, [id, ...values]);
    if (passwordHash !== undefined || change.isActive === false) {
      await transaction.run("delete from login_sessions where user_id = $1", [id]);
    }
    return row && toUser(row);
  });
}

const memberQueries = (sql: Sql): Pick<Users, "memberships" | "members" | "setMember" | "removeMember"> => ({
  async memberships(id) {
    const rows = await sql.rows(
      Type.Object({ tenantId: Type.String(), tenantName: Type.String(), role: RoleColumn }),
      `select tenant_id as "tenantId", name as "tenantName", role from tenant_users join tenants on tenants.id = tenant_id
         where user_id = $1 order by name, tenant_id`,
      [id],
    );
    return rows.map(row => ({ ...row, tenantId: parseTenantId(row.tenantId) }));
  },
  async members(tenantId) {
    const rows = await sql.rows(
      Type.Object({ userId: Type.String(), email: Type.String(), role: RoleColumn }),
      `select user_id as "userId", email, role from tenant_users join users on users.id = user_id
         where tenant_id = $1 order by email`,
      [tenantId],
    );
    return rows.map(row => ({ ...row, userId: parseUserId(row.userId) }));
  },
  async setMember(tenantId, userId, role) {
    const changed = await sql.run(
      `insert into tenant_users (tenant_id, user_id, role)
         select tenants.id, users.id, $3 from tenants, users where tenants.id = $1 and users.id = $2
         on conflict (tenant_id, user_id) do update set role = excluded.role`,
      [tenantId, userId, role],
    );
    return changed > 0;
  },
  async removeMember(tenantId, userId) {
    return (await sql.run("delete from tenant_users where tenant_id = $1 and user_id = $2", [tenantId, userId])) > 0;
  },
});

export function createUsers(sql: Sql): Users {
  // What an unknown email is checked against, so that the answer takes as long as for a known one.
  let nobody: Promise<string> | undefined;
  return {
    ...memberQueries(sql),
    async list(page) {
      const query = {
        text: `select ${selectedUser} from users where true`,
        values: [],
        orderBy: "email",
        key: "id::text",
      };
      return mapPage(await listPage(sql, UserRow, query, page, row => [row.email, row.id]), toUser);
    },
    async get(id) {
      const [row] = await sql.rows(UserRow, `select ${selectedUser} from users where id = $1`, [id]);
      return row && toUser(row);
    },
    async create({ password, ...rest }) {
      const { text, values } = insertion(columns, { ...rest, passwordHash: await hashPassword(password) });
      const statement = `insert into users ${text} on conflict (lower(email)) do nothing returning ${selectedUser}`;
      const [row] = await sql.rows(UserRow, statement, values);
      if (row === undefined) throw emailTaken();
      return toUser(row);
    },
    update: (id, change) => updateUser(sql, id, change),
    remove: id =>
      sql.transaction(async transaction => {
        await requireOtherAdministrator(transaction, id);
        return (await transaction.run("delete from users where id = $1", [id])) > 0;
      }),
    async verify(email, password) {
      const [row] = await sql.rows(
        Type.Object({ ...UserRow.properties, passwordHash: Type.Union([Type.String(), Type.Null()]) }),
        `select ${selectedUser}, password_hash as "passwordHash" from users where lower(email) = lower($1) and is_active`,
        [email],
      );
      nobody ??= hashPassword(randomUUID());
      const correct = await checkPassword(row?.passwordHash ?? (await nobody), password);
      if (row === undefined || row.passwordHash === null || !correct) return undefined;
      const { passwordHash: _passwordHash, ...user } = row;
      return toUser(user);
    },
  };
}
