import type { Grant } from "../../app-server/catalog-ports.ts";
import { checkPassword, isForeignHash } from "../../app-server/storage/passwords.ts";
import {
  type ApplicationId,
  parseApplicationId,
  parseTenantId,
  parseUserId,
  type TenantId,
} from "../../lorawan/ids.ts";
import type { CarriedTenant, CarriedUser } from "../carried.ts";
import type { NoteTopic } from "../notes.ts";
import { bool, has, integer, json, type Row, tags, text } from "./row.ts";

/** Throws MalformedValue. */
export const decodeTenant = (row: Row): CarriedTenant => ({
  id: parseTenantId(text(row, "id")),
  name: text(row, "name"),
  description: text(row, "description"),
  tags: tags(row, "tags"),
});

export function notesOfTenant(row: Row): readonly NoteTopic[] {
  const isLimited = ["max_device_count", "max_gateway_count"].some(
    column => has(row, column) && integer(row, column) > 0,
  );
  const prefixes = has(row, "dev_addr_prefixes") ? json(row, "dev_addr_prefixes") : [];
  const isPrivate = ["private_gateways", "private_gateways_up", "private_gateways_down"].some(
    column => has(row, column) && bool(row, column),
  );
  return [
    ...(isLimited || (Array.isArray(prefixes) && prefixes.length > 0) ? (["tenant-limits"] as const) : []),
    ...(isPrivate ? (["private-gateways"] as const) : []),
  ];
}

/** Who may do what in which tenant, by user id. */
export interface Memberships {
  readonly tenantUsers: readonly Row[];
  /** Absent where the schema is older: members see their whole tenant then. */
  readonly applicationUsers?: readonly Row[];
  readonly tenantOf: (applicationId: ApplicationId) => TenantId | undefined;
}

export interface DecodedUser {
  readonly user: CarriedUser;
  readonly notes: readonly NoteTopic[];
}

/** Of ChirpStack's first user, in every installation. */
const firstPassword = "admin";

/** Throws MalformedValue. */
export async function decodeUser(row: Row, memberships: Memberships): Promise<DecodedUser> {
  const id = parseUserId(text(row, "id"));
  const notes: NoteTopic[] = [];
  const hash = text(row, "password_hash");
  const isUsable = isForeignHash(hash);
  const isFirst = isUsable && (await checkPassword(hash, firstPassword));
  if (isFirst) notes.push("first-passwords");
  else if (has(row, "external_id")) notes.push("external-users");
  else if (!isUsable) notes.push("unknown-passwords");
  const grants = grantsOf(id, memberships);
  if (grants.some(({ isMore }) => isMore)) notes.push("two-roles");
  return {
    user: {
      id,
      email: text(row, "email"),
      isAdministrator: bool(row, "is_admin"),
      isActive: bool(row, "is_active"),
      note: text(row, "note"),
      ...(isUsable && !isFirst && { passwordHash: hash }),
      grants: grants.map(({ isMore: _, ...grant }) => grant),
    },
    notes,
  };
}

type MemberGrant = CarriedUser["grants"][number] & { readonly isMore: boolean };

const grantsOf = (id: string, memberships: Memberships): readonly MemberGrant[] =>
  memberships.tenantUsers
    .filter(row => text(row, "user_id") === id)
    .map(row => {
      const tenantId = parseTenantId(text(row, "tenant_id"));
      const managesDevices = bool(row, "is_device_admin");
      const managesGateways = bool(row, "is_gateway_admin");
      if (bool(row, "is_admin")) return { tenantId, role: "admin", applicationIds: null, isMore: false };
      if (managesDevices) return { tenantId, role: "device-manager", applicationIds: null, isMore: managesGateways };
      if (managesGateways) return { tenantId, role: "gateway-manager", applicationIds: null, isMore: false };
      return { tenantId, isMore: false, ...limitedGrant(id, tenantId, memberships) };
    });

/** Those who change an application's devices, and else those who look at some applications. */
function limitedGrant(id: string, tenantId: TenantId, { applicationUsers, tenantOf }: Memberships): Grant {
  if (!applicationUsers) return { role: "viewer", applicationIds: null };
  const own = applicationUsers
    .filter(row => text(row, "user_id") === id)
    .map(row => ({ id: parseApplicationId(text(row, "application_id")), isReadOnly: bool(row, "is_read_only") }))
    .filter(application => tenantOf(application.id) === tenantId);
  const changed = own.filter(({ isReadOnly }) => !isReadOnly);
  return changed.length > 0
    ? { role: "device-manager", applicationIds: changed.map(application => application.id) }
    : { role: "viewer", applicationIds: own.map(application => application.id) };
}
