import { createContext, use } from "react";
import { dataOf, type Schemas } from "../../../../client/client.ts";
import { api, isProblem } from "./queries.ts";

export type Me = Schemas["Me"];
type Role = Me["memberships"][number]["role"];

/** What one may do inside a tenant, as the server has it. */
export type Right = "devices" | "gateways" | "tenant";
const rights: Readonly<Record<Role, readonly Right[]>> = {
  admin: ["devices", "gateways", "tenant"],
  "device-manager": ["devices"],
  "gateway-manager": ["gateways"],
  viewer: [],
};

export const meQuery = {
  queryKey: ["me"],
  queryFn: async (): Promise<Me | null> => {
    try {
      return dataOf(await api.GET("/api/me"));
    } catch (error) {
      if (isProblem(error, 401)) return null;
      throw error;
    }
  },
  staleTime: 60_000,
};

const MeContext = createContext<Me | undefined>(undefined);
export const MeProvider = MeContext.Provider;

/** Who is logged in. Only of use below the outline, which is not shown to others. */
export function useMe(): Me {
  const me = use(MeContext);
  if (me === undefined) throw new Error("nobody is logged in here");
  return me;
}

/** Whether a button that writes is shown; the server decides again when it is used. */
export function mayWrite(me: Me, right: Right, tenantId?: string): boolean {
  if (me.isReadOnly) return false;
  if (me.isAdministrator) return true;
  return me.memberships.some(
    membership =>
      (tenantId === undefined || membership.tenantId === tenantId) && rights[membership.role].includes(right),
  );
}
