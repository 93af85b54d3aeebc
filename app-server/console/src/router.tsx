import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { queryClient } from "./api/queries.ts";
import { meQuery } from "./api/session.ts";
import { LoginPage } from "./pages/login.tsx";
import { Lost } from "./parts/lost.tsx";
import { Outline } from "./shell/outline.tsx";

const root = createRootRoute({ notFoundComponent: Lost });

/** A path of the console and nothing else: a login must not end at somebody else's page. */
const isPath = (next: unknown): next is string => typeof next === "string" && /^\/(?![/\\])/.test(next);

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  // What is left out stays as it came, so a bad one is taken out by name.
  validateSearch: ({ next }): { readonly next?: string | undefined } => ({ next: isPath(next) ? next : undefined }),
  component: LoginPage,
});

/** Everything that needs a login. */
const inside = createRoute({
  getParentRoute: () => root,
  id: "inside",
  beforeLoad: async ({ location }) => {
    const me = await queryClient.ensureQueryData(meQuery);
    if (me === null) throw redirect({ to: "/login", search: { next: location.href } });
  },
  component: Outline,
});

const overview = createRoute({
  getParentRoute: () => inside,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/overview.tsx"), "OverviewPage"),
});

const gateways = createRoute({
  getParentRoute: () => inside,
  path: "/gateways",
  component: lazyRouteComponent(() => import("./pages/gateways/list.tsx"), "GatewayList"),
});

const gateway = createRoute({
  getParentRoute: () => inside,
  path: "/gateways/$gatewayId",
  component: lazyRouteComponent(() => import("./pages/gateways/gateway.tsx"), "GatewayPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([login, inside.addChildren([overview, gateways, gateway])]),
  basepath: "/console",
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
