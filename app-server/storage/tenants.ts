import Type from "typebox";
import { parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import { CatalogConflict, type Tenant, type Tenants } from "../catalog-ports.ts";
import { type Columns, jsonColumn, selectList, TagsColumn, timestampSorts } from "./statement.ts";
import { createTable, inTenants, named, noneLeft, type TableDefinition, withTags } from "./table.ts";

const Row = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  tags: TagsColumn,
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const columns: Columns = { name: { name: "name" }, description: { name: "description" }, tags: jsonColumn("tags") };

const contents = `select 1 from gateways where tenant_id = $1
  union all select 1 from devices d join applications a on a.id = d.application_id where a.tenant_id = $1 limit 1`;
const stillUsed = () =>
  new CatalogConflict("still_in_use", "The tenant still has devices or gateways; delete them first.");

export const tenantTable: TableDefinition<typeof Row, Tenant> = {
  name: "tenants",
  key: "id",
  row: Row,
  columns,
  selected: `tenants.id, ${selectList(columns, "tenants")}`,
  sorts: { name: "tenants.name", ...timestampSorts("tenants") },
  placeOf: (row, by) => [row[by], row.id],
  toItem: row => ({ ...row, id: parseTenantId(row.id) }),
};

export function createTenants(sql: Sql): Tenants {
  const table = createTable(sql, tenantTable);
  return {
    list: ({ tenants, search, tags }, page) =>
      table.list([inTenants(tenants, "tenants.id"), named(search, "tenants.name"), withTags(tags, "tenants")], page),
    get: table.get,
    create: tenant => table.add(tenant),
    update: table.update,
    // Held meanwhile, so that nothing is added to it between the check and the deletion.
    remove: (id, check) => table.remove(id, check, noneLeft(id, contents, stillUsed)),
  };
}
