import Type, { type Static } from "typebox";
import { parseDevEui, parseIntegrationId } from "../../lorawan/ids.ts";
import type { DeadLetter as DeadLetterRecord, LetterFilter } from "../integration-ports.ts";
import { acrossTenants, inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { EventKind, IntegrationListQuery, IntegrationParams, integrationFilter } from "./integrations.ts";
import { pageRequest } from "./listing.ts";
import { found } from "./refusal.ts";
import { Eui64, listOf, NullableTime, pageOf, pageQuery, strict, Time, Uuid } from "./schemas.ts";

const State = Type.Object({
  mode: Type.String(),
  circuit: Type.Enum(["closed", "open"], { description: "open: the receiver is away, and is tried now and then." }),
  delivered: Type.Integer({ description: "Messages, since the integration was made." }),
  dropped: Type.Integer({ description: "Messages beyond its limits that were dropped." }),
  lastDeliveredAt: NullableTime,
  lastError: Type.Union([Type.Object({ at: Time, message: Type.String() }), Type.Null()]),
  queue: Type.Object({
    messages: Type.Integer(),
    bytes: Type.Integer(),
    oldestAt: NullableTime,
  }),
  deadLetters: Type.Integer(),
});
const NamedState = Type.Object({
  integrationId: Uuid,
  tenantId: Uuid,
  applicationId: Type.Union([Uuid, Type.Null()]),
  kind: Type.String(),
  name: Type.String(),
  ...State.properties,
});
const TestResult = Type.Object({
  outcome: Type.Enum(["delivered", "unavailable", "failed", "rejected", "gone"]),
  message: Type.String({ description: "Why it was not delivered." }),
  durationMs: Type.Integer(),
});
const LetterId = Type.String({ pattern: "^[0-9]{1,18}$" });
const selection = {
  devEui: Type.Optional(Eui64),
  kind: Type.Optional(EventKind),
  reason: Type.Optional(Type.Enum(["rejected", "attempts", "mapping", "overflow", "expired"])),
};
const Letter = Type.Object({
  id: LetterId,
  devEui: Eui64,
  applicationId: Uuid,
  kind: EventKind,
  reason: Type.String({
    description:
      "rejected by the receiver; too many attempts; mapping: no message could be made; overflow or expired: waited beyond the limits.",
  }),
  message: Type.String(),
  attempts: Type.Integer(),
  enqueuedAt: Time,
  diedAt: Time,
  event: Type.Unsafe<unknown>({ type: "object", additionalProperties: true }),
});
const LetterQuery = Type.Object({ ...pageQuery, ...selection, after: Type.Optional(LetterId) }, strict);
const Selection = Type.Object(
  { ids: Type.Optional(Type.Array(LetterId, { minItems: 1, maxItems: 10_000 })), ...selection },
  { ...strict, description: "Which dead letters; {} is all." },
);
const Count = Type.Object({ count: Type.Integer() });

const filterOf = ({ devEui, kind, reason }: Omit<Static<typeof Selection>, "ids">): LetterFilter => ({
  ...(devEui !== undefined && { devEui: parseDevEui(devEui) }),
  ...(kind !== undefined && { kind }),
  ...(reason !== undefined && { reason }),
});
const selectionOf = (body: Static<typeof Selection>): LetterFilter => ({
  ...filterOf(body),
  ...(body.ids !== undefined && { ids: body.ids }),
});
const shown = (letter: DeadLetterRecord) => {
  const event: unknown = JSON.parse(letter.event);
  return { ...letter, event };
};

/** What became of an integration's messages, and what shall become of those that died. */
export function integrationDeliveryRoutes(api: Api, deps: ApiDependencies): void {
  stateRoutes(api, deps);
  letterRoutes(api, deps);
}

function stateRoutes(api: Api, { repositories: { integrations }, deliveryDesk, sinks }: ApiDependencies): void {
  const params = IntegrationParams;
  api.get(
    "/integrations/:integrationId/state",
    {
      config: { access: inTenant("read", "params.integrationId") },
      schema: { summary: "Whether an integration delivers, and what waits", params, response: { 200: State } },
    },
    async request => {
      const { id, mode } = found(
        await integrations.get(parseIntegrationId(request.params.integrationId)),
        "integration",
      );
      return { mode, ...(await deliveryDesk.state(id)) };
    },
  );
  api.get(
    "/integrations/states",
    {
      config: { access: acrossTenants("read") },
      schema: {
        summary: "List whether integrations deliver, and what waits",
        querystring: IntegrationListQuery,
        response: { 200: pageOf(NamedState) },
      },
    },
    async request => {
      const page = await integrations.list(integrationFilter(request, request.query), pageRequest(request.query));
      const states = await deliveryDesk.states(page.items.map(({ id }) => id));
      const items = page.items.flatMap(({ id, tenantId, applicationId, kind, name, mode }) => {
        const state = states.get(id);
        return state === undefined ? [] : [{ integrationId: id, tenantId, applicationId, kind, name, mode, ...state }];
      });
      return { ...page, items };
    },
  );
  api.post(
    "/integrations/:integrationId/test",
    {
      config: { access: inTenant("devices", "params.integrationId") },
      schema: { summary: "Send one made-up uplink past the queue", params, response: { 200: TestResult } },
    },
    async request => {
      const id = parseIntegrationId(request.params.integrationId);
      const integration = found(await integrations.get(id), "integration");
      return sinks.test({ integration, secrets: await integrations.secrets(id) });
    },
  );
  api.delete(
    "/integrations/:integrationId/queue",
    {
      config: { access: inTenant("devices", "params.integrationId") },
      schema: { summary: "Drop every message that waits", params, response: { 200: Count } },
    },
    async request => ({ count: await deliveryDesk.purge(parseIntegrationId(request.params.integrationId)) }),
  );
}

function letterRoutes(api: Api, { deliveryDesk }: ApiDependencies): void {
  const params = IntegrationParams;
  const write = { access: inTenant("devices", "params.integrationId") };
  api.get(
    "/integrations/:integrationId/dead-letters",
    {
      config: { access: inTenant("read", "params.integrationId") },
      schema: {
        summary: "List dead letters, oldest first",
        params,
        querystring: LetterQuery,
        response: { 200: Type.Object({ items: listOf(Letter), next: Type.Optional(Type.String()) }) },
      },
    },
    async request => {
      const { limit = 100, after } = request.query;
      const page = { limit, ...(after !== undefined && { after }) };
      const id = parseIntegrationId(request.params.integrationId);
      const letters = await deliveryDesk.deadLetters(id, filterOf(request.query), page);
      return { ...letters, items: letters.items.map(shown) };
    },
  );
  api.post(
    "/integrations/:integrationId/dead-letters/replay",
    {
      config: write,
      schema: { summary: "Queue dead letters again", params, body: Selection, response: { 200: Count } },
    },
    async request => {
      const id = parseIntegrationId(request.params.integrationId);
      return { count: await deliveryDesk.replay(id, selectionOf(request.body)) };
    },
  );
  api.post(
    "/integrations/:integrationId/dead-letters/drop",
    {
      config: write,
      schema: { summary: "Drop dead letters", params, body: Selection, response: { 200: Count } },
    },
    async request => {
      const id = parseIntegrationId(request.params.integrationId);
      return { count: await deliveryDesk.drop(id, selectionOf(request.body)) };
    },
  );
}
