import Type, { type Static } from "typebox";
import type { DevEui, JoinEui } from "../lorawan/ids.ts";
import type { Sql } from "../platform/sql.ts";
import { freshNonces, type JoinNonces } from "./join.ts";
import type { NonceStore } from "./ports.ts";

const nonceRow = Type.Object({
  join_nonce: Type.Integer(),
  last_dev_nonce: Type.Union([Type.Integer(), Type.Null()]),
  last_rj_count1: Type.Union([Type.Integer(), Type.Null()]),
  used_dev_nonces: Type.Unsafe<Uint8Array>(Type.Any()),
});

/** Nonces in the catalog; the row's lock lets one decision at a time see and change them (C26). */
export function createNonceStore(sql: Sql): NonceStore {
  return {
    change: (devEui, joinEui, decide) =>
      sql.transaction(async transaction => {
        await transaction.run("insert into join_nonces (dev_eui, join_eui) values ($1, $2) on conflict do nothing", [
          devEui,
          joinEui,
        ]);
        const rows = await transaction.rows(
          nonceRow,
          `select join_nonce, last_dev_nonce, last_rj_count1, used_dev_nonces from join_nonces
           where dev_eui = $1 and join_eui = $2 for update`,
          [devEui, joinEui],
        );
        const decision = decide(rows[0] ? noncesOf(rows[0]) : freshNonces);
        if (decision.nonces) {
          await transaction.run(
            `update join_nonces set join_nonce = $3, last_dev_nonce = $4, used_dev_nonces = $5, last_rj_count1 = $6
             where dev_eui = $1 and join_eui = $2`,
            [
              devEui,
              joinEui,
              decision.nonces.joinNonce,
              decision.nonces.lastDevNonce ?? null,
              Buffer.from(decision.nonces.usedDevNonces),
              decision.nonces.lastRjCount1 ?? null,
            ],
          );
        }
        return decision;
      }),
    async forgetDevNonces(devEui: DevEui, joinEui: JoinEui) {
      await sql.run(
        `update join_nonces set last_dev_nonce = null, last_rj_count1 = null, used_dev_nonces = ''
         where dev_eui = $1 and join_eui = $2`,
        [devEui, joinEui],
      );
    },
  };
}

const noncesOf = (row: Static<typeof nonceRow>): JoinNonces => ({
  joinNonce: row.join_nonce,
  ...(row.last_dev_nonce !== null && { lastDevNonce: row.last_dev_nonce }),
  ...(row.last_rj_count1 !== null && { lastRjCount1: row.last_rj_count1 }),
  usedDevNonces: row.used_dev_nonces,
});
