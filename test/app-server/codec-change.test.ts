import { expect, onTestFinished, test } from "vitest";
import { createCodecSandbox } from "../../app-server/codec/sandbox.ts";
import { createEventConsumer } from "../../app-server/events.ts";
import type { ApplicationEvent } from "../../app-server/ports.ts";
import { openDirectory } from "../../app-server/storage/directory.ts";
import { createRepositories } from "../../app-server/storage/repositories.ts";
import { createAppSKeyVault } from "../../app-server/vault.ts";
import { parseDevEui } from "../../lorawan/ids.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLocalLeases } from "../../platform/leases/local.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";
import type { Sql } from "../../platform/sql.ts";
import { addTenantWithDevice } from "../support/catalog.ts";
import { testSql } from "../support/postgres.ts";
import { createEventLog } from "./support/event-log.ts";
import { bytesOf, uplinkRecord } from "./support/fixtures.ts";

const devEui = parseDevEui("0102030405060708");
const scriptOf = (version: number) => `function decodeUplink() { return { data: { version: ${version} } }; }`;

/** What an application server does with events: a directory, codec threads, an event log and a sink of its own. */
async function startServer(sql: Sql) {
  const [clock, metrics] = [systemClock, createMetrics()];
  const directory = await openDirectory({ sql, clock, maxDevices: 100, passwordCheckHoldsMs: 60_000 });
  const sandbox = createCodecSandbox({ clock, metrics, graceMs: 20_000 });
  const events = createEventLog();
  const taken: ApplicationEvent[] = [];
  const consumer = createEventConsumer({
    store: events.store,
    leases: createLocalLeases(),
    directory: directory.devices,
    vault: createAppSKeyVault({ kekLabel: "x", kek: new Uint8Array(16) }),
    sandbox,
    sinks: [{ name: "sink", deliver: async event => void taken.push(event) }],
    clock,
    metrics,
    log: createLog({ level: "silent" }),
  });
  await consumer.start();
  onTestFinished(async () => {
    await consumer.close();
    await sandbox.close();
    await directory.close();
  });
  return {
    up: (fCnt: number, applicationId: ReturnType<typeof uplinkRecord>["applicationId"]) =>
      events.append(devEui, bytesOf(uplinkRecord({ devEui, fCnt, applicationId }))),
    /** Of each event in the order in which it was delivered. */
    seen: () =>
      taken.map(({ json }) => JSON.parse(json)).map(({ fCnt, object }) => ({ fCnt, version: object?.version })),
  };
}

test("a changed codec is the next event's, in every server, and no event overtakes another", async () => {
  const sql = await testSql();
  const repositories = createRepositories(sql, systemClock);
  const { profile, application } = await addTenantWithDevice(repositories, "Acme", devEui);
  await repositories.deviceProfiles.update(profile.id, { codec: "javascript", codecScript: scriptOf(1) });
  const servers = await Promise.all([startServer(sql), startServer(sql)]);
  let fCnt = 0;
  const upEverywhere = () => {
    for (const server of servers) server.up(fCnt, application.id);
    fCnt += 1;
  };
  const lastVersions = () => servers.map(server => server.seen().at(-1)?.version);
  for (const version of [1, 2, 3]) {
    if (version > 1) await repositories.deviceProfiles.update(profile.id, { codecScript: scriptOf(version) });
    // Uplinks go on while the news travels.
    await expect
      .poll(
        () => {
          upEverywhere();
          return lastVersions();
        },
        { timeout: 20_000, interval: 20 },
      )
      .toEqual([version, version]);
  }
  const all = Array.from({ length: fCnt }, (_, n) => n);
  await expect.poll(() => servers.map(server => server.seen().length), { timeout: 20_000 }).toEqual([fCnt, fCnt]);
  for (const server of servers) {
    const seen = server.seen();
    expect(seen.map(event => event.fCnt)).toEqual(all);
    const versions = seen.map(event => event.version);
    expect(versions).toEqual([...versions].sort());
  }
});
