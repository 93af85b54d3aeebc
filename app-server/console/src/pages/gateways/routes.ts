import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside } from "../../inside.tsx";
import { fetched } from "../../parts/page-fault.tsx";
import { type GatewayTab, isGatewayTab } from "./tabs.ts";
import { type GatewayView, gatewayViewOf } from "./view.ts";

const gateways = createRoute({
  getParentRoute: () => inside,
  path: "/gateways",
  validateSearch: (search): GatewayView & { readonly view?: "map" } => ({
    ...gatewayViewOf(search),
    ...(search.view === "map" && { view: "map" }),
  }),
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
