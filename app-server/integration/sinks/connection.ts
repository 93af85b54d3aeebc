import type { Outbound } from "../outbound.ts";

/** A connection that is made when it is first needed, shared by all who need it, and made anew once it is lost. */
export class Connection<Client> {
  readonly #open: (lost: () => void) => Promise<Client>;
  readonly #end: (client: Client) => Promise<void>;
  #client: Promise<Client> | undefined;

  /** `open` calls `lost` when the client is of no use any more; `end` lets go of one that is. */
  constructor(open: (lost: () => void) => Promise<Client>, end: (client: Client) => Promise<void>) {
    this.#open = open;
    this.#end = end;
  }

  get(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const opening: Promise<Client> = this.#open(() => {
      if (this.#client === opening) this.#client = undefined;
    });
    this.#client = opening;
    opening.catch(() => {
      if (this.#client === opening) this.#client = undefined;
    });
    return opening;
  }

  /** The next one who needs a connection makes a new one, however long this one takes to end. */
  drop(): void {
    this.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    const opening = this.#client;
    this.#client = undefined;
    const client = await opening?.catch(() => undefined);
    if (client !== undefined) await this.#end(client);
  }
}

export interface Place {
  /** An address that was checked. */
  readonly address: string;
  readonly port: number;
  /** What the certificate has to be for. */
  readonly serverName: string;
}

/** Where a host is, for clients that take an address and the name that its certificate is for. Throws ForbiddenAddress. */
export async function placeOf(outbound: Outbound, host: string, port: number): Promise<Place> {
  const [first] = await outbound.resolve(host);
  if (first === undefined) throw new Error(`${host} has no address`);
  return { address: first.address, port, serverName: host };
}

/** Of `amqps://broker.example.com:5671/path`, without what may be secret. */
export function urlParts(url: string, port: number): { host: string; port: number; path: string; scheme: string } {
  const parsed = new URL(url);
  const { hostname: host, pathname } = parsed;
  return { host, port: Number(parsed.port) || port, path: pathname, scheme: parsed.protocol.slice(0, -1) };
}
