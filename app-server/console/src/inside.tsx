import { createRootRoute, createRoute, redirect } from "@tanstack/react-router";
import { queryClient } from "./api/queries.ts";
import { meQuery } from "./api/session.ts";
import { Lost } from "./parts/lost.tsx";
import { Outline } from "./shell/outline.tsx";

export const root = createRootRoute({ notFoundComponent: Lost });

/** Everything that needs a login. */
export const inside = createRoute({
  getParentRoute: () => root,
  id: "inside",
  beforeLoad: async ({ location }) => {
    const me = await queryClient.ensureQueryData(meQuery);
    if (me === null) throw redirect({ to: "/login", search: { next: location.href } });
  },
  component: Outline,
});

/** With the navigation beside it. */
export const lost = createRoute({ getParentRoute: () => inside, path: "$", component: Lost });
