import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Repositories } from "../../../app-server/catalog-ports.ts";
import { openDirectory } from "../../../app-server/storage/directory.ts";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import { parseDevEui } from "../../../lorawan/ids.ts";
import type { Sql } from "../../../platform/sql.ts";
import { addTenantWithDevice } from "../../support/catalog.ts";
import { testSql } from "../../support/postgres.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const devEui = parseDevEui("0102030405060708");

interface Watched {
  readonly sql: Sql;
  reads: number;
  loseConnection: () => void;
}

/** The database, with a count of reads and a way to say that notifications may have been missed. */
function watched(sql: Sql): Watched {
  const watch: Watched = {
    sql: {
      ...sql,
      rows(row, text, values) {
        watch.reads += 1;
        return sql.rows(row, text, values);
      },
      listen(channel, listener, onGap) {
        watch.loseConnection = onGap;
        return sql.listen(channel, listener, onGap);
      },
    },
    reads: 0,
    loseConnection: () => undefined,
  };
  return watch;
}

/** What `prepare` writes is told by no notification: it is there before the directory listens. */
async function setUp<Prepared>(prepare: (repositories: Repositories) => Promise<Prepared>, maxDevices = 10) {
  const sql = await testSql();
  const clock = createVirtualClock();
  const repositories = createRepositories(sql, clock);
  const prepared = await prepare(repositories);
  const watch = watched(sql);
  const directory = await openDirectory({ sql: watch.sql, clock, maxDevices, passwordCheckHoldsMs: 60_000 });
  onTestFinished(() => directory.close());
  return { repositories, directory, watch, prepared };
}

const acme = (repositories: Repositories) => addTenantWithDevice(repositories, "Acme", devEui);
const nothing = async () => undefined;

describe("the device directory", () => {
  test("reads a device once and answers from memory afterwards", async () => {
    const { directory, watch, prepared } = await setUp(acme);
    const { tenant, application, profile } = prepared;
    const first = await directory.devices.device(devEui);
    const { reads } = watch;
    expect(await directory.devices.device(devEui)).toBe(first);
    expect(watch.reads).toBe(reads);
    expect(first).toEqual({
      info: {
        tenantId: tenant.id,
        tenantName: "Acme",
        applicationId: application.id,
        applicationName: "Acme application",
        deviceProfileId: profile.id,
        deviceProfileName: "Acme profile",
        deviceName: "Acme device",
        devEui,
        deviceClassEnabled: "CLASS_A",
        tags: {},
      },
      codec: { kind: "none" },
      variables: {},
    });
  });

  test("remembers that a device does not exist until it is added", async () => {
    const { repositories, directory, watch } = await setUp(nothing);
    expect(await directory.devices.device(devEui)).toBeUndefined();
    const { reads } = watch;
    expect(await directory.devices.device(devEui)).toBeUndefined();
    expect(watch.reads).toBe(reads);
    await addTenantWithDevice(repositories, "Acme", devEui);
    await vi.waitFor(async () => expect(await directory.devices.device(devEui)).toBeDefined());
  });

  test("sees a change of the device, its profile, its application and its tenant", async () => {
    const { repositories, directory, prepared } = await setUp(acme);
    const { tenant, application, profile } = prepared;
    await directory.devices.device(devEui);
    await repositories.devices.update(devEui, { name: "cellar", variables: { limit: "7" }, tags: { floor: "-1" } });
    await vi.waitFor(async () =>
      expect(await directory.devices.device(devEui)).toMatchObject({
        info: { deviceName: "cellar", tags: { floor: "-1" } },
        variables: { limit: "7" },
      }),
    );
    await repositories.deviceProfiles.update(profile.id, {
      codec: "javascript",
      codecScript: "function decodeUplink() {}",
      supportsClassC: true,
    });
    await vi.waitFor(async () =>
      expect(await directory.devices.device(devEui)).toMatchObject({
        info: { deviceClassEnabled: "CLASS_C" },
        codec: { kind: "javascript", script: "function decodeUplink() {}" },
      }),
    );
    await repositories.applications.update(application.id, { name: "renamed" });
    await vi.waitFor(async () =>
      expect(await directory.devices.device(devEui)).toMatchObject({ info: { applicationName: "renamed" } }),
    );
    await repositories.tenants.update(tenant.id, { name: "Acme Ltd" });
    await vi.waitFor(async () =>
      expect(await directory.devices.device(devEui)).toMatchObject({ info: { tenantName: "Acme Ltd" } }),
    );
    await repositories.devices.remove(devEui);
    await vi.waitFor(async () => expect(await directory.devices.device(devEui)).toBeUndefined());
  });

  test("gives a device as it would be in another application of its tenant, and of no other tenant", async () => {
    const { repositories, directory, prepared } = await setUp(async repositories => {
      const { tenant, device } = await acme(repositories);
      const other = await addTenantWithDevice(repositories, "Other", "0000000000000002");
      const former = { tenantId: tenant.id, name: "former", description: "", tags: { floor: "3" } };
      return { former: await repositories.applications.create(former), device, other };
    });
    const { former, device, other } = prepared;
    const { deviceIn } = directory.devices;
    expect(await deviceIn(former.id, devEui)).toMatchObject({
      info: {
        applicationId: former.id,
        applicationName: "former",
        tags: { floor: "3" },
        deviceName: device.name,
        devEui,
      },
    });
    expect(await deviceIn(other.application.id, devEui)).toBeUndefined();
    await repositories.applications.update(former.id, { name: "renamed" });
    await vi.waitFor(async () =>
      expect(await deviceIn(former.id, devEui)).toMatchObject({ info: { applicationName: "renamed" } }),
    );
    await repositories.applications.remove(former.id);
    await vi.waitFor(async () => expect(await deviceIn(former.id, devEui)).toBeUndefined());
  });

  test("forgets everything when notifications may have been missed", async () => {
    const { directory, watch } = await setUp(acme);
    const before = await directory.devices.device(devEui);
    watch.loseConnection();
    expect(await directory.devices.device(devEui)).not.toBe(before);
  });

  test("keeps only as many devices as it may, the recently used ones", async () => {
    const others = ["0000000000000002", "0000000000000003"].map(parseDevEui);
    const threeDevices = async (repositories: Repositories) => {
      const { device } = await acme(repositories);
      for (const other of others) await repositories.devices.create({ ...device, devEui: other });
    };
    const { directory, watch } = await setUp(threeDevices, 2);
    const kept = await directory.devices.device(devEui);
    await directory.devices.device(others[0]!);
    await directory.devices.device(devEui);
    await directory.devices.device(others[1]!);
    expect(await directory.devices.device(devEui)).toBe(kept);
    const { reads } = watch;
    await directory.devices.device(others[0]!);
    expect(watch.reads).toBeGreaterThan(reads);
  });
});

