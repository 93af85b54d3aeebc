import { afterAll, beforeAll, describe } from "vitest";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import { createTwinStore } from "../../../app-server/storage/twins.ts";
import { systemClock } from "../../../platform/clock.ts";
import type { Sql } from "../../../platform/sql.ts";
import { twinStoreContract } from "../../contracts/twin-store.ts";
import { addTenantWithDevice } from "../../support/catalog.ts";
import { createMemoryTwins } from "../../support/memory-twins.ts";
import { migratedTestSql } from "../../support/postgres.ts";
import { randomDevEui } from "../support/fixtures.ts";

describe("twins in memory", () => {
  twinStoreContract(async () => {
    const devices = [randomDevEui(), randomDevEui()];
    return { store: createMemoryTwins(devEui => devices.includes(devEui)), devices };
  });
});

describe("twins in PostgreSQL", () => {
  let sql: Sql;
  let end: () => Promise<void>;
  let ids: readonly string[];
  beforeAll(async () => {
    ({ sql, end } = await migratedTestSql());
    const { application, profile } = await addTenantWithDevice(
      createRepositories(sql, systemClock),
      "one",
      randomDevEui(),
    );
    ids = [application.id, profile.id];
  });
  afterAll(() => end());

  twinStoreContract(async () => {
    const devices = [randomDevEui(), randomDevEui()];
    await sql.run(
      "insert into devices (dev_eui, application_id, device_profile_id, name) select unnest($1::text[]), $2, $3, 'd'",
      [devices, ...ids],
    );
    return { store: createTwinStore(sql), devices };
  });
});
