import Type, { type Static } from "typebox";
import { parseApplicationId, parseTenantId } from "../../lorawan/ids.ts";
import {
  type AlertKind,
  type AlertRule,
  alertKinds,
  alertSeverities,
  alertStates,
  alertSubjectTypes,
} from "../alert-ports.ts";
import { alertDefinitions, ruleOf, toldAlert } from "../alert-rule-ports.ts";
import { acrossTenants, checkPlace, inTenant, listScope } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found, Refusal } from "./refusal.ts";
import { change, NoContent, NullableTime, pageOf, pageQuery, strict, Time, TimeInput, Uuid } from "./schemas.ts";

const Kind = Type.Enum([...alertKinds]);
const Severity = Type.Enum([...alertSeverities]);
const State = Type.Enum([...alertStates]);
const Alert = Type.Object({
  id: Uuid,
  tenantId: Uuid,
  applicationId: Type.Union([Uuid, Type.Null()]),
  kind: Kind,
  severity: Severity,
  state: State,
  subject: Type.Object({ type: Type.Enum([...alertSubjectTypes]), id: Type.String(), name: Type.String() }),
  title: Type.String(),
  whatToDo: Type.String(),
  measures: Type.String({ description: "What `value` and `threshold` are." }),
  value: Type.Number(),
  threshold: Type.Number(),
  details: Type.Unsafe<Readonly<Record<string, unknown>>>({ type: "object", additionalProperties: true }),
  raisedAt: Time,
  acknowledgedAt: NullableTime,
  acknowledgedBy: Type.Union([Type.String(), Type.Null()]),
  note: Type.String(),
  clearedAt: NullableTime,
});
const ListQuery = Type.Object(
  {
    ...pageQuery,
    tenantId: Type.Optional(Uuid),
    state: Type.Optional(
      Type.Enum(["open", ...alertStates], { description: "open: raised or acknowledged. All unless given." }),
    ),
    kind: Type.Optional(Kind),
    severity: Type.Optional(Severity),
    subject: Type.Optional(Type.String({ maxLength: 50, description: "DevEUI, gateway id or integration id." })),
    since: Type.Optional(TimeInput),
    until: Type.Optional(TimeInput),
  },
  strict,
);
const Acknowledgement = Type.Object({ note: Type.Optional(Type.String({ maxLength: 1000 })) }, strict);
const threshold = (description: string) => Type.Number({ minimum: 0, maximum: 1_000_000, description });
const seconds = (description: string) => Type.Integer({ minimum: 0, maximum: 604_800, description });
const ruleFields = {
  isEnabled: Type.Boolean(),
  severity: Severity,
  raise: threshold("The value from which on an alert is raised; of battery-low, down from which."),
  clear: threshold("The value at which it may be over."),
  raiseAfterSeconds: seconds("For how long the first has to last."),
  clearAfterSeconds: seconds("For how long the second has to last."),
  windowMinutes: Type.Integer({
    minimum: 1,
    maximum: 10_080,
    description: "Of kinds that count: how long something counts.",
  }),
};
const Rule = Type.Object({
  kind: Kind,
  ...ruleFields,
  title: Type.String(),
  measures: Type.String(),
  whatToDo: Type.String(),
  counts: Type.Boolean({ description: "Its value is a number of things that happened within `windowMinutes`." }),
  isLow: Type.Boolean({ description: "Too little is what is wrong: `raise` is below `clear`." }),
  isChanged: Type.Boolean({ description: "The tenant has a rule of its own." }),
});
const Rules = Type.Object({ items: Type.Unsafe<readonly Static<typeof Rule>[]>(Type.Array(Rule)) });
const RuleChange = Type.Partial(Type.Object(ruleFields), change);
const TenantParams = Type.Object({ tenantId: Uuid });
const RuleParams = Type.Object({ tenantId: Uuid, kind: Kind });
const AlertParams = Type.Object({ alertId: Uuid });

export function alertRoutes(api: Api, deps: ApiDependencies): void {
  listRoutes(api, deps);
  ruleRoutes(api, deps);
}

