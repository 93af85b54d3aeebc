import { readFileSync } from "node:fs";
import { join } from "node:path";
import { appServerFaults } from "../../app-server/config.ts";
import { joinServerFaults } from "../../join-server/config.ts";
import { checkRegionConfigs } from "../../network-server/region-check.ts";
import type { Config } from "../config.ts";
import { migrationsFolder } from "../database.ts";
import { joinServerFaultsOf } from "../join-servers.ts";
import { type Role, roleFaults } from "../roles.ts";
import { stateFolder } from "../state.ts";
import { brokerCheck } from "./broker.ts";
import { certificatesCheck } from "./certificates.ts";
import { clockCheck } from "./clock.ts";
import { commitsCheck } from "./commits.ts";
import {
  answerMs,
  codeOf,
  type DoctorCheck,
  type DoctorFinding,
  ill,
  messageOf,
  type Outcome,
  type Patient,
  well,
} from "./examination.ts";
import { dataFolderCheck, diskCheck } from "./folders.ts";
import { portsCheck } from "./ports.ts";
import { filesCheck, nodeCheck, udpBufferCheck } from "./process.ts";
import { databaseCheck, stateCheck } from "./stores.ts";

export interface Examination {
  readonly isWell: boolean;
  /** What keeps the server from running first. */
  readonly findings: readonly DoctorFinding[];
  readonly checked: readonly { readonly check: string; readonly found: string }[];
}

/** What the schema of the configuration cannot say. */
const configurationCheck: DoctorCheck = {
  name: "configuration",
  async run({ config, roles }: Patient): Promise<Outcome> {
    const faults = [
      ...checkRegionConfigs(config.networkServer.regions),
      ...appServerFaults(config.appServer),
      ...joinServerFaults(config.joinServer),
      ...joinServerFaultsOf(config.networkServer),
      ...roleFaults(config, roles),
    ];
    return faults.length === 0
      ? well("without faults")
      : { found: `${faults.length} faults`, findings: faults.map(configFinding) };
  },
};

const configFinding = (fault: string): DoctorFinding =>
  ill("error", "invalid_config", fault, ["Correct it; `upchirp config --example` documents every option."]);

/** Whether a server that runs says of itself that it is ready. */
const readinessCheck: DoctorCheck = {
  name: "server",
  async run({ config, url, isRunning, pid }: Patient): Promise<Outcome> {
    if (!isRunning) return stopped(config, pid);
    const response = await fetch(`${url}/readyz`, {
      signal: AbortSignal.timeout(answerMs),
    });
    const answer = await response.text();
    if (response.ok) return well("runs and is ready");
    const whatToDo = ["See the server's log for what it says of the check that failed."];
    return {
      found: "runs",
      findings: [
        ill("error", "not_ready", "The server runs and is not ready.", whatToDo, { answer: answer.slice(0, 300) }),
      ],
    };
  },
};

function stopped({ http }: Config, pid: number | undefined): Outcome {
  if (pid === undefined) return well("does not run");
  const whatToDo = [
    "If it was started with other options, give this command the same: --config, --http-port, --data.",
    "If it hangs, see its log, and stop it with SIGTERM.",
  ];
  const summary = `Process ${pid} has the data folder, and no server answers on port ${http.port}.`;
  return {
    found: `process ${pid} does not answer`,
    findings: [ill("warning", "server_not_answering", summary, whatToDo)],
  };
}

/** In the order in which findings are told: from what keeps the server from running to what could be better. */
const checks: readonly DoctorCheck[] = [
  configurationCheck,
  nodeCheck,
  dataFolderCheck,
  diskCheck,
  portsCheck,
  databaseCheck,
  stateCheck,
  readinessCheck,
  commitsCheck,
  brokerCheck,
  certificatesCheck,
  clockCheck,
  filesCheck,
  udpBufferCheck,
];

export interface DoctorOptions {
  readonly roles: ReadonlySet<Role>;
  readonly ntp?: string;
  /** URL of the folder with those of this program, which ends with `/`. */
  readonly migrations?: URL;
}

/** Looks at this machine, at what the configuration names, and at a server that runs with it. Changes nothing. */
export async function examine(config: Config, options: DoctorOptions): Promise<Examination> {
  const { roles, ntp, migrations = migrationsFolder } = options;
  const pid = ownerOf(config);
  const url = urlOf(config);
  const isRunning = await answers(config, url);
  const patient: Patient = {
    config,
    url,
    roles,
    isRunning,
    migrations,
    ...(pid !== undefined && { pid }),
    ...(ntp !== undefined && { ntp }),
  };
  const outcomes = await Promise.all(
    checks.map(async check => ({ check: check.name, ...(await outcomeOf(check, patient)) })),
  );
  return examinationOf(outcomes);
}

/** A configuration that cannot be read: nothing else can be looked at. */
export const examinationOfFaults = (message: string): Examination =>
  examinationOf([{ check: "configuration", found: "faulty", findings: message.split("\n").map(configFinding) }]);

function examinationOf(outcomes: readonly (Outcome & { readonly check: string })[]): Examination {
  const findings = outcomes.flatMap(outcome => outcome.findings);
  const of = (severity: DoctorFinding["severity"]) => findings.filter(finding => finding.severity === severity);
  return {
    isWell: findings.every(({ severity }) => severity === "notice"),
    findings: [...of("error"), ...of("warning"), ...of("notice")],
    checked: outcomes.map(({ check, found }) => ({ check, found })),
  };
}

/** A check that fails is no reason to say nothing of the others. */
async function outcomeOf(check: DoctorCheck, patient: Patient): Promise<Outcome> {
  try {
    return await check.run(patient);
  } catch (error) {
    const summary = `The check of ${check.name} itself failed: ${messageOf(error)}.`;
    return {
      found: "could not be checked",
      findings: [ill("warning", "check_failed", summary, ["See the sentence for the reason."])],
    };
  }
}

const everyAddress: readonly string[] = ["0.0.0.0", "::"];

function urlOf({ http: { bind, port } }: Config): string {
  const host = everyAddress.includes(bind) ? "127.0.0.1" : bind;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function answers({ http }: Config, url: string): Promise<boolean> {
  if (http.port === 0) return false;
  try {
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(answerMs) });
    const answer: unknown = await response.json();
    return response.headers.has("x-request-id") && JSON.stringify(answer) === '{"status":"ok"}';
  } catch {
    return false;
  }
}

/** Another user's process may be seen and not be sent signals. */
function isAlive(pid: number): boolean {
  try {
    return Number.isSafeInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** Who has the embedded state, while it lives. */
function ownerOf(config: Config): number | undefined {
  try {
    const pid = Number(readFileSync(join(stateFolder(config), "owner.pid"), "utf8"));
    return isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}
