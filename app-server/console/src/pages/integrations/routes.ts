import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside } from "../../inside.tsx";
import { fetched } from "../../parts/page-fault.tsx";

const integrations = createRoute({
  getParentRoute: () => inside,
  path: "/integrations",
  component: lazyRouteComponent(
    fetched(() => import("./list.tsx")),
    "IntegrationList",
  ),
});

const newIntegration = createRoute({
  getParentRoute: () => inside,
  path: "/integrations/new",
  component: lazyRouteComponent(
    fetched(() => import("./add.tsx")),
    "AddIntegration",
  ),
});

const integration = createRoute({
  getParentRoute: () => inside,
  path: "/integrations/$integrationId",
  component: lazyRouteComponent(
    fetched(() => import("./integration.tsx")),
    "IntegrationPage",
  ),
});

export const integrationRoutes = [integrations, newIntegration, integration] as const;
