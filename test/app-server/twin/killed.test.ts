import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import Type from "typebox";
import Value from "typebox/value";
import { expect, onTestFinished, test } from "vitest";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import { createTwinStore } from "../../../app-server/storage/twins.ts";
import { createTwins } from "../../../app-server/twin/twins.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { createPostgres } from "../../../platform/postgres.ts";
import { addTenantWithDevice } from "../../support/catalog.ts";
import { migratedDatabase } from "../../support/postgres.ts";
import { temporaryFolder } from "../../support/upchirp-process.ts";

const script = fileURLToPath(new URL("../../support/twin-process.ts", import.meta.url));
const aheadMs = 120_000;

const Results = Type.Array(
  Type.Object({
    items: Type.Array(Type.Object({ id: Type.String(), fPort: Type.Integer(), data: Type.String() })),
    twin: Type.Object({
      desiredVersion: Type.Integer(),
      delivery: Type.Object({ state: Type.String(), attempts: Type.Integer(), itemId: Type.String() }),
    }),
  }),
);

/** What the process says first; then it is dead, by a signal that it cannot catch. */
async function runKilled(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await Promise.race([
    once(createInterface(child.stdout), "line"),
    exited.then(() => Promise.reject(new Error("the process ended by itself"))),
  ]);
  child.kill("SIGKILL");
  await exited;
  return String(line);
}

test("a process that is killed between the codec and the queue loses no desired state and sends none twice", async () => {
  const database = await migratedDatabase();
  const log = createLog({ level: "silent" });
  const connection = { connectionString: database.url };
  const sql = createPostgres({ connection, log, clock: systemClock, maxConnections: 4 });
  try {
    const repositories = createRepositories(sql, systemClock);
    const store = createTwinStore(sql);
    const folder = temporaryFolder();
    const devEuis: string[] = [];
    for (const [n, stopAt] of ["encoded", "written", "queued"].entries()) {
      const { device } = await addTenantWithDevice(repositories, `tenant ${n}`, `000000000000000${n + 1}`);
      const { devEui } = device;
      const directory = { device: async () => undefined };
      const twins = createTwins({ store, directory, queue: { remove: async () => false }, clock: systemClock });
      await twins.update(devEui, { desired: { level: 7 } });
      expect(await runKilled([folder, database.url, devEui, stopAt])).toBe("stopped");
      devEuis.push(devEui);
    }
    // Two lives more, when a retry is due: the first brings it about, the second changes nothing of it.
    const last = [folder, database.url, devEuis.join(","), "", `${aheadMs}`];
    const first = await runKilled(last);
    expect(await runKilled(last)).toBe(first);
    const results = Value.Parse(Results, JSON.parse(first));
    for (const { items, twin } of results) {
      expect(items).toMatchObject([{ id: twin.delivery.itemId, fPort: 20, data: "Bw==" }]);
      expect(twin).toMatchObject({ desiredVersion: 1, delivery: { state: "queued" } });
    }
    // What was written down as being on its way counts as an attempt; what was in the queue is the same one.
    expect(results.map(({ twin }) => twin.delivery.attempts)).toEqual([1, 2, 1]);
  } finally {
    await sql.close();
    await database.drop();
  }
}, 60_000);
