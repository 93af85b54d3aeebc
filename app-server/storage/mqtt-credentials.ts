import Type from "typebox";
import type { Sql } from "../../platform/sql.ts";
import { CatalogConflict } from "../catalog-ports.ts";
import type { MqttCredentialStore } from "../mqtt-credential-ports.ts";
import { hashPassword } from "./passwords.ts";
import { rfc3339 } from "./statement.ts";

const Row = Type.Object({ username: Type.String(), isReadOnly: Type.Boolean(), createdAt: Type.String() });
const selected = `username, is_read_only as "isReadOnly", ${rfc3339("created_at")} as "createdAt"`;

export function createMqttCredentials(sql: Sql): MqttCredentialStore {
  return {
    list: applicationId =>
      sql.rows(Row, `select ${selected} from mqtt_credentials where application_id = $1 order by username`, [
        applicationId,
      ]),
    async create(applicationId, username, password, isReadOnly = false) {
      const [row] = await sql.rows(
        Row,
        `insert into mqtt_credentials (username, application_id, password_hash, is_read_only)
           values ($1, $2, $3, $4)
           on conflict (username) do nothing returning ${selected}`,
        [username, applicationId, await hashPassword(password), isReadOnly],
      );
      // The name is the broker's, not the application's: an MQTT client gives nothing else to find its application by.
      if (row === undefined) throw new CatalogConflict("already_exists", "This MQTT user name is taken.");
      return row;
    },
    async remove(applicationId, username) {
      const statement = "delete from mqtt_credentials where application_id = $1 and username = $2";
      return (await sql.run(statement, [applicationId, username])) > 0;
    },
  };
}
