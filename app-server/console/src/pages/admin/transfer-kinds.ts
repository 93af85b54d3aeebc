/** What comes in and goes out as files. */
export const kinds = [
  { value: "devices", label: "Devices" },
  { value: "gateways", label: "Gateways" },
  { value: "device-profiles", label: "Device profiles" },
  { value: "applications", label: "Applications" },
] as const;

export type TransferKind = (typeof kinds)[number]["value"];
