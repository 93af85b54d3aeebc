import Type from "typebox";
import { parseApplicationId, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import { type Application, type Applications, CatalogConflict } from "../catalog-ports.ts";
import { type Columns, jsonColumn, selectList, TagsColumn, timestampSorts } from "./statement.ts";
import { createTable, named, noneLeft, type TableDefinition, withinScope, withTags } from "./table.ts";
import { keepWithinLimit } from "./tenant-limits.ts";

const Row = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  name: Type.String(),
  description: Type.String(),
  tags: TagsColumn,
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const columns: Columns = {
  tenantId: { name: "tenant_id" },
  name: { name: "name" },
  description: { name: "description" },
  tags: jsonColumn("tags"),
};

const stillUsed = () =>
  new CatalogConflict("still_in_use", "The application still has devices; delete or move them first.");

export const applicationTable: TableDefinition<typeof Row, Application> = {
  name: "applications",
  key: "id",
  row: Row,
  columns,
  selected: `applications.id, ${selectList(columns, "applications")}`,
  sorts: { name: "applications.name", ...timestampSorts("applications") },
  placeOf: (row, by) => [row[by], row.id],
  toItem: row => ({ ...row, id: parseApplicationId(row.id), tenantId: parseTenantId(row.tenantId) }),
};

export function createApplications(sql: Sql): Applications {
  const table = createTable(sql, applicationTable);
  return {
    list: ({ tenants, applications, search, tags }, page) =>
      table.list(
        [
          withinScope(tenants, "tenant_id", applications, "applications.id"),
          named(search, "applications.name"),
          withTags(tags, "applications"),
        ],
        page,
      ),
    get: table.get,
    async belongTo(tenantId, ids) {
      const text = "select count(*)::integer as count from applications where tenant_id = $1 and id = any($2::uuid[])";
      const [row] = await sql.rows(Type.Object({ count: Type.Integer() }), text, [tenantId, ids]);
      return row?.count === new Set(ids).size;
    },
    create: application =>
      sql.transaction(async transaction => {
        const added = await table.add(application, transaction);
        await keepWithinLimit(transaction, added.tenantId, "applications");
        return added;
      }),
    update: table.update,
    remove: (id, check) =>
      table.remove(id, check, noneLeft(id, "select 1 from devices where application_id = $1 limit 1", stillUsed)),
  };
}
