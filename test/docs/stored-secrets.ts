import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TOTP } from "otpauth";
import Type from "typebox";
import Value from "typebox/value";
import { systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createPostgres } from "../../platform/postgres.ts";
import type { UpchirpProcess } from "../support/upchirp-process.ts";

const Created = Type.Object({ id: Type.String() });
const Token = Type.Object({ token: Type.String() });
const Tenants = Type.Object({ items: Type.Array(Created, { minItems: 1 }) });
const Secret = Type.Object({ secret: Type.String() });
const Codes = Type.Object({ recoveryCodes: Type.Array(Type.String(), { minItems: 1 }) });

const key = {
  root: "6b3f0a91c47de2585f1d8e23a9b07c46",
  appSKey: "d92c417be6035f8ab1e7403c9d58f261",
  nwkSKey: "1fa86d30c5b7924ee80b6d5f27c193a4",
};

/** Has a server keep one secret of each kind, by the names that docs/security.md has for them. */
export async function keepSecrets(server: UpchirpProcess): Promise<ReadonlyMap<string, readonly string[]>> {
  const ask = async (method: string, path: string, body?: unknown, token = server.token()): Promise<unknown> => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${server.apiUrl}/api${path}`, { method, headers, ...text });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${said}`);
    return said === "" ? undefined : JSON.parse(said);
  };
  const password = "a-password-of-ada";
  await ask("POST", "/users", { email: "ada@example.com", password });
  const { token: login } = Value.Parse(Token, await ask("POST", "/login", { email: "ada@example.com", password }));
  const begun = await ask("POST", "/me/second-factor", { currentPassword: password }, login);
  const { secret } = Value.Parse(Secret, begun);
  const code = new TOTP({ secret }).generate();
  const { recoveryCodes } = Value.Parse(Codes, await ask("POST", "/me/second-factor/confirmation", { code }, login));

  const [tenant] = Value.Parse(Tenants, await ask("GET", "/tenants")).items;
  const tenantId = tenant?.id;
  const apiKey = Value.Parse(Token, await ask("POST", "/api-keys", { tenantId, name: "docs", role: "viewer" }));
  const application = await ask("POST", "/applications", { tenantId, name: "water" });
  const applicationId = Value.Parse(Created, application).id;
  const mqttPassword = "a-password-of-mqtt";
  const mqttLogin = { username: "dashboard", password: mqttPassword };
  await ask("POST", `/applications/${applicationId}/mqtt-credentials`, mqttLogin);
  const codecScript = "function decodeUplink() { return { data: { formula: 'a-script-of-docs' } }; }";
  const region = { region: "EU868", macVersion: "1.0.3", regionalParameters: "RP001-1.0.3-A" };
  const profile = { tenantId, name: "meters", ...region, codec: "javascript", codecScript };
  const deviceProfileId = Value.Parse(Created, await ask("POST", "/device-profiles", profile)).id;
  await ask("POST", "/gateways", { gatewayId: "0016c001f1500812", tenantId, name: "roof" });
  const device = { applicationId, deviceProfileId };
  const variables = { access: "a-variable-of-docs" };
  const joining = { ...device, devEui: "70b3d57ed0000001", name: "joining", variables, keys: { nwkKey: key.root } };
  await ask("POST", "/devices", joining);
  const { appSKey, nwkSKey } = key;
  const activation = { devAddr: "01020304", appSKey, nwkSKey };
  await ask("POST", "/devices", { ...device, devEui: "70b3d57ed0000002", name: "personal", activation });
  const data = Buffer.from("a-downlink-of-docs").toString("base64");
  await ask("POST", "/devices/70b3d57ed0000002/queue", { fPort: 1, data });
  return new Map([
    ["passwords of users", [password]],
    ["passwords of MQTT logins", [mqttPassword]],
    ["API keys", [apiKey.token, server.token()]],
    ["login tokens", [login]],
    ["recovery codes", recoveryCodes],
    ["second-factor secrets", [secret]],
    ["root keys", [key.root]],
    ["AppSKeys", [key.appSKey]],
    ["network session keys", [key.nwkSKey]],
    ["downlinks that wait", [data]],
    ["downlinks that were sent over the API", [data]],
    ["variables of devices", [variables.access]],
    ["codec scripts", ["a-script-of-docs"]],
  ]);
}

const Owner = Type.Object({ socketFolder: Type.String() });

/** Every row of every table of the embedded database, as text: bytes in it are hex. */
async function dumpOf(server: UpchirpProcess): Promise<string> {
  const owner: unknown = JSON.parse(readFileSync(join(server.dataFolder, "postgres", "postgres.owner"), "utf8"));
  const { socketFolder: host } = Value.Parse(Owner, owner);
  const connection = { host, port: 5432, user: "upchirp", database: "upchirp" };
  const sql = createPostgres({ connection, log: createLog({ level: "silent" }), clock: systemClock });
  try {
    const tables = await sql.rows(
      Type.Object({ name: Type.String() }),
      "select table_name::text as name from information_schema.tables where table_schema = 'public'",
    );
    const Rows = Type.Object({ text: Type.String() });
    const texts = tables.map(({ name }) => sql.rows(Rows, `select to_jsonb(t)::text as text from "${name}" t`));
    return (await Promise.all(texts)).flatMap(rows => rows.map(({ text }) => text)).join("\n");
  } finally {
    await sql.close();
  }
}

/** Both stores, as somebody has them who copied them. */
export async function copiesOf(server: UpchirpProcess): Promise<{ readonly database: string; readonly state: string }> {
  const files = ["data.mdb", "journal-0", "journal-1"];
  const state = files.map(name => readFileSync(join(server.dataFolder, "state", name), "latin1")).join("\n");
  return { database: await dumpOf(server), state };
}

/** How a secret may stand in a copy: as its text, as hex, base64 or base64url of that, and as the bytes that it is hex or Base32 of. */
export function formsOf(secret: string): readonly string[] {
  const isHex = /^([0-9a-f]{2})+$/.test(secret);
  const isBase32 = /^[A-Z2-7]{32}$/.test(secret);
  const bytes = [
    Buffer.from(secret),
    ...(isHex ? [Buffer.from(secret, "hex")] : []),
    ...(isBase32 ? [Buffer.from(new TOTP({ secret }).secret.buffer)] : []),
  ];
  return bytes.flatMap(form => [
    form.toString("latin1"),
    form.toString("hex"),
    form.toString("base64"),
    form.toString("base64url"),
  ]);
}
