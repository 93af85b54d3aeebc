/** Parts of a gateway's page, in the order of their tabs. */
export const gatewayTabs = {
  traffic: "Traffic",
  airtime: "Airtime",
  frames: "Frames",
  set: "Set up",
  settings: "Settings",
} as const;

export type GatewayTab = keyof typeof gatewayTabs;

export const isGatewayTab = (text: unknown): text is GatewayTab => typeof text === "string" && text in gatewayTabs;
