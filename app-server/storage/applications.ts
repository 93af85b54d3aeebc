import Type, { type Static } from "typebox";
import { parseApplicationId, parseTenantId } from "../../lorawan/ids.ts";
import type { Sql } from "../../platform/sql.ts";
import { type Application, type Applications, CatalogConflict } from "../catalog-ports.ts";
import {
  assignment,
  type Columns,
  insertion,
  jsonColumn,
  listPage,
  mapPage,
  scopeValue,
  TagsColumn,
  timestampColumns,
} from "./statement.ts";

const Row = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  name: Type.String(),
  description: Type.String(),
  tags: TagsColumn,
  createdAt: Type.String(),
  updatedAt: Type.String(),
});
const selected = `applications.id, tenant_id as "tenantId", name, description, tags, ${timestampColumns("applications")}`;
const columns: Columns = {
  tenantId: { name: "tenant_id" },
  name: { name: "name" },
  description: { name: "description" },
  tags: jsonColumn("tags"),
};

const toApplication = (row: Static<typeof Row>): Application => ({
  ...row,
  id: parseApplicationId(row.id),
  tenantId: parseTenantId(row.tenantId),
});

export function createApplications(sql: Sql): Applications {
  return {
    async list(scope, page) {
      const text = `select ${selected} from applications where ($1::uuid[] is null or tenant_id = any($1))`;
      const query = { text, values: [scopeValue(scope)], orderBy: "name", key: "id::text" };
      return mapPage(await listPage(sql, Row, query, page, row => [row.name, row.id]), toApplication);
    },
    async get(id) {
      const [row] = await sql.rows(Row, `select ${selected} from applications where id = $1`, [id]);
      return row && toApplication(row);
    },
    async create(application) {
      const { text, values } = insertion(columns, application);
      const [row] = await sql.rows(Row, `insert into applications ${text} returning ${selected}`, values);
      return toApplication(row!);
    },
    async update(id, change) {
      const { text, values } = assignment(columns, change);
      const statement = `update applications set ${text} where id = $1 returning ${selected}`;
      const [row] = await sql.rows(Row, statement, [id, ...values]);
      return row && toApplication(row);
    },
    remove: id =>
      sql.transaction(async transaction => {
        const found = await transaction.rows(Type.Object({}), "select 1 from applications where id = $1 for update", [
          id,
        ]);
        if (found.length === 0) return false;
        const devices = await transaction.rows(
          Type.Object({}),
          "select 1 from devices where application_id = $1 limit 1",
          [id],
        );
        if (devices.length > 0) {
          throw new CatalogConflict("still_in_use", "The application still has devices; delete or move them first.");
        }
        return (await transaction.run("delete from applications where id = $1", [id])) > 0;
      }),
  };
}
