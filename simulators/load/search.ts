export interface SearchOptions {
  readonly firstRate: number;
  readonly highestRate: number;
  /** Ends when the rate that holds and the one that does not are nearer than this share. */
  readonly precision: number;
  /** A rate that failed is tried again so often: other programs share the machine. */
  readonly repeats: number;
  readonly attempt: (ratePerSecond: number) => Promise<boolean>;
}

const growth = 1.5;
const lowestRate = 1;

/** Highest rate that holds: up until one fails, or down until one holds, then between the two. Undefined when none does. */
export async function findHighestRate(options: SearchOptions): Promise<number | undefined> {
  const { firstRate, highestRate, precision } = options;
  let holds: number | undefined;
  let fails: number | undefined;
  let rate = Math.min(firstRate, highestRate);
  while (!isNear(holds, fails, precision)) {
    if (await holdsAt(rate, options)) holds = rate;
    else fails = rate;
    if (holds === highestRate) break;
    if (fails !== undefined && fails <= lowestRate) break;
    rate = nextRate(holds, fails, highestRate);
  }
  return holds;
}

function isNear(holds: number | undefined, fails: number | undefined, precision: number): boolean {
  if (holds === undefined || fails === undefined) return false;
  return fails <= holds * (1 + precision) || fails - holds <= 1;
}

function nextRate(holds: number | undefined, fails: number | undefined, highestRate: number): number {
  if (holds === undefined) return Math.max(lowestRate, Math.floor((fails ?? lowestRate) / 2));
  if (fails === undefined) return Math.min(highestRate, Math.ceil(holds * growth));
  return Math.round((holds + fails) / 2);
}

async function holdsAt(rate: number, { repeats, attempt }: SearchOptions): Promise<boolean> {
  for (let attempts = 0; attempts <= repeats; attempts += 1) {
    if (await attempt(rate)) return true;
  }
  return false;
}
