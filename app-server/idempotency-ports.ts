/** What is known of a request that came with a key of its client's. */
export type IdempotencyState =
  | { readonly kind: "new" }
  /** The same request with the same key, not done yet, or cut off by a crash. */
  | { readonly kind: "under-way" }
  /** Without `answer` where it held a secret. */
  | { readonly kind: "done"; readonly status: number; readonly answer?: string }
  | { readonly kind: "other-request" };

/** Keys by which clients keep a request from being carried out twice; forgotten after a day. */
export interface IdempotencyKeys {
  /** Takes the key for this request, unless it is taken. */
  begin(owner: string, key: string, request: string): Promise<IdempotencyState>;
  finish(owner: string, key: string, status: number, answer?: string): Promise<void>;
  /** The request came to nothing and may be tried again. */
  giveUp(owner: string, key: string): Promise<void>;
}
