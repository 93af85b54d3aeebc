import { BlockList, isIP } from "node:net";
import type { SourceRule } from "../ports.ts";

/** Where a datagram or connection comes from. */
export interface SourceAddress {
  /** IPv4 or IPv6 in text form. */
  readonly address: string;
  readonly port: number;
}

export const formatSource = ({ address, port }: SourceAddress): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

/**
 * What rules compare. A socket that hears IPv6 and IPv4 gives IPv4 addresses as `::ffff:192.0.2.1`, and link-local ones
 * with their interface, `fe80::1%eth0`.
 */
export function plainAddress(address: string): string {
  if (address.startsWith("::ffff:") && isIP(address.slice(7)) === 4) return address.slice(7);
  const zone = address.indexOf("%");
  return zone === -1 ? address : address.slice(0, zone);
}

export interface SourceCheck {
  allows(address: string): boolean;
  /** CIDRs that are none; nothing comes in through them. */
  readonly unusable: readonly string[];
}

/** `pinnedAddress` belongs to the rule `pin`, which compares addresses only: address translation changes ports. */
export function createSourceCheck(rule: SourceRule, pinnedAddress: () => string | undefined): SourceCheck {
  switch (rule.kind) {
    case "any":
      return { allows: () => true, unusable: [] };
    case "pin":
      return { allows: address => (pinnedAddress() ?? address) === address, unusable: [] };
    case "networks":
      return networksCheck(rule.cidrs);
  }
}

function networksCheck(cidrs: readonly string[]): SourceCheck {
  const networks = new BlockList();
  const unusable: string[] = [];
  for (const cidr of cidrs) if (!addNetwork(networks, cidr)) unusable.push(cidr);
  // Gateways seldom move, so the last good address spares the list.
  let lastAllowed: string | undefined;
  return {
    unusable,
    allows(address) {
      if (address === lastAllowed) return true;
      const family = isIP(address);
      const allowed = family !== 0 && networks.check(address, family === 6 ? "ipv6" : "ipv4");
      if (allowed) lastAllowed = address;
      return allowed;
    },
  };
}

/** A bare address is a network of one. */
function addNetwork(networks: BlockList, cidr: string): boolean {
  const [network = "", prefixText, ...rest] = cidr.split("/");
  const family = isIP(network);
  if (family === 0 || rest.length > 0) return false;
  const longest = family === 6 ? 128 : 32;
  if (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) return false;
  const prefix = prefixText === undefined ? longest : Number(prefixText);
  if (prefix > longest) return false;
  networks.addSubnet(network, prefix, family === 6 ? "ipv6" : "ipv4");
  return true;
}
