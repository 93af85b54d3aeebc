import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { inside } from "../../inside.tsx";
import { type ProfileTab, profileTabs } from "../device-profiles/tabs.ts";
import { progressOf } from "../start/steps.ts";
import { type DeviceTab, deviceTabs } from "./tabs.ts";
import { type DeviceView, deviceViewOf } from "./view.ts";

type Search = Record<string, unknown>;
const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

const applications = createRoute({
  getParentRoute: () => inside,
  path: "/applications",
  component: lazyRouteComponent(() => import("../applications/list.tsx"), "ApplicationList"),
});

const application = createRoute({
  getParentRoute: () => inside,
  path: "/applications/$applicationId",
  validateSearch: (search: Search): DeviceView & { readonly tab?: "mqtt" } => ({
    ...deviceViewOf(search),
    ...(search.tab === "mqtt" && { tab: "mqtt" }),
  }),
  component: lazyRouteComponent(() => import("../applications/application.tsx"), "ApplicationPage"),
});

const devices = createRoute({
  getParentRoute: () => inside,
  path: "/devices",
  validateSearch: deviceViewOf,
  component: lazyRouteComponent(() => import("./list.tsx"), "DeviceList"),
});

const addDevice = createRoute({
  getParentRoute: () => inside,
  path: "/devices/add",
  validateSearch: ({ application }: Search): { readonly application?: string | undefined } => ({
    application: textOf(application),
  }),
  component: lazyRouteComponent(() => import("./add.tsx"), "AddDevicePage"),
});

const device = createRoute({
  getParentRoute: () => inside,
  path: "/devices/$devEui",
  validateSearch: ({ tab }: Search): { readonly tab?: DeviceTab | undefined } => ({
    tab: deviceTabs.find(known => known === tab),
  }),
  component: lazyRouteComponent(() => import("./device.tsx"), "DevicePage"),
});

const profiles = createRoute({
  getParentRoute: () => inside,
  path: "/device-profiles",
  component: lazyRouteComponent(() => import("../device-profiles/list.tsx"), "ProfileList"),
});

const profileRepository = createRoute({
  getParentRoute: () => inside,
  path: "/device-profiles/repository",
  component: lazyRouteComponent(() => import("../device-profiles/repository/page.tsx"), "RepositoryPage"),
});

const profile = createRoute({
  getParentRoute: () => inside,
  path: "/device-profiles/$deviceProfileId",
  validateSearch: ({ tab }: Search): { readonly tab?: ProfileTab | undefined } => ({
    tab: profileTabs.find(known => known === tab),
  }),
  component: lazyRouteComponent(() => import("../device-profiles/profile.tsx"), "ProfilePage"),
});

const start = createRoute({
  getParentRoute: () => inside,
  path: "/start",
  validateSearch: progressOf,
  component: lazyRouteComponent(() => import("../start/start.tsx"), "StartPage"),
});

export const deviceRoutes = [
  start,
  applications,
  application,
  devices,
  addDevice,
  device,
  profiles,
  profileRepository,
  profile,
] as const;
