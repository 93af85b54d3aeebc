import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { parseDevEui } from "../../lorawan/ids.ts";
import { type TwinObject, type TwinRefusal, twinDeliveryStates } from "../twin-ports.ts";
import { inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found, Refusal, type RefusalCode } from "./refusal.ts";
import { Eui64, NoContent, NullableTime, strict } from "./schemas.ts";

const Document = Type.Unsafe<TwinObject>({ type: "object", additionalProperties: true });
const NullableText = Type.Union([Type.String(), Type.Null()]);
const Twin = Type.Object({
  devEui: Eui64,
  desired: Document,
  reported: Document,
  delta: Type.Unsafe<TwinObject>({
    type: "object",
    additionalProperties: true,
    description: "What of `desired` the device has not reported.",
  }),
  metadata: Type.Object(
    { desired: Document, reported: Document },
    { description: "Of the shape of the documents, with a `$lastUpdated` for each value." },
  ),
  version: Type.Object({ desired: Type.Integer(), reported: Type.Integer() }),
  delivery: Type.Object({
    state: Type.Enum([...twinDeliveryStates]),
    attempts: Type.Integer({ description: "Downlinks made for what is missing now." }),
    lastSentAt: NullableTime,
    nextAt: NullableTime,
    reason: NullableText,
    queueItemId: Type.Union([Type.String(), Type.Null()], { description: "Of the downlink in the device's queue." }),
  }),
  reportFault: Type.Union([Type.String(), Type.Null()], { description: "Why the last report was left out." }),
});
const Change = Type.Object(
  {
    desired: Type.Unsafe<TwinObject>({
      type: "object",
      additionalProperties: true,
      description: "Merged into what is there (RFC 7386): null removes a member. 8192 bytes and 8 levels in all.",
    }),
    version: Type.Optional(
      Type.Integer({ minimum: 0, description: "Refused with 409 unless the desired state is at this version." }),
    ),
  },
  strict,
);
const Params = Type.Object({ devEui: Eui64 });

const refusals: Readonly<Record<TwinRefusal, RefusalCode>> = {
  unknown_device: "not_found",
  invalid: "invalid_value",
  too_large: "invalid_value",
  conflict: "conflict",
};

/** The desired version that `If-Match` names: the ETag of a twin is that version alone, since devices report all the time. */
function matchedVersion(request: FastifyRequest): number | undefined {
  const header = request.headers["if-match"];
  if (header === undefined || header.trim() === "*") return undefined;
  const [, version] = /^\s*"(\d{1,15})"\s*$/.exec(header) ?? [];
  return version === undefined ? -1 : Number(version);
}

export function deviceTwinRoutes(api: Api, { twins }: ApiDependencies): void {
  api.get(
    "/devices/:devEui/twin",
    {
      config: { access: inTenant("read", "params.devEui") },
      schema: { summary: "Get a device's twin", params: Params, response: { 200: Twin } },
    },
    async (request, reply) => {
      const twin = found(await twins.get(parseDevEui(request.params.devEui)), "device");
      return reply.header("etag", `"${twin.version.desired}"`).send(twin);
    },
  );
  api.patch(
    "/devices/:devEui/twin",
    {
      config: { access: inTenant("devices", "params.devEui") },
      schema: {
        summary: "Change what a device shall be like",
        description: "`If-Match` takes the ETag of the twin, which is its desired version.",
        params: Params,
        body: Change,
        response: { 200: Twin },
      },
    },
    async (request, reply) => {
      const { desired, version } = request.body;
      const matched = matchedVersion(request);
      const expected = matched ?? version;
      const change = { desired, ...(expected !== undefined && { version: expected }) };
      const outcome = await twins.update(parseDevEui(request.params.devEui), change);
      if (outcome.kind === "refused") {
        const isMatch = outcome.reason === "conflict" && matched !== undefined;
        const path = outcome.path === undefined ? undefined : `/body${outcome.path}`;
        throw new Refusal(isMatch ? "precondition_failed" : refusals[outcome.reason], outcome.message, path);
      }
      return reply.header("etag", `"${outcome.twin.version.desired}"`).send(outcome.twin);
    },
  );
  api.delete(
    "/devices/:devEui/twin",
    {
      config: { access: inTenant("devices", "params.devEui") },
      schema: {
        summary: "Forget both documents of a device's twin",
        description: "A downlink of the twin that waits is taken back.",
        params: Params,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      const devEui = parseDevEui(request.params.devEui);
      found(await twins.get(devEui), "device");
      await twins.remove(devEui);
      return reply.code(204).send(null);
    },
  );
}
