import Type, { type Static } from "typebox";
import { parseDevEui } from "../../lorawan/ids.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import type { DownlinkRequest, EnqueueOutcome } from "../ports.ts";
import { inTenant } from "./access.ts";
import { futureTime } from "./api-keys.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found, notFound, Refusal, type RefusalCode } from "./refusal.ts";
import {
  DevAddrText,
  Eui64,
  listOf,
  NoContent,
  NullableTime,
  nullableTimeOf,
  strict,
  Time,
  TimeInput,
  timeOf,
} from "./schemas.ts";

const Id = Type.String({ minLength: 1, maxLength: 100 });
/** 0 is the network's, 224 the certification protocol's, above is reserved (TS001-1.0.4 4.3.2). */
const FPort = Type.Integer({ minimum: 1, maximum: 224, description: "1 to 223; 224 is for certification (TS009)." });
const Data = Type.String({
  maxLength: 1000,
  pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
  description: "Payload, base64; in the clear unless isEncrypted says otherwise.",
});
const FCntDown = Type.Integer({ minimum: 0, maximum: 4_294_967_294 });
const Enqueue = Type.Object(
  {
    id: Type.Optional(Id),
    fPort: FPort,
    confirmed: Type.Optional(Type.Boolean()),
    data: Type.Optional(Data),
    object: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: "For the device's codec." })),
    expiresAt: Type.Optional(TimeInput),
    isEncrypted: Type.Optional(
      Type.Boolean({ description: "`data` is encrypted under the device's AppSKey, for the counter `fCntDown`." }),
    ),
    fCntDown: Type.Optional(FCntDown),
  },
  { ...strict, description: "Exactly one of `data` and `object` is given; `isEncrypted` and `fCntDown` go together." },
);
const Order = Type.Object({ ids: Type.Array(Id, { minItems: 1, maxItems: 1000 }) }, strict);
const Item = Type.Object({
  id: Id,
  fPort: Type.Integer(),
  confirmed: Type.Boolean(),
  data: Type.String(),
  isEncrypted: Type.Boolean(),
  fCntDown: Type.Union([Type.Integer(), Type.Null()], { description: "What it is encrypted for." }),
  enqueuedAt: Time,
  expiresAt: NullableTime,
  sent: Type.Union([Type.Object({ fCntDown: Type.Integer(), at: Time, attempts: Type.Integer() }), Type.Null()]),
});
const NextFCnt = Type.Object({
  fCntDown: Type.Integer({ description: "The next counter to encrypt a payload for; those that wait are considered." }),
  devAddr: DevAddrText,
  sessionKeyId: Type.Union([Type.String(), Type.Null()], {
    description: "By what name the Join Server gives the AppSKey to an application, where it has one.",
  }),
});
const Params = Type.Object({ devEui: Eui64 });
const ItemParams = Type.Object({ devEui: Eui64, itemId: Type.String({ maxLength: 100 }) });

const refusals: Readonly<Record<Extract<EnqueueOutcome, { kind: "refused" }>["reason"], RefusalCode>> = {
  unknown_device: "not_found",
  invalid: "invalid_value",
  codec: "invalid_value",
  too_long: "invalid_value",
  queue_full: "conflict",
  duplicate_id: "conflict",
  not_encrypted: "conflict",
  f_cnt_down: "conflict",
};

function downlinkOf(
  { expiresAt, confirmed = false, isEncrypted = false, fCntDown, ...body }: Static<typeof Enqueue>,
  nowMs: number,
): DownlinkRequest {
  if ((body.data === undefined) === (body.object === undefined)) {
    throw new Refusal("invalid_value", "Exactly one of data and object is given.", "/body");
  }
  if (isEncrypted !== (fCntDown !== undefined)) {
    throw new Refusal("invalid_value", "isEncrypted and fCntDown go together.", "/body/fCntDown");
  }
  return {
    ...body,
    confirmed,
    ...(fCntDown !== undefined && { encrypted: { fCntDown } }),
    ...(expiresAt !== undefined && { expiresAtMs: Date.parse(futureTime(expiresAt, nowMs, "/body/expiresAt")) }),
  };
}

const itemAnswer = ({ id, fPort, confirmed, data, encrypted, enqueuedAtMs, expiresAtMs, sent }: QueueItem) => ({
  id,
  fPort,
  confirmed,
  data,
  isEncrypted: encrypted !== undefined,
  fCntDown: encrypted?.fCntDown ?? null,
  enqueuedAt: timeOf(enqueuedAtMs),
  expiresAt: nullableTimeOf(expiresAtMs),
  sent: sent === undefined ? null : { fCntDown: sent.fCntDown, at: timeOf(sent.atMs), attempts: sent.attempts },
});

export function queueRoutes(api: Api, { queue, clock }: ApiDependencies): void {
  const read = { access: inTenant("read", "params.devEui") };
  const write = { access: inTenant("devices", "params.devEui") };
  api.get(
    "/devices/:devEui/queue",
    {
      config: read,
      schema: {
        summary: "List waiting downlinks",
        params: Params,
        response: { 200: Type.Object({ items: listOf(Item) }) },
      },
    },
    async request => ({ items: (await queue.list(parseDevEui(request.params.devEui))).map(itemAnswer) }),
  );
  api.post(
    "/devices/:devEui/queue",
    {
      config: write,
      schema: {
        summary: "Queue a downlink",
        params: Params,
        body: Enqueue,
        response: { 201: Type.Object({ id: Id }) },
      },
    },
    async (request, reply) => {
      const downlink = downlinkOf(request.body, clock.nowMs());
      const outcome = await queue.enqueue(parseDevEui(request.params.devEui), downlink);
      if (outcome.kind === "refused") throw new Refusal(refusals[outcome.reason], outcome.message);
      return reply.code(201).send({ id: outcome.id });
    },
  );
  api.get(
    "/devices/:devEui/queue/next-f-cnt",
    {
      config: read,
      schema: {
        summary: "Tell the counter to encrypt the next downlink for",
        params: Params,
        response: { 200: NextFCnt },
      },
    },
    async request => {
      const session = await queue.nextFCntDown(parseDevEui(request.params.devEui));
      const { fCntDown, devAddr, sessionKeyId = null } = found(session, "session");
      return { fCntDown, devAddr, sessionKeyId };
    },
  );
  api.delete(
    "/devices/:devEui/queue",
    {
      config: write,
      schema: {
        summary: "Delete all waiting downlinks",
        params: Params,
        response: { 200: Type.Object({ removed: Type.Integer() }) },
      },
    },
    async request => ({ removed: await queue.flush(parseDevEui(request.params.devEui)) }),
  );
  api.put(
    "/devices/:devEui/queue/order",
    {
      config: write,
      schema: {
        summary: "Put waiting downlinks into another order",
        description:
          "Those that are named come in this order, in the places that they have together; others stay where they are.",
        params: Params,
        body: Order,
        response: { 200: Type.Object({ items: listOf(Item) }) },
      },
    },
    async request => {
      const outcome = await queue.reorder(parseDevEui(request.params.devEui), request.body.ids);
      if (outcome.kind === "refused") throw new Refusal("conflict", `${outcome.message}.`);
      return { items: outcome.items.map(itemAnswer) };
    },
  );
  api.delete(
    "/devices/:devEui/queue/:itemId",
    {
      config: write,
      schema: { summary: "Delete a waiting downlink", params: ItemParams, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const { devEui, itemId } = request.params;
      if (!(await queue.remove(parseDevEui(devEui), itemId))) throw notFound("downlink");
      return reply.code(204).send(null);
    },
  );
}
