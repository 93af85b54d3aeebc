import { answerMs, type DoctorCheck, ill, type Outcome, type Patient, well } from "./examination.ts";

/** What a server that runs has seen of its state store, which a look at the disk may miss: a disk that stands still now and then. */
export const commitsCheck: DoctorCheck = {
  name: "commits",
  async run({ url, isRunning }: Patient): Promise<Outcome> {
    if (!isRunning) return well("no server runs");
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(answerMs) });
    if (!response.ok) throw new Error(`/metrics was answered ${response.status}`);
    const metrics = await response.text();
    const total = sampleOf(metrics, "_count");
    return commitsOutcome({ total, slow: total - sampleOf(metrics, '_bucket{le="0.25"}') });
  },
};

/** A metric that is not there is that of a server of an earlier version. */
function sampleOf(metrics: string, suffix: string): number {
  const start = `\nupchirp_store_commit_seconds${suffix} `;
  const at = metrics.indexOf(start);
  return at < 0 ? 0 : Number.parseInt(metrics.slice(at + start.length), 10);
}

/** Fewer prove nothing. */
const leastSlow = 10;
const slowShare = 0.01;

/** Since the server's start. */
export interface Commits {
  readonly total: number;
  /** That took more than a quarter of a second. */
  readonly slow: number;
}

export function commitsOutcome({ total, slow }: Commits): Outcome {
  const found = `${total} since the start, ${slow} of them slower than 0.25 s`;
  if (slow < leastSlow || slow < slowShare * total) return well(found);
  const whatToDo = [
    "Give the data folder an SSD of its own; with Redis, see its disk, slow commands of other programs and the network.",
    "See whether the processor is busy: nodejs_eventloop_lag_p99_seconds in /metrics.",
    "Meanwhile, a larger rx1DelaySeconds of the region gives answers more time.",
  ];
  const summary = "The state store is slow: answers to devices wait for it and may miss their windows.";
  return { found, findings: [ill("warning", "slow_commits", summary, whatToDo, { commits: total, slow })] };
}
