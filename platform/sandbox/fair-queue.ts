export interface Queued {
  /** Who the worker's time is shared out to (a tenant). */
  readonly owner: string;
  /** Whose turn it is among the owner's (a script). */
  readonly key: string;
}

interface Account<Item> {
  /** By key, in the order of their turns. */
  readonly waiting: Map<string, Item[]>;
  usedMs: number;
}

/** Accounts of owners that have nothing waiting are kept while there are few of them. */
const mostAccounts = 1000;

/**
 * What waits for a worker. Whoever has used the least time is next, so that an owner whose scripts are slow or many delays
 * itself and nobody else; within an owner the scripts take turns. Who was away has not saved up time.
 */
export class FairQueue<Item extends Queued> {
  readonly #accounts = new Map<string, Account<Item>>();
  /** Time of the owner who was served last: nobody starts below. */
  #floorMs = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: Item): void {
    const account = this.#account(item.owner);
    if (account.waiting.size === 0) account.usedMs = Math.max(account.usedMs, this.#floorMs);
    const items = account.waiting.get(item.key);
    if (items === undefined) account.waiting.set(item.key, [item]);
    else items.push(item);
    this.#size += 1;
  }

  /** The next, whose owner is charged `costMs` at once. */
  take(costMs: (item: Item) => number): Item | undefined {
    let next: Account<Item> | undefined;
    for (const account of this.#accounts.values()) {
      if (account.waiting.size > 0 && (next === undefined || account.usedMs < next.usedMs)) next = account;
    }
    const [turn] = next?.waiting ?? [];
    if (next === undefined || turn === undefined) return undefined;
    const [key, items] = turn;
    const item = items.shift();
    next.waiting.delete(key);
    if (items.length > 0) next.waiting.set(key, items);
    if (item === undefined) return undefined;
    this.#floorMs = Math.max(this.#floorMs, next.usedMs);
    next.usedMs += costMs(item);
    this.#size -= 1;
    return item;
  }

  charge(owner: string, ms: number): void {
    this.#account(owner).usedMs += ms;
  }

  /** All that waits of an owner, or of one of its scripts; it waits no more. */
  remove(owner: string, key?: string): readonly Item[] {
    const waiting = this.#accounts.get(owner)?.waiting;
    const keys = key === undefined ? [...(waiting?.keys() ?? [])] : [key];
    const items = keys.flatMap(name => waiting?.get(name) ?? []);
    for (const name of keys) waiting?.delete(name);
    this.#size -= items.length;
    return items;
  }

  clear(): readonly Item[] {
    const items = Array.from(this.#accounts.values(), ({ waiting }) => [...waiting.values()]).flat(2);
    this.#accounts.clear();
    this.#size = 0;
    return items;
  }

  #account(owner: string): Account<Item> {
    const known = this.#accounts.get(owner);
    if (known !== undefined) return known;
    if (this.#accounts.size >= mostAccounts) this.#forgetIdle();
    const account: Account<Item> = { waiting: new Map(), usedMs: this.#floorMs };
    this.#accounts.set(owner, account);
    return account;
  }

  #forgetIdle(): void {
    for (const [owner, { waiting, usedMs }] of this.#accounts) {
      if (waiting.size === 0 && usedMs <= this.#floorMs) this.#accounts.delete(owner);
    }
  }
}
