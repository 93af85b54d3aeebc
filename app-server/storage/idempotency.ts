import { createHash } from "node:crypto";
import Type from "typebox";
import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/sql.ts";
import type { IdempotencyKeys } from "../idempotency-ports.ts";

const keptMs = 24 * 3600 * 1000;

const Row = Type.Object({
  sameRequest: Type.Boolean(),
  status: Type.Union([Type.Integer(), Type.Null()]),
  answer: Type.Union([Type.String(), Type.Null()]),
});

const hash = (text: string): Buffer => createHash("sha256").update(text).digest();

export function createIdempotencyKeys(sql: Sql, clock: Clock): IdempotencyKeys {
  const timeOf = (ms: number): string => new Date(ms).toISOString();
  return {
    async begin(owner, key, request) {
      const nowMs = clock.nowMs();
      await sql.run("delete from idempotency_keys where created_at <= $1", [timeOf(nowMs - keptMs)]);
      const added = await sql.run(
        `insert into idempotency_keys (owner, key_hash, request_hash, created_at) values ($1, $2, $3, $4)
           on conflict (owner, key_hash) do nothing`,
        [owner, hash(key), hash(request), timeOf(nowMs)],
      );
      if (added > 0) return { kind: "new" };
      const [row] = await sql.rows(
        Row,
        `select request_hash = $3 as "sameRequest", status, answer from idempotency_keys
           where owner = $1 and key_hash = $2`,
        [owner, hash(key), hash(request)],
      );
      // Given up between the two statements: whoever held it has failed, and the client may try again.
      if (row === undefined) return { kind: "under-way" };
      if (!row.sameRequest) return { kind: "other-request" };
      if (row.status === null) return { kind: "under-way" };
      return { kind: "done", status: row.status, ...(row.answer !== null && { answer: row.answer }) };
    },
    async finish(owner, key, status, answer) {
      await sql.run("update idempotency_keys set status = $3, answer = $4 where owner = $1 and key_hash = $2", [
        owner,
        hash(key),
        status,
        answer ?? null,
      ]);
    },
    async giveUp(owner, key) {
      await sql.run("delete from idempotency_keys where owner = $1 and key_hash = $2 and status is null", [
        owner,
        hash(key),
      ]);
    },
  };
}
