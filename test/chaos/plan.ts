import { createRandom, type Random, seedOf } from "../../simulators/random.ts";

export interface Planned<Item> {
  readonly item: Item;
  /** After everything has recovered from the fault before. */
  readonly pauseMs: number;
  /** Decides what the fault itself leaves open: how long it lasts, how soon a second blow follows. */
  readonly share: number;
}

/** Without end, and the same for the same seed and faults: all in a random order, then all of them again in another. */
export function* planFaults<Item>(
  seed: number,
  faults: readonly Item[],
  pauseMs: { readonly from: number; readonly to: number },
): Generator<Planned<Item>, never> {
  const random = createRandom(seedOf(seed, "faults"));
  if (faults.length === 0) throw new RangeError("there is no fault to plan");
  for (;;) {
    for (const item of shuffled(faults, random)) {
      yield { item, pauseMs: random.between(pauseMs.from, pauseMs.to), share: random.next() };
    }
  }
}

function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  return items
    .map(item => ({ item, place: random.next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
