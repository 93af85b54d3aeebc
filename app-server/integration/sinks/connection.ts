import type { Duplex } from "node:stream";
import type { Outbound } from "../outbound.ts";

/** Longer than any client waits for a connection alone; shorter than what the engine gives a delivery. */
const openingMs = 25_000;

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
    const opened = this.#open(() => {
      if (this.#client === opening) this.#client = undefined;
    });
    const opening = this.#inTime(opened);
    this.#client = opening;
    opening.catch(() => {
      if (this.#client === opening) this.#client = undefined;
    });
    return opening;
  }

  /** Nobody waits for ever for a server that takes the connection and then does nothing. */
  #inTime(opened: Promise<Client>): Promise<Client> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(openingMs);
      const late = (): void => {
        reject(new Error(`no connection within ${openingMs / 1000} s`));
        opened.then(this.#end).catch(() => undefined);
      };
      signal.addEventListener("abort", late);
      opened.then(resolve, reject).finally(() => signal.removeEventListener("abort", late));
    });
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
  const { hostname, pathname } = parsed;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(parsed.port) || port, path: pathname, scheme: parsed.protocol.slice(0, -1) };
}

/**
 * Clients of databases throw while they read what no server of theirs would send. Nobody could catch that, and it would end the
 * process; so the connection ends instead. To be called before anything is read; `check` sees each chunk first and may throw.
 */
export function containFaults(stream: Duplex, check?: (chunk: Buffer) => void): void {
  const emit = stream.emit.bind(stream);
  stream.emit = (event: string | symbol, ...values: unknown[]): boolean => {
    try {
      const [chunk] = values;
      if (event === "data" && Buffer.isBuffer(chunk)) check?.(chunk);
      return emit(event, ...values);
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new Error("the server sent what it should not"));
      return true;
    }
  };
}
/** Of `a.example.com:9092, [fd00::1]`, which hosts() lets through. */
export const hostsOf = (
  text: string,
  defaultPort: number,
): readonly { readonly host: string; readonly port: number }[] =>
  text.split(",").map(one => {
    const { hostname, port } = new URL(`tcp://${one.trim()}`);
    return { host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) || defaultPort };
  });
