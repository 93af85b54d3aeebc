/** What a mode puts into the server and sends. */
export interface Mode {
  readonly name: string;
  readonly description: string;
  readonly devices: number;
  readonly devicesPerAddress: number;
  /** How many of the devices send. */
  readonly senders: number;
  readonly gateways: number;
  /** Gateways that hear each uplink. */
  readonly copies: number;
  readonly confirmed: boolean;
  /** Where the search for the highest rate begins. */
  readonly firstRate: number;
  /** Present when as many further devices join, at this rate, while the others send at `firstRate`. */
  readonly joinRate?: number;
}

const uplinks: Mode = {
  name: "uplinks",
  description: "unconfirmed uplinks, each heard by one gateway",
  devices: 10_000,
  devicesPerAddress: 1,
  senders: 10_000,
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
    firstRate: 1_500,
  },
  {
    ...uplinks,
    name: "downlinks",
    description: "confirmed uplinks, each answered by a downlink; a gateway sends one at a time, so there are 2,000",
    devices: 20_000,
    senders: 20_000,
    gateways: 2_000,
    confirmed: true,
    firstRate: 1_000,
  },
  {
    ...uplinks,
    name: "shared-address",
    description: "as uplinks, but 100 devices share each DevAddr",
    devicesPerAddress: 100,
  },
  {
    ...uplinks,
    name: "million",
    description: "as uplinks, with 1,000,000 devices in the server of which 10,000 send",
    devices: 1_000_000,
  },
  {
    ...uplinks,
    name: "joins",
    description: "10,000 devices join at 500/s while 10,000 others send",
    gateways: 500,
    firstRate: 500,
    joinRate: 500,
  },
];
