import { lookup as resolveName } from "node:dns";
import { connect, isIP, type LookupFunction, Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import ipaddr from "ipaddr.js";
import { UpchirpError } from "../../lorawan/errors.ts";

/** A user's integration names a host at an address that users may not reach through this server. */
export class ForbiddenAddress extends UpchirpError {
  readonly code = "forbidden_address";

  constructor(host: string) {
    super(`${host} is not at a public address; the operator can allow it with appServer.integrations.allowedNetworks`, {
      host,
    });
  }
}

interface Address {
  readonly address: string;
  readonly family: number;
}

/** Where users' integrations may connect to: public addresses, and networks that the operator allows. */
export interface Outbound {
  /**
   * Addresses to connect to, every one of them checked: whoever connects to one of these reaches no other. Throws
   * ForbiddenAddress if a single one is none to be reached, and the resolver's error for a name that is none.
   */
  resolve(host: string): Promise<readonly Address[]>;
  /** The same for `net.connect`, which asks it for names and not for addresses: give those to `resolve` first. */
  readonly lookup: LookupFunction;
  /**
   * A socket that is connecting, as clients of brokers and databases want it; with `tls` for that host's name. One that may not be
   * reached ends with ForbiddenAddress.
   */
  connect(place: OutboundPlace): Socket;
}

export interface OutboundPlace {
  readonly host: string;
  readonly port: number;
  readonly tls?: Pick<ConnectionOptions, "ca" | "cert" | "key">;
}

type Ip = ipaddr.IPv4 | ipaddr.IPv6;
type Network = readonly [Ip, number];

/** Azure's platform services: a public address that only machines inside see. */
const publicButInside = ["168.63.129.16"];
/** RFC 6052: the last four bytes are the IPv4 address that is meant. */
const wellKnownNat64 = ipaddr.IPv6.parseCIDR("64:ff9b::/96");

/** The address that is meant: IPv4 inside IPv6 is IPv4. */
function meant(address: string): Ip {
  const ip = ipaddr.parse(address.replace(/%.*$/, ""));
  if (ip.kind() === "ipv4") return ip;
  const ipv6 = ipaddr.IPv6.parse(ip.toNormalizedString());
  if (ipv6.isIPv4MappedAddress()) return ipv6.toIPv4Address();
  return ipv6.match(wellKnownNat64) ? new ipaddr.IPv4(ipv6.toByteArray().slice(12)) : ipv6;
}

/** Throws Error for a text that is no network like 10.0.0.0/8. */
function parseNetwork(text: string): Network {
  return ipaddr.parseCIDR(text);
}

const isIn = (ip: Ip, [network, bits]: Network): boolean => ip.kind() === network.kind() && ip.match(network, bits);

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1");

/** `allowedNetworks` like 10.0.0.0/8 or fd00::/8. */
export function createOutbound(allowedNetworks: readonly string[], names: typeof resolveName = resolveName): Outbound {
  const allowed = allowedNetworks.map(parseNetwork);
  const mayReach = (address: string): boolean => {
    const ip = meant(address);
    if (allowed.some(network => isIn(ip, network))) return true;
    return ip.range() === "unicast" && !publicButInside.includes(ip.toString());
  };
  const resolve = (host: string): Promise<readonly Address[]> =>
    new Promise((resolved, failed) => {
      const plain = withoutBrackets(host);
      const check = (addresses: readonly Address[]): void => {
        const isGood = addresses.length > 0 && addresses.every(({ address }) => mayReach(address));
        if (isGood) resolved(addresses);
        else failed(new ForbiddenAddress(host));
      };
      const family = isIP(plain);
      if (family !== 0) check([{ address: plain, family }]);
      else names(plain, { all: true }, (error, addresses) => (error === null ? check(addresses) : failed(error)));
    });
  const lookup: LookupFunction = (host, options, done) => {
    resolve(host).then(
      addresses => {
        const fitting = addresses.filter(({ family }) => !options.family || options.family === family);
        const [first] = fitting;
        if (options.all) done(null, [...fitting]);
        else if (first === undefined) done(new Error(`${host} has no address of this kind`), "", 0);
        else done(null, first.address, first.family);
      },
      (error: Error) => done(error, "", 0),
    );
  };
  return {
    resolve,
    lookup,
    connect({ host, port, tls }) {
      const plain = withoutBrackets(host);
      const isName = isIP(plain) === 0;
      // Nobody looks up what is an address already.
      if (!isName && !mayReach(plain)) return new Socket().destroy(new ForbiddenAddress(host));
      const place = { host: plain, port, lookup };
      return tls ? connectTls({ ...place, ...tls, ...(isName && { servername: plain }) }) : connect(place);
    },
  };
}
