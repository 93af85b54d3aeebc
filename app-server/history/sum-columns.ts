import Type, { type Static } from "typebox";
import type { Measured } from "./measured.ts";
import type { Tally } from "./tally.ts";

const Spread = Type.Object({ count: Type.Number(), sum: Type.Number(), min: Type.Number(), max: Type.Number() });
const Counts = Type.Record(Type.String(), Type.Number());

/** What was never written to is empty. */
export const TallyColumn = Type.Object({
  counts: Type.Optional(Counts),
  by: Type.Optional(Type.Record(Type.String(), Counts)),
  figures: Type.Optional(Type.Record(Type.String(), Spread)),
});

const Last = { count: Type.Number(), lastAtMs: Type.Number() };
const MeasuredSumColumn = Type.Object({
  number: Type.Optional(
    Type.Object({ ...Last, sum: Type.Number(), min: Type.Number(), max: Type.Number(), last: Type.Number() }),
  ),
  state: Type.Optional(
    Type.Object({ ...Last, last: Type.String(), states: Type.Array(Type.Tuple([Type.String(), Type.Number()])) }),
  ),
});
export const MeasuredColumn = Type.Record(Type.String(), MeasuredSumColumn);

export const readTally = ({ counts = {}, by = {}, figures = {} }: Static<typeof TallyColumn>): Tally => ({
  counts: new Map(Object.entries(counts)),
  by: new Map(Object.entries(by).map(([group, sorts]) => [group, new Map(Object.entries(sorts))])),
  figures: new Map(Object.entries(figures)),
});

export const tallyJson = ({ counts, by, figures }: Tally) => ({
  counts: Object.fromEntries(counts),
  by: Object.fromEntries([...by].map(([group, sorts]) => [group, Object.fromEntries(sorts)])),
  figures: Object.fromEntries(figures),
});

export const readMeasured = (column: Static<typeof MeasuredColumn>): Measured => new Map(Object.entries(column));

export const measuredJson = (measured: Measured) => Object.fromEntries(measured);
