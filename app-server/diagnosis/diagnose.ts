import { type Diagnoses, type Diagnosis, type Finding, findingCodes } from "../diagnosis-ports.ts";
import { acknowledgementCheck } from "./checks/acknowledgement.ts";
import { adrCheck } from "./checks/adr.ts";
import { channelsCheck } from "./checks/channels.ts";
import { codecCheck } from "./checks/codec.ts";
import { configurationCheck } from "./checks/configuration.ts";
import { transmissionCheck } from "./checks/downlinks.ts";
import { gatewaysCheck } from "./checks/gateways.ts";
import { joiningCheck } from "./checks/joining.ts";
import { queueCheck } from "./checks/queue.ts";
import { reachCheck } from "./checks/reach.ts";
import { sessionCheck } from "./checks/session.ts";
import type { Facts } from "./facts.ts";
import { type DiagnosisSources, gather } from "./gather.ts";
import type { Check } from "./words.ts";

/** In the order in which they are read out. */
const checks: readonly Check[] = [
  configurationCheck,
  reachCheck,
  joiningCheck,
  sessionCheck,
  gatewaysCheck,
  channelsCheck,
  transmissionCheck,
  queueCheck,
  acknowledgementCheck,
  codecCheck,
  adrCheck,
];

/** What is the matter with a device, by what is known of it. Pure. */
export function diagnose(facts: Facts): Diagnosis {
  const findings = oncePerCode(checks.flatMap(check => check.findings(facts))).toSorted(
    (left, right) => findingCodes.indexOf(left.code) - findingCodes.indexOf(right.code),
  );
  return {
    at: new Date(facts.nowMs).toISOString(),
    since: new Date(facts.sinceMs).toISOString(),
    isWell: findings.every(({ severity }) => severity === "notice"),
    findings,
    checked: checks.map(check => ({ check: check.name, found: check.found(facts) })),
  };
}

/** Two checks may come to the same by different facts; the first says it. */
const oncePerCode = (findings: readonly Finding[]): readonly Finding[] =>
  findings.filter((finding, index) => findings.findIndex(({ code }) => code === finding.code) === index);

export const createDiagnoses = (sources: DiagnosisSources): Diagnoses => ({
  of: async (device, scope) => diagnose(await gather(sources, device, scope)),
});
