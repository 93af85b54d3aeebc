import type { Duplex } from "node:stream";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import type { policies } from "cassandra-driver";
import type { Outbound } from "../outbound.ts";
import { containFaults } from "./connection.ts";

export type Driver = typeof import("cassandra-driver");

/** What no answer to a statement of ours has. */
const maxFrameBytes = 16_000_000;

/** Where a client's connections may go, and which it has. */
export interface NodeGuard {
  /** For the client's options, where it tells whose a connection is. */
  readonly addressResolution: policies.addressResolution.AddressTranslator;
  /** The driver itself forgets connections over which it has not come to know the cluster. */
  end(): void;
}

/** The sockets of each guard's client. */
const sockets = new WeakMap<object, Set<Duplex>>();

/** Nodes tell of each other: one at an address that may not be reached is left out. */
export function createNodeGuard({ policies }: Driver, outbound: Outbound): NodeGuard {
  const addressResolution = policies.defaultAddressTranslator();
  addressResolution.translate = (address, port, found) => {
    outbound.resolve(address).then(
      () => found(`${address}:${port}`),
      () => found(null),
    );
  };
  const own = new Set<Duplex>();
  sockets.set(addressResolution, own);
  return {
    addressResolution,
    end() {
      for (const socket of own) socket.destroy();
    },
  };
}

let loading: Promise<Driver> | undefined;

/**
 * The driver, with connections that end over what no Cassandra sends: by itself it throws where nobody can catch it, collects what is
 * as long as a server says, and counts rows of nothing.
 */
export function loadDriver(): Promise<Driver> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Driver> {
  const { default: driver } = await import("cassandra-driver");
  const { default: Connection } = await import("cassandra-driver/lib/connection.js");
  const bind = Connection.prototype.bindSocketListeners;
  Connection.prototype.bindSocketListeners = function bindContained() {
    bind.call(this);
    const { netClient, protocol, parser } = this;
    const own = sockets.get(this.options.policies.addressResolution);
    own?.add(netClient);
    netClient.once("close", () => {
      own?.delete(netClient);
      // While it logs in, the driver would wait on.
      this.clearAndInvokePending();
    });
    const end = (error: Error): void => void netClient.destroy(error);
    for (const stream of [netClient, protocol, parser]) containFaults(stream);
    protocol.on("error", end);
    parser.on("error", end);
    protocol.on("data", ({ header }: { readonly header: { readonly bodyLength: number } }) => {
      if (header.bodyLength < 0 || header.bodyLength > maxFrameBytes) end(new Error("this is no Cassandra"));
    });
    const parseRows = parser.parseRows;
    parser.parseRows = (frame, reader) => {
      if (frame.meta.columns.length === 0) throw new Error("this is no Cassandra");
      parseRows.call(parser, frame, reader);
    };
  };
  return driver;
}

/** Nodes name each other by address: a certificate is good that is of the node's address or of one of the names of `hosts`. */
export const nodeTls = (hosts: readonly string[], certificates: ConnectionOptions): ConnectionOptions => ({
  ...certificates,
  rejectUnauthorized: true,
  checkServerIdentity: (address, certificate) => {
    const faults = [address, ...hosts].map(name => checkServerIdentity(name, certificate));
    return faults.includes(undefined) ? undefined : faults.at(-1);
  },
});
