import {
  IconAntenna,
  IconApps,
  IconBell,
  IconBuilding,
  IconCpu,
  IconHistory,
  IconHome,
  IconKey,
  IconPlugConnected,
  IconRocket,
  IconServer,
  IconTemplate,
  IconTransfer,
  IconUsers,
  IconWaveSine,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import { type Me, mayWrite } from "../api/session.ts";
import { RaisedCount } from "./raised-count.tsx";

/** One entry of the navigation. */
export interface Place {
  readonly label: string;
  readonly to: string;
  readonly icon: typeof IconHome;
  /** Beside the label. */
  readonly sign?: ComponentType;
  /** Left out: everybody sees it. */
  readonly isFor?: (me: Me) => boolean;
}

const administrators = (me: Me): boolean => me.isAdministrator;
const governors = (me: Me): boolean => me.isAdministrator || me.memberships.some(({ role }) => role === "admin");

const starters = (me: Me): boolean => mayWrite(me, "devices") && mayWrite(me, "gateways");

/** Places that belong together, under a name unless they are the first. */
export interface PlaceGroup {
  readonly label?: string;
  readonly places: readonly Place[];
}

const groups: readonly PlaceGroup[] = [
  {
    places: [
      { label: "Overview", to: "/", icon: IconHome },
      { label: "Alerts", to: "/alerts", icon: IconBell, sign: RaisedCount },
      { label: "First steps", to: "/start", icon: IconRocket, isFor: starters },
    ],
  },
  {
    label: "Network",
    places: [
      { label: "Gateways", to: "/gateways", icon: IconAntenna },
      { label: "Applications", to: "/applications", icon: IconApps },
      { label: "Devices", to: "/devices", icon: IconCpu },
      { label: "Device profiles", to: "/device-profiles", icon: IconTemplate },
      { label: "Integrations", to: "/integrations", icon: IconPlugConnected },
    ],
  },
  {
    label: "Administration",
    places: [
      { label: "Tenants", to: "/tenants", icon: IconBuilding },
      { label: "Users", to: "/users", icon: IconUsers, isFor: administrators },
      { label: "API keys", to: "/api-keys", icon: IconKey, isFor: governors },
      { label: "Audit log", to: "/audit-log", icon: IconHistory, isFor: governors },
      { label: "Import and export", to: "/transfer", icon: IconTransfer },
      { label: "Regions", to: "/region-configs", icon: IconWaveSine, isFor: administrators },
      { label: "Server", to: "/server", icon: IconServer, isFor: administrators },
    ],
  },
];

/** Where somebody may go. */
export const groupsFor = (me: Me): readonly PlaceGroup[] =>
  groups.map(({ places, ...group }) => ({ ...group, places: places.filter(({ isFor }) => isFor?.(me) ?? true) }));
