import Type from "typebox";
import { type ApplicationId, parseApplicationId, type TenantId } from "../../lorawan/ids.ts";
import { type ApiKeyRole, type Applications, isLimitable, tenantRoles } from "../catalog-ports.ts";
import { Refusal } from "./refusal.ts";
import { listOf, Uuid } from "./schemas.ts";

/** What a grant looks like in an answer. */
export const grantMembers = {
  role: Type.Enum([...tenantRoles]),
  applicationIds: Type.Union([listOf(Uuid), Type.Null()], { description: "Null: the whole tenant." }),
};

/** And in a request. */
export const limitMember = Type.Optional(
  Type.Union([Type.Array(Uuid, { minItems: 1, maxItems: 1000 }), Type.Null()], {
    description: "Limits a device-manager or viewer to these applications; without it, it is the whole tenant.",
  }),
);

export const limitOf = (ids: readonly string[] | null | undefined): readonly ApplicationId[] | null =>
  ids == null ? null : [...new Set(ids.map(id => parseApplicationId(id)))];

/** Throws Refusal for a role that cannot be limited, or an application that is not the tenant's. */
export async function checkLimit(
  role: ApiKeyRole,
  tenantId: TenantId | null,
  applicationIds: readonly ApplicationId[] | null,
  applications: Applications,
): Promise<void> {
  if (applicationIds === null) return;
  const path = "/body/applicationIds";
  if (tenantId === null || !isLimitable(role)) {
    throw new Refusal("invalid_value", "Only a device-manager or viewer can be limited to applications.", path);
  }
  if (!(await applications.belongTo(tenantId, applicationIds))) {
    throw new Refusal("invalid_value", "They are not all applications of this tenant.", path);
  }
}
