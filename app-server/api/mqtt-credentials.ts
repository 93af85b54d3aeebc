import { randomBytes } from "node:crypto";
import Type from "typebox";
import { parseApplicationId } from "../../lorawan/ids.ts";
import { inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { notFound } from "./refusal.ts";
import { listOf, NoContent, strict, Time, Uuid } from "./schemas.ts";

/** Short and plain enough to be part of a path: the router takes 100 characters, percent signs included. */
const Username = Type.String({ minLength: 1, maxLength: 90, pattern: "^[A-Za-z0-9._~@:+-]+$" });
const isReadOnly = Type.Boolean({ description: "It subscribes, and sends no commands." });
const Credential = Type.Object({ username: Username, isReadOnly, createdAt: Time });
const CredentialCreate = Type.Object(
  {
    username: Type.Optional(Username),
    password: Type.Optional(Type.String({ minLength: 8, maxLength: 200, writeOnly: true })),
    isReadOnly: Type.Optional(isReadOnly),
  },
  { ...strict, description: "A name or password that is left out is made up." },
);
const Created = Type.Object({
  ...Credential.properties,
  password: Type.Optional(Type.String({ description: "A made-up password, shown this once; only its hash is kept." })),
});
const Params = Type.Object({ applicationId: Uuid });
const OneParams = Type.Object({ applicationId: Uuid, username: Type.String({ maxLength: 100 }) });

export function mqttCredentialRoutes(api: Api, { repositories: { mqttCredentials } }: ApiDependencies): void {
  const config = { access: inTenant("devices", "params.applicationId") };
  api.get(
    "/applications/:applicationId/mqtt-credentials",
    {
      config,
      schema: {
        summary: "List MQTT logins",
        params: Params,
        response: { 200: Type.Object({ items: listOf(Credential) }) },
      },
    },
    async request => ({ items: await mqttCredentials.list(parseApplicationId(request.params.applicationId)) }),
  );
  api.post(
    "/applications/:applicationId/mqtt-credentials",
    {
      config: { ...config, answerIsSecret: true },
      schema: { summary: "Add an MQTT login", params: Params, body: CredentialCreate, response: { 201: Created } },
    },
    async (request, reply) => {
      const { username = `app-${randomBytes(6).toString("hex")}`, password, isReadOnly } = request.body;
      const secret = password ?? randomBytes(24).toString("base64url");
      const applicationId = parseApplicationId(request.params.applicationId);
      const credential = await mqttCredentials.create(applicationId, username, secret, isReadOnly);
      return reply.code(201).send(password === undefined ? { ...credential, password: secret } : credential);
    },
  );
  api.delete(
    "/applications/:applicationId/mqtt-credentials/:username",
    { config, schema: { summary: "Delete an MQTT login", params: OneParams, response: { 204: NoContent } } },
    async (request, reply) => {
      const { applicationId, username } = request.params;
      const removed = await mqttCredentials.remove(parseApplicationId(applicationId), username);
      if (!removed) throw notFound("MQTT login");
      return reply.code(204).send(null);
    },
  );
}
