import { expect, onTestFinished, test, vi } from "vitest";
import { openRegionConfigs } from "../../../network-server/catalog/region-configs.ts";
import { allRegionConfigs, defaultRegionConfig } from "../../../network-server/region-config.ts";
import { SqlError } from "../../../platform/errors.ts";
import { createLog } from "../../../platform/log.ts";
import type { Sql } from "../../../platform/sql.ts";
import { migratedTestSql } from "../../support/postgres.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const ofFile = [{ ...defaultRegionConfig("US915"), id: "of-the-file", subBand: 2 }];

async function opened(changed: (sql: Sql) => Sql = sql => sql) {
  const { sql, end } = await migratedTestSql();
  const clock = createVirtualClock();
  const live = await openRegionConfigs({
    sql: changed(sql),
    together: stored => allRegionConfigs(ofFile, stored),
    clock,
    log: createLog({ level: "silent" }),
  });
  onTestFinished(async () => {
    await live.close();
    await end();
  });
  const ids = (region: string) => live.current().flatMap(config => (config.region === region ? [config.id] : []));
  return { sql, clock, live, ids };
}

const insert = (id: string, region: string, isDefault = false, settings = "{}") =>
  `insert into region_configs (id, region, is_default, settings) values ('${id}', '${region}', ${isDefault}, '${settings}')`;

test("what is made, changed and deleted counts without a restart", async () => {
  const { sql, live, ids } = await opened();
  expect(live.current()).toEqual(ofFile);
  await sql.run(insert("harbour", "EU868", false, '{"rx1DelaySeconds": 5}'));
  // The region's own stays the first, so nothing changes for who names none.
  await vi.waitFor(() => expect(ids("EU868")).toEqual(["eu868", "harbour"]));
  expect(live.current().at(-1)).toMatchObject({ rx1DelaySeconds: 5, rx1DrOffset: 0, extraChannels: [] });
  await sql.run("update region_configs set is_default = true");
  await vi.waitFor(() => expect(ids("EU868")).toEqual(["harbour"]));
  await sql.run("delete from region_configs");
  await vi.waitFor(() => expect(live.current()).toEqual(ofFile));
});

test("the default goes before those of the file, the file before the others, and the file's ids are the file's", async () => {
  const { sql, live, ids } = await opened();
  await sql.run(insert("other", "US915"));
  await sql.run(insert("of-the-file", "US915", false, '{"subBand": 7}'));
  await vi.waitFor(() => expect(ids("US915")).toEqual(["of-the-file", "other"]));
  expect(live.current()[0]).toMatchObject({ subBand: 2 });
  await sql.run(insert("first", "US915", true));
  await vi.waitFor(() => expect(ids("US915")).toEqual(["first", "of-the-file", "other"]));
});

test("one with the id of the region's own replaces it", async () => {
  const { sql, live, ids } = await opened();
  await sql.run(insert("before", "EU868"));
  await sql.run(insert("eu868", "EU868", false, '{"rx1DelaySeconds": 2}'));
  await vi.waitFor(() => expect(ids("EU868")).toEqual(["eu868", "before"]));
  expect(live.current().find(({ id }) => id === "eu868")).toMatchObject({ rx1DelaySeconds: 2 });
});

test("one that this version does not understand is left out, and the others count", async () => {
  const { sql, ids } = await opened();
  await sql.run(insert("odd", "EU868", false, '{"rx1DelaySeconds": "soon"}'));
  await sql.run(insert("even", "EU868"));
  await vi.waitFor(() => expect(ids("EU868")).toEqual(["eu868", "even"]));
});

test("while they cannot be read the earlier ones stay, and they are read again soon", async () => {
  let failures = 0;
  const { sql, clock, ids } = await opened(real => ({
    ...real,
    rows: async (row, text, values) => {
      if (failures === 0) return real.rows(row, text, values);
      failures -= 1;
      throw new SqlError("sql_unavailable", "away");
    },
  }));
  failures = 2;
  await sql.run(insert("harbour", "EU868"));
  await vi.waitFor(() => expect(failures).toBe(1));
  expect(ids("EU868")).toEqual([]);
  await vi.waitFor(async () => {
    await clock.advance(1_000);
    expect(ids("EU868")).toEqual(["eu868", "harbour"]);
  });
});
