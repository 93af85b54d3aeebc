import Type from "typebox";
import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/sql.ts";
import type { LoginSessions } from "../catalog-ports.ts";
import { rfc3339 } from "./statement.ts";
import { hashToken, loginTokenPrefix, newToken } from "./tokens.ts";
import { selectedUser, toUser, UserRow } from "./users.ts";

const FoundRow = Type.Object({ ...UserRow.properties, isStale: Type.Boolean() });
const SessionRow = Type.Object({
  id: Type.String(),
  address: Type.String(),
  userAgent: Type.String(),
  createdAt: Type.String(),
  lastUsedAt: Type.String(),
  expiresAt: Type.String(),
  isCurrent: Type.Boolean(),
});
const selectedSession = `id, address, user_agent as "userAgent", ${rfc3339("created_at")} as "createdAt",
  ${rfc3339("last_used_at")} as "lastUsedAt", ${rfc3339("expires_at")} as "expiresAt"`;

/** A time of last use is for people: writing it for every request would make reads into writes. */
const useNotedEveryMs = 60_000;
const longestUserAgent = 300;

export function createLoginSessions(sql: Sql, clock: Clock): LoginSessions {
  const timeOf = (ms: number): string => new Date(ms).toISOString();
  const now = (): string => timeOf(clock.nowMs());
  return {
    async create(userId, lifetimeMs, { address, userAgent }) {
      const token = newToken(loginTokenPrefix);
      const expiresAt = timeOf(clock.nowMs() + lifetimeMs);
      await sql.run(
        `insert into login_sessions (token_hash, user_id, expires_at, address, user_agent, created_at, last_used_at)
           values ($1, $2, $3, $4, $5, $6, $6)`,
        [hashToken(token), userId, expiresAt, address, userAgent.slice(0, longestUserAgent), now()],
      );
      return { token, expiresAt };
    },
    async find(token) {
      const [row] = await sql.rows(
        FoundRow,
        `select ${selectedUser}, last_used_at <= $3 as "isStale" from login_sessions join users on users.id = user_id
           where token_hash = $1 and expires_at > $2 and is_active`,
        [hashToken(token), now(), timeOf(clock.nowMs() - useNotedEveryMs)],
      );
      if (row === undefined) return undefined;
      const { isStale, ...user } = row;
      if (isStale) {
        await sql.run("update login_sessions set last_used_at = $2 where token_hash = $1", [hashToken(token), now()]);
      }
      return toUser(user);
    },
    list: (userId, currentToken) =>
      sql.rows(
        SessionRow,
        `select ${selectedSession}, token_hash = $2 as "isCurrent" from login_sessions
           where user_id = $1 and expires_at > $3 order by login_sessions.last_used_at desc, id`,
        [userId, hashToken(currentToken ?? ""), now()],
      ),
    async end(userId, id) {
      return (await sql.run("delete from login_sessions where user_id = $1 and id = $2", [userId, id])) > 0;
    },
    endAll: userId => sql.run("delete from login_sessions where user_id = $1", [userId]),
    async remove(token) {
      return (await sql.run("delete from login_sessions where token_hash = $1", [hashToken(token)])) > 0;
    },
    removeExpired: () => sql.run("delete from login_sessions where expires_at <= $1", [now()]),
  };
}
