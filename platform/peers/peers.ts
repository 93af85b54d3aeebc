import type { Unsubscribe } from "../state/store.ts";

/**
 * The processes of one installation, as they find and tell each other things. What is told may be lost with a process or a
 * connection, so nothing that has to last may depend on it: the state store is for that.
 */
export interface Peers {
  /** Name of this process from its start to its end; no other has or had it. */
  readonly instance: string;
  /** False: there is nobody else, and nobody has to be asked or told. */
  readonly isShared: boolean;
  /** Who holds the name: whoever asked first, for `holdsMs` from then on. Rejects with StateStoreError. */
  claim(name: string, holdsMs: number): Promise<string>;
  /** Never rejects. */
  ask(instance: string, topic: string, message: string, timeoutMs: number): Promise<PeerAnswer>;
  /** False when nobody of that name is there or it could not be told. Never rejects. */
  tell(instance: string, topic: string, message: string): Promise<boolean>;
  /** Everybody but this process. Never rejects. */
  tellAll(topic: string, message: string): Promise<void>;
  onTold(topic: string, listener: (message: string, from: string) => void): Unsubscribe;
  /** One answerer for each topic. A question whose answerer rejects is not answered. */
  onAsked(topic: string, answerer: (message: string, from: string) => Promise<string>): Unsubscribe;
  close(): Promise<void>;
}

export type PeerAnswer =
  | { readonly kind: "answered"; readonly message: string }
  /** It was never asked: nobody of that name is there. */
  | { readonly kind: "absent" }
  /** It may have been asked, and did not answer in time. */
  | { readonly kind: "silent" };
