/** Counts work under way. */
export interface UnderWay {
  readonly count: number;
  begin(): void;
  end(): void;
  /** Resolves once nothing is under way. */
  idle(): Promise<void>;
}

/** A number, and no set of what runs: the tables of a set that much passes through keep what was in them alive (passing-map.ts). */
export function createUnderWay(): UnderWay {
  let count = 0;
  let tellIdle: (() => void)[] = [];
  return {
    get count() {
      return count;
    },
    begin() {
      count += 1;
    },
    end() {
      count -= 1;
      if (count > 0) return;
      for (const tell of tellIdle) tell();
      tellIdle = [];
    },
    async idle() {
      while (count > 0) await new Promise<void>(resolve => tellIdle.push(resolve));
    },
  };
}
