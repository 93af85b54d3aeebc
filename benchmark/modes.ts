/** What a mode puts into the server and sends. */
export interface Mode {
  readonly name: string;
  readonly description: string;
  readonly devices: number;
  readonly devicesPerAddress: number;
  readonly gateways: number;
  /** Gateways that hear each uplink. */
  readonly copies: number;
  readonly confirmed: boolean;
  /** Where the search for the highest rate begins. */
  readonly firstRate: number;
}

const uplinks: Mode = {
  name: "uplinks",
  description: "unconfirmed uplinks, each heard by one gateway",
  devices: 10_000,
  devicesPerAddress: 1,
  gateways: 16,
  copies: 1,
  confirmed: false,
  firstRate: 2_000,
};

export const modes: readonly Mode[] = [
  uplinks,
  {
    ...uplinks,
    name: "three-gateways",
    description: "unconfirmed uplinks, each heard by three gateways",
    copies: 3,
    firstRate: 1_000,
  },
];
