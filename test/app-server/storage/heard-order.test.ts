import Type from "typebox";
import { expect, test } from "vitest";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import { systemClock } from "../../../platform/clock.ts";
import type { Sql } from "../../../platform/sql.ts";
import { addTenantWithDevice } from "../../support/catalog.ts";
import { testSql } from "../../support/postgres.ts";

const many = 5000;
const PlanRow = Type.Object({ "QUERY PLAN": Type.Array(Type.Object({ Plan: Type.Unknown() })) });

/** Every node of a plan with how many rows it had to look at. */
function nodesOf(plan: unknown): readonly { readonly index: unknown; readonly rows: number }[] {
  if (typeof plan !== "object" || plan === null) return [];
  const node = new Map<string, unknown>(Object.entries(plan));
  const below = node.get("Plans");
  const count = (name: string): number => Number(node.get(name) ?? 0);
  const rows = (count("Actual Rows") + count("Rows Removed by Filter")) * count("Actual Loops");
  return [{ index: node.get("Index Name"), rows }, ...(Array.isArray(below) ? below.flatMap(nodesOf) : [])];
}

test("a page of devices by when they were heard reads a page of an index, however many devices there are", async () => {
  const sql = await testSql();
  const asked: { readonly text: string; readonly values: readonly unknown[] }[] = [];
  const listening: Sql = {
    ...sql,
    rows(row, text, values = []) {
      asked.push({ text, values });
      return sql.rows(row, text, values);
    },
  };
  const { devices, ...repositories } = createRepositories(listening, systemClock);
  const { application, profile } = await addTenantWithDevice({ devices, ...repositories }, "ours", "0000000000000001");
  await sql.run(
    `insert into devices (dev_eui, application_id, device_profile_id, name)
       select to_hex(x'aa00000000000000'::bigint + n), $1, $2, 'Meter ' || n from generate_series(1, $3::int) n`,
    [application.id, profile.id, many],
  );
  // One in ten was never heard; many at one time, and some microseconds apart.
  await sql.run(
    `update device_latest set heard_at = '2026-01-01'::timestamptz + (length(dev_eui) + ascii(right(dev_eui, 1)) % 7) * interval '1 microsecond'
       where right(dev_eui, 1) <> '3'`,
  );
  await sql.run("analyze");
  for (const descending of [false, true]) {
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = {
        limit: 1000,
        sort: { by: "lastHeardAt", descending },
        ...(after !== undefined && { after }),
      } as const;
      const { items, next } = await devices.listStates({ tenants: "all" }, page);
      seen.push(...items.map(({ lastHeardAt, devEui }) => `${lastHeardAt ?? ""} ${devEui}`));
      after = next;
    } while (after !== undefined);
    expect(new Set(seen).size).toBe(many + 1);
    const times = seen.map(text => text.split(" ")[0] ?? "");
    expect(descending ? times.toReversed() : times).toEqual(times.toSorted());

    // The second page, far from the list's end.
    const page = { limit: 50, sort: { by: "lastHeardAt", descending } } as const;
    const { next = "" } = await devices.listStates({ tenants: "all" }, page);
    await devices.listStates({ tenants: "all" }, { ...page, after: next });
    const { text = "", values = [] } = asked.at(-1) ?? {};
    const [row] = await sql.rows(PlanRow, `explain (analyze, format json) ${text}`, values);
    const nodes = nodesOf(row?.["QUERY PLAN"][0]?.Plan);
    expect(nodes.map(({ index }) => index)).toContain("device_latest_heard");
    expect(Math.max(...nodes.map(({ rows }) => rows))).toBeLessThan(200);
  }
});
