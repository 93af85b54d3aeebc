import { createRandom, type Random, seedOf } from "../../simulators/random.ts";

export interface PlannedFault<Kind extends string> {
  readonly kind: Kind;
  /** After everything has recovered from the fault before. */
  readonly pauseMs: number;
  /** Decides what the fault itself leaves open: how long it lasts, how soon a second blow follows. */
  readonly share: number;
}

/** Without end, and the same for the same seed and kinds: all kinds in a random order, then all of them again in another. */
export function* planFaults<Kind extends string>(
  seed: number,
  kinds: readonly Kind[],
  pauseMs: { readonly from: number; readonly to: number },
): Generator<PlannedFault<Kind>, never> {
  const random = createRandom(seedOf(seed, "faults"));
  if (kinds.length === 0) throw new RangeError("there is no fault to plan");
  for (;;) {
    for (const kind of shuffled(kinds, random)) {
      yield { kind, pauseMs: random.between(pauseMs.from, pauseMs.to), share: random.next() };
    }
  }
}

function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  return items
    .map(item => ({ item, place: random.next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
