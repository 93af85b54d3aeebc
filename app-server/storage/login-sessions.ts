import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/sql.ts";
import type { LoginSessions } from "../catalog-ports.ts";
import { hashToken, loginTokenPrefix, newToken } from "./tokens.ts";
import { selectedUser, toUser, UserRow } from "./users.ts";

export function createLoginSessions(sql: Sql, clock: Clock): LoginSessions {
  const now = (): string => new Date(clock.nowMs()).toISOString();
  return {
    async create(userId, lifetimeMs) {
      const token = newToken(loginTokenPrefix);
      const expiresAt = new Date(clock.nowMs() + lifetimeMs).toISOString();
      await sql.run("insert into login_sessions (token_hash, user_id, expires_at) values ($1, $2, $3)", [
        hashToken(token),
        userId,
        expiresAt,
      ]);
      return { token, expiresAt };
    },
    async find(token) {
      const [row] = await sql.rows(
        UserRow,
        `select ${selectedUser} from login_sessions join users on users.id = user_id
           where token_hash = $1 and expires_at > $2 and is_active`,
        [hashToken(token), now()],
      );
      return row && toUser(row);
    },
    async remove(token) {
      return (await sql.run("delete from login_sessions where token_hash = $1", [hashToken(token)])) > 0;
    },
    removeExpired: () => sql.run("delete from login_sessions where expires_at <= $1", [now()]),
  };
}
