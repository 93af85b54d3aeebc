/** What each role is for, as the server has them. */
export const roles = [
  { value: "admin", label: "Admin: everything in the tenant" },
  { value: "device-manager", label: "Device manager: devices, applications, profiles" },
  { value: "gateway-manager", label: "Gateway manager: gateways" },
  { value: "viewer", label: "Viewer: looks and changes nothing" },
] as const;

export type Role = (typeof roles)[number]["value"];

/** Only these can be limited to single applications. */
export const isLimitable = (role: string): boolean => role === "device-manager" || role === "viewer";
