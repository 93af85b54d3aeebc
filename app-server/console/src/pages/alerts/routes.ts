import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside } from "../../inside.tsx";
import { fetched } from "../../parts/page-fault.tsx";
import { alertViewOf } from "./view.ts";

export const alerts = createRoute({
  getParentRoute: () => inside,
  path: "/alerts",
  validateSearch: alertViewOf,
  component: lazyRouteComponent(
    fetched(() => import("./list.tsx")),
    "AlertList",
  ),
});
