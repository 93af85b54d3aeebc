import { randomBytes } from "node:crypto";
import { Secret, TOTP } from "otpauth";
import Type from "typebox";
import type { UserId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Sql, SqlTransaction } from "../../platform/sql.ts";
import { CatalogConflict } from "../catalog-ports.ts";
import type { SecondFactors } from "../second-factor-ports.ts";
import { open, type SealingKeys, seal } from "./sealed-secret.ts";
import { hashToken } from "./tokens.ts";

const Row = Type.Object({ secret: Type.Unsafe<Buffer>(Type.Any()), isConfirmed: Type.Boolean() });
const State = Type.Object({ isOn: Type.Boolean(), recoveryCodesLeft: Type.Integer() });

/** What authenticator programs take without being told (RFC 6238, appendix of RFC 4226). */
const parameters = { algorithm: "SHA1", digits: 6, period: 30 } as const;
const secretBytes = 20;
/** Steps before and after the present one, for clocks that differ (RFC 6238 5.2). */
const window = 1;
const recoveryCodeCount = 10;

/** 80 random bits in groups that can be read aloud; a plain hash is enough for them. */
const newRecoveryCode = (): string =>
  new Secret({ buffer: new Uint8Array(randomBytes(10)).buffer }).base32.toLowerCase().replace(/(.{4})(?=.)/g, "$1-");

const hashCode = (code: string): Buffer => hashToken(code.toLowerCase().replace(/[^a-z0-9]/g, ""));

export function createSecondFactors(sql: Sql, clock: Clock, keys: SealingKeys): SecondFactors {
  const row = async (userId: UserId, on: SqlTransaction = sql) =>
    (
      await on.rows(
        Row,
        `select secret, confirmed_at is not null as "isConfirmed" from second_factors where user_id = $1`,
        [userId],
      )
    )[0];
  /** The step that the code is of, if it is one of the moment's. */
  const stepOf = (userId: UserId, sealed: Buffer, code: string): number | undefined => {
    const secret = new Secret({ buffer: new Uint8Array(open(keys, sealed, userId)).buffer });
    const timestamp = clock.nowMs();
    const delta = new TOTP({ ...parameters, secret }).validate({ token: code.replace(/\s/g, ""), timestamp, window });
    return delta === null ? undefined : Math.floor(timestamp / 1000 / parameters.period) + delta;
  };
  /** No code is taken twice, by whichever process: only a later step than the last is good (RFC 6238 5.2). */
  const takeStep = async (userId: UserId, step: number, on: SqlTransaction = sql): Promise<boolean> => {
    const later = "update second_factors set last_step = $2 where user_id = $1 and coalesce(last_step < $2, true)";
    return (await on.run(later, [userId, step])) > 0;
  };

  return {
    async state(userId) {
      const [state] = await sql.rows(
        State,
        `select exists (select from second_factors where user_id = $1 and confirmed_at is not null) as "isOn",
           (select count(*)::integer from recovery_codes where user_id = $1) as "recoveryCodesLeft"`,
        [userId],
      );
      return state ?? { isOn: false, recoveryCodesLeft: 0 };
    },
    async begin(userId) {
      const secret = randomBytes(secretBytes);
      const begun = await sql.run(
        `insert into second_factors (user_id, secret) values ($1, $2)
           on conflict (user_id) do update set secret = excluded.secret, last_step = null
             where second_factors.confirmed_at is null`,
        [userId, seal(keys, secret, userId)],
      );
      if (begun === 0) throw new CatalogConflict("already_exists", "There is a second factor; remove it first.");
      return new Secret({ buffer: new Uint8Array(secret).buffer }).base32;
    },
    confirm: (userId, code) =>
      sql.transaction(async transaction => {
        const found = await row(userId, transaction);
        if (found === undefined || found.isConfirmed) return undefined;
        const step = stepOf(userId, found.secret, code);
        if (step === undefined || !(await takeStep(userId, step, transaction))) return undefined;
        const confirm = "update second_factors set confirmed_at = now() where user_id = $1 and confirmed_at is null";
        if ((await transaction.run(confirm, [userId])) === 0) return undefined;
        const codes = Array.from({ length: recoveryCodeCount }, newRecoveryCode);
        await transaction.run("delete from recovery_codes where user_id = $1", [userId]);
        await transaction.run("insert into recovery_codes (user_id, code_hash) select $1, unnest($2::bytea[])", [
          userId,
          codes.map(hashCode),
        ]);
        return codes;
      }),
    async take(userId, code) {
      const found = await row(userId);
      if (found === undefined || !found.isConfirmed) return false;
      const step = stepOf(userId, found.secret, code);
      if (step !== undefined) return takeStep(userId, step);
      const use = "delete from recovery_codes where user_id = $1 and code_hash = $2";
      return (await sql.run(use, [userId, hashCode(code)])) > 0;
    },
    remove: userId =>
      sql.transaction(async transaction => {
        await transaction.run("delete from recovery_codes where user_id = $1", [userId]);
        return (await transaction.run("delete from second_factors where user_id = $1", [userId])) > 0;
      }),
  };
}
