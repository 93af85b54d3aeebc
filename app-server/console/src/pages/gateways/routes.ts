import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside } from "../../inside.tsx";

const gateways = createRoute({
  getParentRoute: () => inside,
  path: "/gateways",
  component: lazyRouteComponent(() => import("./list.tsx"), "GatewayList"),
});

const gateway = createRoute({
  getParentRoute: () => inside,
  path: "/gateways/$gatewayId",
  component: lazyRouteComponent(() => import("./gateway.tsx"), "GatewayPage"),
});

export const gatewayRoutes = [gateways, gateway] as const;