function listRoutes(api: Api, { alerts, clock }: ApiDependencies): void {
  api.get(
    "/alerts",
    {
      config: { access: acrossTenants("read") },
      schema: { summary: "List alerts, newest first", querystring: ListQuery, response: { 200: pageOf(Alert) } },
    },
    async request => {
      const { limit = 100, after, tenantId, state, kind, severity, subject, since, until } = request.query;
      const tenant = tenantId === undefined ? undefined : parseTenantId(tenantId);
      const scope = listScope(callerOf(request), "read", tenant, "applications");
      const states = state === "open" ? (["raised", "acknowledged"] as const) : state && ([state] as const);
      const page = await alerts.list(
        {
          ...scope,
          ...(states && { states }),
          ...(kind && { kind }),
          ...(severity && { severity }),
          ...(subject && { subject: subject.toLowerCase() }),
          ...(since && { since }),
          ...(until && { until }),
        },
        { limit, ...(after !== undefined && { after }) },
      );
      return { ...page, items: page.items.map(toldAlert) };
    },
  );
  api.get(
    "/alerts/:alertId",
    {
      config: { access: inTenant("read", "params.alertId") },
      schema: { summary: "Get an alert", params: AlertParams, response: { 200: Alert } },
    },
    async request => toldAlert(found(await alerts.get(request.params.alertId.toLowerCase()), "alert")),
  );
  api.post(
    "/alerts/:alertId/acknowledge",
    {
      config: { access: inTenant("read", "params.alertId") },
      schema: {
        summary: "Say that somebody looks after an alert",
        description: "Needs the right to change what it is about: devices and integrations, or gateways.",
        params: AlertParams,
        body: Acknowledgement,
        response: { 200: Alert },
      },
    },
    async request => {
      const id = request.params.alertId.toLowerCase();
      const alert = found(await alerts.get(id), "alert");
      const caller = callerOf(request);
      const { tenantId, applicationId } = alert;
      const right = alert.subjectType === "gateway" ? "gateways" : "devices";
      checkPlace(
        caller,
        { tenantId, ...(applicationId !== null && { applicationId: parseApplicationId(applicationId) }) },
        right,
        "alert",
      );
      const acknowledged = await alerts.acknowledge(id, caller.name, request.body.note ?? "", clock.nowMs());
      if (acknowledged === undefined) throw new Refusal("conflict", "It is over, or acknowledged already.");
      return toldAlert(acknowledged);
    },
  );
}

const shownRule = (kind: AlertKind, own: Partial<AlertRule> | undefined): Static<typeof Rule> => {
  const { rule: _rule, ...words } = alertDefinitions[kind];
  return { kind, ...ruleOf(kind, own), ...words, isChanged: own !== undefined };
};

function ruleRoutes(api: Api, { alerts }: ApiDependencies): void {
  api.get(
    "/tenants/:tenantId/alert-rules",
    {
      config: { access: inTenant("read", "params.tenantId") },
      schema: { summary: "List the rules for alerts", params: TenantParams, response: { 200: Rules } },
    },
    async request => {
      const own = await alerts.changes(parseTenantId(request.params.tenantId));
      return { items: alertKinds.map(kind => shownRule(kind, own.get(kind))) };
    },
  );
  api.patch(
    "/tenants/:tenantId/alert-rules/:kind",
    {
      config: { access: inTenant("tenant", "params.tenantId") },
      schema: { summary: "Change a rule for alerts", params: RuleParams, body: RuleChange, response: { 200: Rule } },
    },
    async request => {
      const { kind } = request.params;
      const tenantId = parseTenantId(request.params.tenantId);
      const before = (await alerts.changes(tenantId)).get(kind);
      const next = ruleOf(kind, { ...before, ...request.body });
      const isOrdered = alertDefinitions[kind].isLow ? next.clear >= next.raise : next.clear <= next.raise;
      if (!isOrdered)
        throw new Refusal("invalid_value", "`clear` is on the good side of `raise`, or equal.", "/body/clear");
      await alerts.changeRule(tenantId, kind, request.body);
      return shownRule(kind, { ...before, ...request.body });
    },
  );
  api.delete(
    "/tenants/:tenantId/alert-rules/:kind",
    {
      config: { access: inTenant("tenant", "params.tenantId") },
      schema: { summary: "Take the program's rule for alerts again", params: RuleParams, response: { 204: NoContent } },
    },
    async (request, reply) => {
      await alerts.changeRule(parseTenantId(request.params.tenantId), request.params.kind, undefined);
      return reply.code(204).send(null);
    },
  );
}
