import Type, { type Static } from "typebox";
import { parseApplicationId, parseTenantId } from "../../lorawan/ids.ts";
import { type Alert, alertKinds, alertSeverities, alertStates, alertSubjectTypes } from "../alert-ports.ts";
import { rfc3339 } from "./statement.ts";

const NullableText = Type.Union([Type.String(), Type.Null()]);
export const AlertRow = Type.Object({
  id: Type.String(),
  tenantId: Type.String(),
  applicationId: NullableText,
  kind: Type.Enum([...alertKinds]),
  severity: Type.Enum([...alertSeverities]),
  state: Type.Enum([...alertStates]),
  subjectType: Type.Enum([...alertSubjectTypes]),
  subject: Type.String(),
  subjectName: Type.String(),
  value: Type.Number(),
  threshold: Type.Number(),
  details: Type.Record(Type.String(), Type.Unknown()),
  raisedAt: Type.String(),
  acknowledgedAt: NullableText,
  acknowledgedBy: NullableText,
  note: Type.String(),
  clearedAt: NullableText,
});

export const selectedAlert = `id::text as id, tenant_id as "tenantId", application_id as "applicationId", kind, severity, state,
  subject_type as "subjectType", subject, subject_name as "subjectName", value, threshold, details,
  ${rfc3339("raised_at")} as "raisedAt", ${rfc3339("acknowledged_at")} as "acknowledgedAt",
  acknowledged_by as "acknowledgedBy", note, ${rfc3339("cleared_at")} as "clearedAt"`;

export const toAlert = ({ tenantId, applicationId, ...row }: Static<typeof AlertRow>): Alert => ({
  ...row,
  tenantId: parseTenantId(tenantId),
  applicationId: applicationId === null ? null : parseApplicationId(applicationId),
});