describe("MQTT credentials", () => {
  test("lead to their application, and wrong ones to none", async () => {
    const { repositories, directory, prepared } = await setUp(acme);
    const { application } = prepared;
    await repositories.mqttCredentials.create(application.id, "node red", "correct horse");
    const { verify } = directory.mqttCredentials;
    expect(await verify("node red", "correct horse")).toEqual({ applicationId: application.id, isReadOnly: false });
    await repositories.mqttCredentials.create(application.id, "dashboard", "correct horse", true);
    expect(await verify("dashboard", "correct horse")).toMatchObject({ isReadOnly: true });
    expect(await verify("node red", "battery staple")).toBeUndefined();
    expect(await verify("nobody", "correct horse")).toBeUndefined();
    expect(await verify("no\0body", "correct horse")).toBeUndefined();
  });

  test("stop working when deleted, and a new password replaces the old", async () => {
    const { repositories, directory, prepared } = await setUp(acme);
    const { application } = prepared;
    const { mqttCredentials } = repositories;
    const { verify, exists, onChange } = directory.mqttCredentials;
    const changed: unknown[] = [];
    onChange(username => changed.push(username));
    await mqttCredentials.create(application.id, "node red", "first password");
    expect(await verify("node red", "first password")).toMatchObject({ applicationId: application.id });
    await mqttCredentials.remove(application.id, "node red");
    await vi.waitFor(async () => expect(await verify("node red", "first password")).toBeUndefined());
    expect(await exists("node red")).toBe(false);
    await vi.waitFor(() => expect(changed).toEqual(["node red", "node red"]));
    await mqttCredentials.create(application.id, "node red", "second password");
    await vi.waitFor(async () =>
      expect(await verify("node red", "second password")).toMatchObject({ applicationId: application.id }),
    );
    expect(await verify("node red", "first password")).toBeUndefined();
  });
});
