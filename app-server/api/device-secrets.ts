import Type from "typebox";
import { type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import type { SessionSummary } from "../ports.ts";
import { inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { ActivationBody, activationOf, KeysBody, rootKeysOf } from "./device-activation.ts";
import { found, notFound } from "./refusal.ts";
import { DevAddrText, Eui64, listOf, NoContent, NullableTime, nullableTimeOf } from "./schemas.ts";

const Params = Type.Object({ devEui: Eui64 });
const KeysState = Type.Object({ set: Type.Boolean({ description: "Whether there are keys; they are never shown." }) });
const Session = Type.Object({
  devAddr: DevAddrText,
  macVersion: Type.String(),
  region: Type.String(),
  deviceClass: Type.Enum(["A", "B", "C"], { description: "How the device listens now." }),
  fCntUp: Type.Integer(),
  nFCntDown: Type.Integer(),
  aFCntDown: Type.Integer(),
  dataRate: Type.Integer(),
  txPowerIndex: Type.Integer(),
  nbTrans: Type.Integer(),
  rx1DelaySeconds: Type.Integer(),
  rx1DrOffset: Type.Integer(),
  rx2DataRate: Type.Integer(),
  rx2FrequencyHz: Type.Integer(),
  enabledChannels: listOf(Type.Integer()),
  pingSlotPeriodicity: Type.Union([Type.Integer({ minimum: 0, maximum: 7 }), Type.Null()], {
    description: "Class B, as the device said it: a ping slot every 0.96 s times 2^n; null before it did.",
  }),
  maxPayload: Type.Integer({ description: "Most application bytes that the next downlink can carry." }),
  lastUplinkAt: NullableTime,
});

const sessionAnswer = ({ lastUplinkAtMs, pingSlotPeriodicity, ...session }: SessionSummary) => ({
  ...session,
  pingSlotPeriodicity: pingSlotPeriodicity ?? null,
  lastUplinkAt: nullableTimeOf(lastUplinkAtMs),
});

const read = { access: inTenant("read", "params.devEui") };
const write = { access: inTenant("devices", "params.devEui") };

export function deviceSecretRoutes(api: Api, deps: ApiDependencies): void {
  keyRoutes(api, deps);
  activationRoutes(api, deps);
}

function keyRoutes(api: Api, { repositories, rootKeys }: ApiDependencies): void {
  const device = async (devEui: DevEui) => found(await repositories.devices.get(devEui), "device");
  api.get(
    "/devices/:devEui/keys",
    { config: read, schema: { summary: "Whether root keys are set", params: Params, response: { 200: KeysState } } },
    async request => ({ set: await rootKeys.has(parseDevEui(request.params.devEui)) }),
  );
  api.put(
    "/devices/:devEui/keys",
    {
      config: write,
      schema: { summary: "Set the root keys", params: Params, body: KeysBody, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const { devEui, macVersion } = await device(parseDevEui(request.params.devEui));
      await rootKeys.put(devEui, rootKeysOf(request.body, macVersion, "/body"));
      return reply.code(204).send(null);
    },
  );
  api.delete(
    "/devices/:devEui/keys",
    { config: write, schema: { summary: "Delete the root keys", params: Params, response: { 204: NoContent } } },
    async (request, reply) => {
      if (!(await rootKeys.remove(parseDevEui(request.params.devEui)))) throw notFound("key");
      return reply.code(204).send(null);
    },
  );
  api.delete(
    "/devices/:devEui/nonces",
    {
      config: write,
      schema: {
        summary: "Forget used DevNonces",
        description:
          "For a device whose nonce counter was reset. Until its next join, an old request could be replayed.",
        params: Params,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      const { devEui, joinEui } = await device(parseDevEui(request.params.devEui));
      await rootKeys.forgetDevNonces(devEui, joinEui);
      return reply.code(204).send(null);
    },
  );
}

function activationRoutes(api: Api, { repositories, control }: ApiDependencies): void {
  api.get(
    "/devices/:devEui/activation",
    { config: read, schema: { summary: "Read the session", params: Params, response: { 200: Session } } },
    async request => sessionAnswer(found(await control.session(parseDevEui(request.params.devEui)), "session")),
  );
  api.put(
    "/devices/:devEui/activation",
    {
      config: write,
      schema: { summary: "Start a session (ABP)", params: Params, body: ActivationBody, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const device = found(await repositories.devices.get(parseDevEui(request.params.devEui)), "device");
      await control.activate(device.devEui, activationOf(request.body, device.macVersion, "/body"));
      return reply.code(204).send(null);
    },
  );
  api.delete(
    "/devices/:devEui/activation",
    { config: write, schema: { summary: "End the session", params: Params, response: { 204: NoContent } } },
    async (request, reply) => {
      if (!(await control.deactivate(parseDevEui(request.params.devEui)))) throw notFound("session");
      return reply.code(204).send(null);
    },
  );
}
