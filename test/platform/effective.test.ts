import Type from "typebox";
import { expect, test } from "vitest";
import { effectiveSettings } from "../../platform/config/effective.ts";

const schema = Type.Object({
  port: Type.Integer({ default: 1700, description: "Port." }),
  database: Type.Object({ url: Type.Optional(Type.String({ secret: true })) }),
  login: Type.Optional(
    Type.Object({ password: Type.String({ secret: true }), filter: Type.String({ default: "(uid={login})" }) }),
  ),
  clients: Type.Array(
    Type.Object({
      id: Type.String(),
      token: Type.String({ secret: true }),
      more: Type.Object({ key: Type.String({ secret: true }), name: Type.String() }),
    }),
    { default: [] },
  ),
});
const client = { id: "one", token: "hidden-1", more: { key: "hidden-2", name: "n" } };

test("settings are told as they hold, without a secret at any depth", () => {
  const settings = effectiveSettings(schema, { port: 1701, database: { url: "hidden-3" }, clients: [client] });
  expect(settings).toMatchObject([
    { path: "port", value: 1701, isDefault: false, isSecret: false, isSet: true, description: "Port." },
    { path: "database.url", value: undefined, isSecret: true, isSet: true },
    { path: "login.password", isSecret: true, isSet: false },
    // Of a section that is not there.
    { path: "login.filter", isSet: false, isDefault: true },
    { path: "clients", value: [{ id: "one", more: { name: "n" } }] },
  ]);
  expect(JSON.stringify(settings)).not.toContain("hidden");
  expect(effectiveSettings(schema, { port: 1700, database: {}, clients: [] })[0]).toMatchObject({ isDefault: true });
});
