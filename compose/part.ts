import type { Lifecycle } from "../platform/lifecycle.ts";

export interface PartOptions<Value> {
  readonly lifecycle: Lifecycle;
  /** False: it is never started, and nobody may ask for its value. */
  readonly isNeeded: boolean;
  readonly name: string;
  readonly start: () => Promise<Value>;
  readonly stop: (value: Value) => Promise<void>;
}

/** A part of the lifecycle whose value later parts use. */
export function part<Value>({ lifecycle, isNeeded, name, start, stop }: PartOptions<Value>): () => Value {
  let started: { readonly value: Value } | undefined;
  const get = (): Value => {
    if (!started) throw new Error(`${name} is used before it has started`);
    return started.value;
  };
  if (isNeeded) {
    lifecycle.add({
      name,
      async start() {
        started = { value: await start() };
      },
      stop: () => stop(get()),
    });
  }
  return get;
}
