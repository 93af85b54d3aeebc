import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside } from "../../inside.tsx";
import { fetched } from "../../parts/page-fault.tsx";
import { type GatewayTab, isGatewayTab } from "./tabs.ts";

const gateways = createRoute({
  getParentRoute: () => inside,
  path: "/gateways",
  validateSearch: ({ view }): { readonly view?: "map" | undefined } => ({ view: view === "map" ? view : undefined }),
  component: lazyRouteComponent(
    fetched(() => import("./list.tsx")),
    "GatewayList",
  ),
});

const gateway = createRoute({
  getParentRoute: () => inside,
  path: "/gateways/$gatewayId",
  validateSearch: ({ tab }): { readonly tab?: GatewayTab | undefined } => ({
    tab: isGatewayTab(tab) ? tab : undefined,
  }),
  component: lazyRouteComponent(
    fetched(() => import("./gateway.tsx")),
    "GatewayPage",
  ),
});

export const gatewayRoutes = [gateways, gateway] as const;
