import { createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { inside, lost, root } from "./inside.tsx";
import { adminRoutes } from "./pages/admin/routes.ts";
import { alerts } from "./pages/alerts/routes.ts";
import { deviceRoutes } from "./pages/devices/routes.ts";
import { gatewayRoutes } from "./pages/gateways/routes.ts";
import { integrationRoutes } from "./pages/integrations/routes.ts";
import { LoginPage } from "./pages/login.tsx";
import { fetched, PageFault } from "./parts/page-fault.tsx";

/** A path of the console and nothing else: a login must not end at somebody else's page. */
const isPath = (next: unknown): next is string => typeof next === "string" && /^\/(?![/\\])/.test(next);

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  // What is left out stays as it came, so a bad one is taken out by name.
  validateSearch: ({ next }): { readonly next?: string | undefined } => ({ next: isPath(next) ? next : undefined }),
  component: LoginPage,
});

const overview = createRoute({
  getParentRoute: () => inside,
  path: "/",
  component: lazyRouteComponent(
    fetched(() => import("./pages/overview/overview.tsx")),
    "OverviewPage",
  ),
});

export const router = createRouter({
  routeTree: root.addChildren([
    login,
    inside.addChildren([
      overview,
      alerts,
      ...gatewayRoutes,
      ...integrationRoutes,
      ...deviceRoutes,
      ...adminRoutes,
      lost,
    ]),
  ]),
  basepath: "/console",
  defaultPreload: "intent",
  defaultErrorComponent: PageFault,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
