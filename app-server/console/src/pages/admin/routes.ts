import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside } from "../../inside.tsx";
import { fetched } from "../../parts/page-fault.tsx";
import { isTenantTab, type TenantTab } from "./tabs.ts";

const tenants = createRoute({
  getParentRoute: () => inside,
  path: "/tenants",
  component: lazyRouteComponent(
    fetched(() => import("./tenants.tsx")),
    "TenantList",
  ),
});

const tenant = createRoute({
  getParentRoute: () => inside,
  path: "/tenants/$tenantId",
  validateSearch: ({ tab }): { readonly tab?: TenantTab | undefined } => ({ tab: isTenantTab(tab) ? tab : undefined }),
  component: lazyRouteComponent(
    fetched(() => import("./tenant.tsx")),
    "TenantPage",
  ),
});

const users = createRoute({
  getParentRoute: () => inside,
  path: "/users",
  component: lazyRouteComponent(
    fetched(() => import("./users.tsx")),
    "UserList",
  ),
});

const apiKeys = createRoute({
  getParentRoute: () => inside,
  path: "/api-keys",
  component: lazyRouteComponent(
    fetched(() => import("./api-keys.tsx")),
    "ApiKeyList",
  ),
});

const account = createRoute({
  getParentRoute: () => inside,
  path: "/account",
  component: lazyRouteComponent(
    fetched(() => import("./account.tsx")),
    "AccountPage",
  ),
});

const auditLog = createRoute({
  getParentRoute: () => inside,
  path: "/audit-log",
  component: lazyRouteComponent(
    fetched(() => import("./audit-log.tsx")),
    "AuditLogPage",
  ),
});

const transfer = createRoute({
  getParentRoute: () => inside,
  path: "/transfer",
  component: lazyRouteComponent(
    fetched(() => import("./transfer.tsx")),
    "TransferPage",
  ),
});

const regionConfigs = createRoute({
  getParentRoute: () => inside,
  path: "/region-configs",
  component: lazyRouteComponent(
    fetched(() => import("./region-configs.tsx")),
    "RegionConfigList",
  ),
});

const server = createRoute({
  getParentRoute: () => inside,
  path: "/server",
  component: lazyRouteComponent(
    fetched(() => import("./server.tsx")),
    "ServerPage",
  ),
});

export const adminRoutes = [
  tenants,
  tenant,
  users,
  apiKeys,
  account,
  auditLog,
  transfer,
  regionConfigs,
  server,
] as const;
