/** The driver's connection to a node, of which it declares nothing. */
declare module "cassandra-driver/lib/connection.js" {
  import type { Duplex, Readable } from "node:stream";

  export default class Connection {
    /** The client's. */
    readonly options: { readonly policies: { readonly addressResolution: object } };
    readonly netClient: Duplex;
    /** Makes frames of bytes. */
    readonly protocol: Duplex;
    /** Makes answers of frames. */
    readonly parser: Duplex & {
      parseRows(frame: { readonly meta: { readonly columns: readonly unknown[] } }, reader: Readable): void;
    };
    /** Called when the socket is connected, before anything is read. */
    bindSocketListeners(): void;
    /** Whoever waits for an answer learns that there will be none. */
    clearAndInvokePending(): void;
  }
}
