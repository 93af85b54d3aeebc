import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Type from "typebox";
import { expect, onTestFinished, test } from "vitest";
import { parseDevEui } from "../../lorawan/ids.ts";
import { decodeDeviceState } from "../../network-server/device-record.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createPostgres } from "../../platform/postgres.ts";
import type { Sql } from "../../platform/sql.ts";
import { openLmdbStore } from "../../platform/state/lmdb.ts";
import { oldSession } from "../migration/support/carried-life.ts";
import { chirpStackSqlite } from "../migration/support/chirpstack-database.ts";
import { installation } from "../migration/support/chirpstack-fixture.ts";
import { sessionMessage } from "../migration/support/session-message.ts";
import { exportedDevice, exportedDownlink, exportedSession } from "../migration/support/things-stack-export.ts";
import { migratedDatabase } from "../support/postgres.ts";
import { runUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const count = 120;
const numbers = Array.from({ length: count }, (_, n) => n + 1);
const euiOf = (n: number): string => n.toString(16).padStart(16, "0");
const sessionOf = (n: number) => oldSession({ devAddr: n.toString(16).padStart(8, "0") });

function chirpStack(): readonly string[] {
  const queue = [
    { text: "first", createdAt: "2026-01-01T10:00:00Z" },
    { text: "second", createdAt: "2026-01-01T11:00:00Z" },
  ];
  const devices = numbers.map(n => {
    const session = sessionMessage(sessionOf(n), { macVersion: 3, nFCntDown: 77 });
    return { devEui: euiOf(n), session, fCntUp: 1234, devNonces: [n], joinNonce: n, queue };
  });
  return ["chirpstack", "--from-sqlite", chirpStackSqlite("4.19", installation("4.19", devices))];
}

function thingsStack(): readonly string[] {
  const file = join(temporaryFolder(), "devices.json");
  const devices = numbers.map(n => {
    const session = sessionOf(n);
    const queue = ["first", "second"].map((text, index) => exportedDownlink(session, 71 + index, text));
    return exportedDevice(euiOf(n), exportedSession(session, { network: 76, application: 70 }, queue));
  });
  writeFileSync(file, devices.map(device => JSON.stringify(device)).join("\n"));
  return ["things-stack", "--devices", file, "--tenant", "Acme"];
}

/** A place to migrate to: a database, and the folder of the state store. */
async function createTarget(command: readonly string[]) {
  const { url, connection, drop } = await migratedDatabase();
  const folder = join(temporaryFolder(), "data");
  const sql = createPostgres({
    connection,
    log: createLog({ level: "silent" }),
    clock: systemClock,
    maxConnections: 2,
  });
  onTestFinished(async () => {
    await sql.close();
    await drop();
  });
  const settings = [`postgres.url=${url}`, `keyEncryptionKeys=01020304:${"0b".repeat(32)}`];
  const args = ["migrate-from", ...command, "--data", folder, ...settings.flatMap(setting => ["--set", setting])];
  return { sql, folder, run: () => runUpchirp(args) };
}

type Target = Awaited<ReturnType<typeof createTarget>>;

const CountRow = Type.Object({ count: Type.Integer() });
const countOf = async (sql: Sql, table: string): Promise<number> =>
  (await sql.rows(CountRow, `select count(*)::integer as count from ${table}`))[0]?.count ?? 0;

const tables = ["applications", "device_profiles", "gateways", "devices", "carried_downlinks"];
const changing = "'created_at' - 'updated_at'";

/** What there is; keys are sealed anew each time, and so only counted. */
async function everything({ sql, folder }: Target) {
  const rows = await Promise.all(
    tables.map(table =>
      sql.rows(
        Type.Object({ row: Type.String() }),
        `select (to_jsonb(t) - ${changing})::text as row from ${table} t order by 1`,
      ),
    ),
  );
  const nonces = await sql.rows(
    Type.Object({ row: Type.String() }),
    "select (to_jsonb(t))::text as row from join_nonces t order by 1",
  );
  const store = await openLmdbStore({ folder: join(folder, "state") });
  try {
    const states = await Promise.all(
      numbers.map(async n => {
        const devEui = parseDevEui(euiOf(n));
        const { active } = decodeDeviceState((await store.device(devEui))?.value ?? new Uint8Array());
        const waiting = (await store.queue(devEui)).map(({ id }) => id);
        return { ...active, appSKey: undefined, waiting };
      }),
    );
    return { rows, nonces, keys: await countOf(sql, "device_root_keys"), states };
  } finally {
    await store.close();
  }
}

test.each([
  ["ChirpStack", chirpStack],
  ["The Things Stack", thingsStack],
])(
  "a migration from %s that is killed in the middle and repeated comes to the same as one that was left alone",
  async (_name, sourceOf) => {
    const command = sourceOf();
    const [whole, target] = await Promise.all([createTarget(command), createTarget(command)]);
    const undisturbed = whole.run();
    const { child, exited } = target.run();
    let isOver = false;
    void exited.then(() => {
      isOver = true;
    });
    // In the midst of devices, whose parts are written one after the other, many at a time.
    while (!isOver && (await countOf(target.sql, "carried_downlinks")) < count);
    child.kill("SIGKILL");
    await exited;
    expect(child.signalCode).toBe("SIGKILL");
    const last = target.run();
    expect(await last.exited, last.output()).toBe(0);
    expect(await undisturbed.exited, undisturbed.output()).toBe(0);
    const result = await everything(target);
    expect(result).toEqual(await everything(whole));
    expect(result.states.map(({ waiting }) => waiting.length)).toEqual(numbers.map(() => 2));
  },
  120_000,
);
