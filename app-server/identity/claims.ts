import { type ApplicationId, parseApplicationId, parseTenantId, type TenantId } from "../../lorawan/ids.ts";
import { type Grant, tenantRoles } from "../catalog-ports.ts";
import type { GroupRight } from "../config.ts";
import type { ExternalIdentity, ExternalRights } from "../identity-ports.ts";

export type Claims = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Claims =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** By its whole name, which may have dots, or else step by step: `realm_access.roles`. */
function claim(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split(".")) value = isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  return value;
}

/** The limits of two grants of one role: what either reaches. */
const eitherLimit = (left: Grant["applicationIds"], right: Grant["applicationIds"]): Grant["applicationIds"] =>
  left === null || right === null ? null : [...new Set<ApplicationId>([...left, ...right])];

/** What these groups mean. Of several roles in a tenant the most powerful holds, with the limits of its own groups. */
export function rightsOf(groups: readonly string[], meaning: readonly GroupRight[]): ExternalRights {
  const meant = meaning.filter(({ group }) => groups.includes(group));
  const grants = new Map<TenantId, Grant>();
  for (const { tenantId: text, role, applicationIds: ids } of meant) {
    if (text === undefined || role === undefined) continue;
    const tenantId = parseTenantId(text);
    const before = grants.get(tenantId);
    const applicationIds = ids?.map(id => parseApplicationId(id)) ?? null;
    if (before === undefined || tenantRoles.indexOf(role) < tenantRoles.indexOf(before.role)) {
      grants.set(tenantId, { role, applicationIds });
    } else if (role === before.role) {
      grants.set(tenantId, { role, applicationIds: eitherLimit(applicationIds, before.applicationIds) });
    }
  }
  return { isAdministrator: meant.some(({ administrator }) => administrator), grants };
}

/** Whom verified claims (OpenID Connect Core 1.0, 5.1) tell of; undefined without a subject. */
export function identityOf(
  claims: Claims,
  { issuer, groupsClaim, groups }: { issuer: string; groupsClaim: string; groups: readonly GroupRight[] },
): ExternalIdentity | undefined {
  const { sub: subject, email, email_verified: isVerified } = claims;
  if (typeof subject !== "string" || subject === "") return undefined;
  const names = [claim(claims, groupsClaim)].flat().filter(name => typeof name === "string");
  return {
    issuer,
    subject,
    ...(typeof email === "string" && isVerified === true && { email }),
    ...rightsOf(names, groups),
  };
}
