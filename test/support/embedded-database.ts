import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";

/** Straight into the database of a server that runs on this data folder; to be ended by the caller. */
export async function openEmbeddedDatabase(dataFolder: string): Promise<Client> {
  const folder = join(dataFolder, "postgres");
  const socket = readdirSync(folder).find(name => name.startsWith("postgres-socket-"));
  if (socket === undefined) throw new Error(`no database runs in ${folder}`);
  const host = join(folder, socket);
  const port = Number(
    readdirSync(host)
      .find(name => /^\.s\.PGSQL\.\d+$/.test(name))
      ?.split(".")
      .at(-1),
  );
  const sql = new Client({ host, port, user: "upchirp", database: "upchirp" });
  await sql.connect();
  return sql;
}
